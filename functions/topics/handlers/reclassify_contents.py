"""Name language and topics of posts whose change was missed or that an older model named; count the posts of topics.

Trigger   schedule, every 12 hours
Reads     app.contents, app.contentinfo, analytics.topics, analytics.topicCorrections, analytics.mlArtifacts_topics
Writes    app.contentinfo, analytics.topics
"""

from functions.topics import reclassify_contents
from functions.topics.annotate import open_annotator
from functions.topics.options import Topics
from shared.artifacts import Registry
from shared.config import settings
from shared.report import Report
from shared.runtime import Tick, on_schedule
from shared.store import open_store


@on_schedule
def handler(tick: Tick) -> Report:
    store, config = open_store(), settings()
    registry = Registry(store.analytics, config.artifact_keys)
    annotator = open_annotator(store, registry, config.options, now=tick.time)
    report = reclassify_contents.run(store, annotator, config.options.of(Topics), now=tick.time)
    return Report.together([report, annotator.warning])
