"""Suggest people to follow.

Trigger   on demand: {"accountId": ..., "maxResults": 20}
Reads     app.relationships, app.accounts, app.users, analytics.creatorStats
Writes    nothing
"""

from functions.feed.options import People
from functions.feed.recommend_people import MAX_SUGGESTIONS, error_response, follow_scores, run
from shared.config import settings
from shared.report import Report
from shared.runtime import Request, on_direct_answer
from shared.runtime.direct import Answer
from shared.store import open_store


@on_direct_answer(error_response)
def handler(request: Request) -> Answer:
    account, limit = request.id("accountId", "userId"), request.number("maxResults", 20, MAX_SUGGESTIONS)
    suggested = run(open_store(), settings().options.of(People), account, limit=limit)
    return follow_scores(suggested, now=request.time), Report(written=len(suggested))
