"""Suggest people to follow.

Trigger   on demand: {"accountId": ..., "maxResults": 20}
Reads     app.relationships, app.accounts, app.users, analytics.creatorStats
Writes    nothing
"""

from functions.feed import recommend_people
from shared.config import settings
from shared.report import Report
from shared.runtime import Request, on_direct_answer
from shared.runtime.direct import Answer
from shared.store import open_store


@on_direct_answer(recommend_people.error_response)
def handler(request: Request) -> Answer:
    account, most = (
        request.id("accountId", "userId"),
        request.number("maxResults", 20, recommend_people.MAX_SUGGESTIONS),
    )
    found = recommend_people.run(open_store(), settings().options.people, account, most=most)
    return recommend_people.follow_scores(found, now=request.time), Report(written=len(found))
