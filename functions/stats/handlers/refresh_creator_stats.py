"""Total what the posts of each creator earn.

Trigger   schedule, hourly
Reads     app.contents, app.users, app.accounts, analytics.creatorStats
Writes    analytics.creatorStats
"""

from functions.stats import refresh_creator_stats
from functions.stats.options import CreatorStats
from shared.config import settings
from shared.report import Report
from shared.runtime import Tick, on_schedule
from shared.store import open_store


@on_schedule
def handler(tick: Tick) -> Report:
    return refresh_creator_stats.run(open_store(), settings().options.of(CreatorStats), now=tick.time)
