"""Complete erasures that were cut short, where no other function does.

Trigger   schedule, daily
Reads     analytics.erasures, app.users, app.contents
Writes    analytics.auditLog, analytics.homePages
"""

from functions.privacy import complete_erasures
from shared.report import Report
from shared.runtime import Tick, on_schedule
from shared.store import open_store


@on_schedule
def handler(tick: Tick) -> Report:
    return complete_erasures.run(open_store())
