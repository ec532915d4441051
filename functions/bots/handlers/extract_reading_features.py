"""Describe how credentials read, as soon as they have read something new.

Trigger   schedule, every 5 minutes
Reads     app.feeditems, app.users, analytics.credentialfeatures, analytics.accountLinks
Writes    analytics.credentialfeatures, analytics.accountLinks
"""

from functions.bots import extract_reading_features
from functions.bots.options import Bots
from shared.config import settings
from shared.report import Report
from shared.runtime import Tick, on_schedule
from shared.store import open_store


@on_schedule
def handler(tick: Tick) -> Report:
    return extract_reading_features.run(open_store(), settings().options.of(Bots), now=tick.time)
