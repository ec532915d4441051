"""Take over the verdicts whose change event was missed.

Trigger   schedule, hourly
Reads     app.suspiciouscredentials, analytics.credentialfeatures
Writes    analytics.credentialfeatures, app.suspiciouscredentials
"""

from functions.bots import sweep_verdicts
from functions.bots.options import Bots
from shared.config import settings
from shared.report import Report
from shared.runtime import Tick, on_schedule
from shared.store import open_store


@on_schedule
def handler(tick: Tick) -> Report:
    return sweep_verdicts.run(open_store(), settings().options.of(Bots), now=tick.time)
