"""Take over a verdict the moment that it is given.

Trigger   change: suspiciouscredentials
Reads     app.suspiciouscredentials, analytics.credentialfeatures
Writes    analytics.credentialfeatures, app.suspiciouscredentials
"""

from functions.bots import apply_verdicts
from functions.bots.options import Bots
from shared.config import settings
from shared.report import Report
from shared.runtime import Changes, on_change
from shared.store import open_store


@on_change("suspiciouscredentials")
def handler(changes: Changes) -> Report:
    return apply_verdicts.run(open_store(), settings().options.of(Bots), changes.items, now=changes.time)
