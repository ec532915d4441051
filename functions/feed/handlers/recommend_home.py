"""Make the next page of an account's home.

Trigger   on demand: {"accountId": ..., "maxResults": 25, "exclude": [...], "cursor": ...}
Reads     analytics.mlArtifacts, analytics.mlArtifacts_members, analytics.snapshots, app.relationships, app.feeditems,
          app.engagements, app.guestfeeditems, app.contents, app.accounts, app.users, analytics.homePages
Writes    analytics.homePages
"""

from functions.feed import recommend_home
from functions.feed.feed_ranker import open_desk
from functions.feed.recommend_home import MOST, MOST_EXCLUDED, Asked
from shared.config import settings
from shared.report import Report
from shared.runtime import Request, on_call
from shared.runtime.direct import Answer
from shared.store import open_store


@on_call(recommend_home.sorry)
def handler(request: Request) -> Answer:
    desk, options = open_desk(open_store(), settings().artifact_keys, settings().options.members), settings().options
    most, exclude = request.number("maxResults", options.home.items, MOST), request.ids("exclude", MOST_EXCLUDED)
    asked = Asked(request.id("accountId"), most, exclude, request.cursor("cursor"))
    page = recommend_home.run(desk, options.home, asked, now=request.time)
    return recommend_home.home(page), Report(written=len(page.items), details=desk.details())
