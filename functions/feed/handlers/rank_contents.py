"""Rank posts for one account.

Trigger   on demand: {"accountId": ..., "contents": [...]}
Reads     analytics.mlArtifacts, analytics.mlArtifacts_members, analytics.snapshots, app.contents, app.accounts,
          app.users, app.relationships
Writes    nothing
"""

from functions.feed import rank_contents
from functions.feed.feed_ranker import open_feed_ranker
from functions.feed.options import Members
from shared.config import settings
from shared.report import Report
from shared.runtime import Request, on_direct_answer
from shared.runtime.direct import Answer
from shared.store import open_store


@on_direct_answer(rank_contents.error_response)
def handler(request: Request) -> Answer:
    feed_ranker = open_feed_ranker(open_store(), settings().artifact_keys, settings().options.of(Members))
    contents = request.texts("contents", rank_contents.MAX_CONTENTS)
    scores = rank_contents.run(feed_ranker, request.id("accountId"), contents, now=request.time)
    return rank_contents.answer(scores), Report(len(scores), details=feed_ranker.details())
