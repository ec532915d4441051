"""Measure how much of what was seen was engaged with.

Trigger   schedule, daily
Reads     app.feeditems, app.engagements, app.accounts, app.users
Writes    analytics.feedperformances
"""

from functions.monitor import measure_feed
from functions.monitor.options import MeasureFeed
from shared.config import settings
from shared.report import Report
from shared.runtime import Tick, on_schedule
from shared.store import open_store


@on_schedule
def handler(tick: Tick) -> Report:
    return measure_feed.run(open_store(), settings().options.of(MeasureFeed), now=tick.time)
