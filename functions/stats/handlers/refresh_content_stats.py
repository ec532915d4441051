"""Rank recent posts by engagement.

Trigger   schedule, every 5 minutes
Reads     app.contents, analytics.contentStats
Writes    analytics.contentStats
"""

from functions.stats import refresh_content_stats
from functions.stats.options import ContentStats
from shared.config import settings
from shared.report import Report
from shared.runtime import Tick, on_schedule
from shared.store import open_store


@on_schedule
def handler(tick: Tick) -> Report:
    return refresh_content_stats.run(open_store(), settings().options.of(ContentStats), now=tick.time)
