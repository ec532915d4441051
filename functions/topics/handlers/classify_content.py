"""Name the language and topics of posts the moment that they change.

Trigger   change: contents
Reads     app.contents, app.contentinfo, analytics.topics, analytics.topicCorrections, analytics.mlArtifacts_topics
Writes    app.contentinfo, analytics.topics
"""

from functions.topics import classify_content
from functions.topics.annotate import open_annotator
from functions.topics.options import Topics
from shared.artifacts import Registry
from shared.config import settings
from shared.report import Report
from shared.runtime import Changes, on_change
from shared.store import open_store


@on_change("contents")
def handler(changes: Changes) -> Report:
    store, config = open_store(), settings()
    registry = Registry(store.analytics, config.artifact_keys)
    annotator = open_annotator(store, registry, config.options, now=changes.time)
    report = classify_content.run(store, annotator, config.options.of(Topics), changes.items, now=changes.time)
    return Report.together([report, annotator.warning])
