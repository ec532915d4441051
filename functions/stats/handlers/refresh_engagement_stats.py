"""Count which topics each user engages with.

Trigger   schedule, hourly
Reads     app.engagements, app.contentinfo, analytics.topics, analytics.userEngagementStats
Writes    analytics.userEngagementStats
"""

from functions.stats import refresh_engagement_stats
from functions.stats.options import EngagementStats
from shared.config import settings
from shared.report import Report
from shared.runtime import Tick, on_schedule
from shared.store import open_store


@on_schedule
def handler(tick: Tick) -> Report:
    return refresh_engagement_stats.run(open_store(), settings().options.of(EngagementStats), now=tick.time)
