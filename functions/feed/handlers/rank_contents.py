"""Rank posts for one account.

Trigger   on demand: {"accountId": ..., "contents": [...]}
Reads     analytics.mlArtifacts, analytics.mlArtifacts_members, analytics.snapshots, app.contents, app.accounts,
          app.users, app.relationships
Writes    nothing
"""

from datetime import datetime

from functions.feed import rank_contents
from functions.feed.feed_ranker import open_feed_ranker
from functions.feed.options import Members
from functions.feed.requests import RankRequest
from shared.config import settings
from shared.report import Report
from shared.runtime.direct import Answer, on_direct_answer
from shared.store import open_store


@on_direct_answer(RankRequest, rank_contents.error_response)
def handler(request: RankRequest, now: datetime) -> Answer:
    feed_ranker = open_feed_ranker(open_store(), settings().artifact_keys, settings().options.of(Members))
    scores = rank_contents.run(feed_ranker, request.named_account, request.contents, now=now)
    return rank_contents.answer(scores), Report(len(scores), details=feed_ranker.details())
