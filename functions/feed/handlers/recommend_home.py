"""Make the next page of an account's home.

Trigger   on demand: {"accountId": ..., "maxResults": 25, "exclude": [...], "cursor": ...}
Reads     analytics.mlArtifacts, analytics.mlArtifacts_members, analytics.snapshots, app.relationships, app.feeditems,
          app.engagements, app.guestfeeditems, app.contents, app.accounts, app.users, analytics.homePages
Writes    analytics.homePages
"""

from functions.feed.feed_ranker import open_feed_ranker
from functions.feed.options import MAX_ITEMS, Home, Members
from functions.feed.pages import error_response, home
from functions.feed.recommend_home import MAX_EXCLUDED, HomeRequest, run
from shared.config import settings
from shared.report import Report
from shared.runtime.direct import Answer, Request, on_direct_answer
from shared.store import open_store


@on_direct_answer(error_response)
def handler(request: Request) -> Answer:
    feed_ranker = open_feed_ranker(open_store(), settings().artifact_keys, settings().options.of(Members))
    limit = request.number("maxResults", settings().options.of(Home).items, MAX_ITEMS)
    wanted = HomeRequest(request.id("accountId"), limit, request.ids("exclude", MAX_EXCLUDED), request.cursor("cursor"))
    page = run(feed_ranker, settings().options.of(Home), wanted, now=request.time)
    return home(page), Report(written=len(page.items), details=feed_ranker.details())
