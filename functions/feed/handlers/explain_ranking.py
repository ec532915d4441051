"""Tell what an account's home would show now, and what the score of each post is made of.

Trigger   on demand: {"accountId": ..., "maxResults": 25}
Reads     analytics.mlArtifacts, analytics.mlArtifacts_members, analytics.snapshots, app.relationships, app.feeditems,
          app.engagements, app.guestfeeditems, app.contents, app.accounts, app.users
Writes    nothing
"""

from datetime import datetime

from functions.feed import explain_ranking
from functions.feed.feed_ranker import open_feed_ranker
from functions.feed.options import Home, Members
from functions.feed.requests import ItemsRequest
from shared.config import settings
from shared.report import Report
from shared.runtime.direct import Answer, on_direct_question
from shared.store import open_store


@on_direct_question(ItemsRequest)
def handler(request: ItemsRequest, now: datetime) -> Answer:
    feed_ranker = open_feed_ranker(open_store(), settings().artifact_keys, settings().options.of(Members))
    answer = explain_ranking.run(feed_ranker, settings().options.of(Home), request.named_account, request, now=now)
    return answer, Report(len(answer["items"]), details=feed_ranker.details())
