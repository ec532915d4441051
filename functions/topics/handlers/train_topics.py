"""Train the classifier of topics, when there is something new to learn from.

Trigger   schedule, daily
Reads     app.contents, app.users, app.accounts, analytics.labelledTexts, analytics.topicCorrections,
          analytics.mlArtifacts_topics, analytics.artifactVersions, analytics.frozenModels
Writes    analytics.mlArtifacts_topics, analytics.artifactVersions, analytics.topicCorrections,
          analytics.trainingOutcomes, analytics.modelPromotions
"""

from functions.topics import train_topics
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
    return train_topics.run(store, registry, config.options.of(Topics), now=tick.time)
