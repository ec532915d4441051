"""Make the next page of an account's home.

Trigger   on demand: {"accountId": ..., "maxResults": 25, "exclude": [...], "cursor": ...}
Reads     analytics.mlArtifacts, analytics.mlArtifacts_members, analytics.snapshots, app.relationships, app.feeditems,
          app.engagements, app.guestfeeditems, app.contents, app.accounts, app.users, analytics.homePages
Writes    analytics.homePages
"""

from functions.feed import recommend_home
from functions.feed.feed_ranker import open_feed_ranker
from functions.feed.recommend_home import MAX_EXCLUDED, MAX_ITEMS, HomeRequest
from shared.config import settings
from shared.report import Report
from shared.runtime import Request, on_direct_answer
from shared.runtime.direct import Answer
from shared.store import open_store


@on_direct_answer(recommend_home.error_response)
def handler(request: Request) -> Answer:
    feed_ranker, options = (
        open_feed_ranker(open_store(), settings().artifact_keys, settings().options.members),
        settings().options,
    )
    most, exclude = request.number("maxResults", options.home.items, MAX_ITEMS), request.ids("exclude", MAX_EXCLUDED)
    asked = HomeRequest(request.id("accountId"), most, exclude, request.cursor("cursor"))
    page = recommend_home.run(feed_ranker, options.home, asked, now=request.time)
    return recommend_home.home(page), Report(written=len(page.items), details=feed_ranker.details())
