"""Name the language and topics of posts that no change told of, or that an older model named.

Trigger   schedule, every 12 hours
Reads     app.contents, app.contentinfo, analytics.mlArtifacts_topics
Writes    app.contentinfo, analytics.topics
"""

from functions.topics import reclassify_contents
from functions.topics.annotate import open_describer
from shared.artifacts import Registry
from shared.config import settings
from shared.report import Report
from shared.runtime import Tick, on_schedule
from shared.store import open_store


@on_schedule
def handler(tick: Tick) -> Report:
    store, chosen = open_store(), settings()
    registry = Registry(store.analytics, chosen.artifact_keys)
    describer = open_describer(store, registry, chosen.options, now=tick.time)
    report = reclassify_contents.run(store, describer, chosen.options.topics, now=tick.time)
    return Report.together([report, describer.warning])
