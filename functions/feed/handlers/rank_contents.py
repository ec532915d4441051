"""Rank posts for one account.

Trigger   on demand: {"accountId": ..., "contents": [...]}
Reads     analytics.mlArtifacts, analytics.mlArtifacts_members, analytics.snapshots, app.contents, app.accounts,
          app.users, app.relationships
Writes    nothing
"""

from functions.feed import rank_contents
from functions.feed.feed_ranker import open_desk
from shared.config import settings
from shared.report import Report
from shared.runtime import Request, on_call
from shared.runtime.direct import Answer
from shared.store import open_store


@on_call(rank_contents.sorry)
def handler(request: Request) -> Answer:
    desk = open_desk(open_store(), settings().artifact_keys, settings().options.members)
    contents = request.texts("contents", rank_contents.MOST)
    result = rank_contents.run(desk, request.id("accountId"), contents, now=request.time)
    return rank_contents.answer(result), Report(len(result), details=desk.details())
