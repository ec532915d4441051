"""Train a ranker for the guests of every country.

Trigger   schedule, daily
Reads     app.contents, app.engagements, app.feeditems, app.accounts, app.users, app.contentinfo,
          analytics.contentfiltering, analytics.mlArtifacts_country, analytics.mlArtifacts_global,
          analytics.artifactVersions, analytics.frozenModels
Writes    analytics.mlArtifacts_country, analytics.mlArtifacts_global, analytics.artifactVersions,
          analytics.trainingOutcomes, analytics.modelPromotions
"""

from functions.coldstart import train_coldstart
from shared.artifacts import Registry
from shared.config import settings
from shared.ranking.options import Coldstart
from shared.report import Report
from shared.runtime import Tick, on_schedule
from shared.store import open_store


@on_schedule
def handler(tick: Tick) -> Report:
    store, config = open_store(), settings()
    registry = Registry(store.analytics, config.artifact_keys)
    return train_coldstart.run(store, registry, config.options.of(Coldstart), now=tick.time)
