"""Make the next page of an account's home.

Trigger   on demand: {"accountId": ..., "maxResults": 25, "exclude": [...], "cursor": ...}
Reads     analytics.mlArtifacts, analytics.mlArtifacts_members, analytics.snapshots, app.relationships, app.feeditems,
          app.engagements, app.guestfeeditems, app.contents, app.accounts, app.users, analytics.homePages
Writes    analytics.homePages
"""

from datetime import datetime

from functions.feed import pages, recommend_home
from functions.feed.feed_ranker import open_feed_ranker
from functions.feed.options import Home, Members
from functions.feed.requests import HomeRequest
from shared.config import settings
from shared.report import Report
from shared.runtime.direct import Answer, on_direct_answer
from shared.store import open_store


@on_direct_answer(HomeRequest, pages.error_response)
def handler(request: HomeRequest, now: datetime) -> Answer:
    feed_ranker = open_feed_ranker(open_store(), settings().artifact_keys, settings().options.of(Members))
    page = recommend_home.run(feed_ranker, settings().options.of(Home), request.named_account, request, now=now)
    return pages.home(page), Report(written=len(page.items), details=feed_ranker.details())
