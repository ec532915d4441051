"""Total the use of each hashtag.

Trigger   schedule, hourly
Reads     app.contents, analytics.hashtagStats
Writes    analytics.hashtagStats
"""

from functions.stats import refresh_hashtag_stats
from functions.stats.options import HashtagStats
from shared.config import settings
from shared.report import Report
from shared.runtime import Tick, on_schedule
from shared.store import open_store


@on_schedule
def handler(tick: Tick) -> Report:
    return refresh_hashtag_stats.run(open_store(), settings().options.of(HashtagStats), now=tick.time)
