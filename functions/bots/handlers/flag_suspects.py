"""Put suspicious credentials before the reviewers.

Trigger   schedule, every minute
Reads     analytics.credentialfeatures, analytics.frauddetectionmlartifacts, app.suspiciouscredentials
Writes    app.suspiciouscredentials
"""

from functions.bots import flag_suspects
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
    return flag_suspects.run(store, registry, config.options.of(Bots), now=tick.time)
