"""Train the detector of bots, when people have judged something new.

Trigger   schedule, hourly
Reads     analytics.credentialfeatures, analytics.frauddetectionmlartifacts, analytics.artifactVersions,
          analytics.frozenModels
Writes    analytics.frauddetectionmlartifacts, analytics.artifactVersions, analytics.trainingOutcomes,
          analytics.modelPromotions
"""

from functions.bots import train_bot_detector
from functions.bots.options import Bots
from shared.artifacts import Registry
from shared.config import settings
from shared.report import Report
from shared.runtime import Tick, on_schedule
from shared.store import open_store


@on_schedule
def handler(tick: Tick) -> Report:
    store, config = open_store(), settings()
    registry = Registry(store.analytics, config.artifact_keys)
    return train_bot_detector.run(store, registry, config.options.of(Bots), now=tick.time)
