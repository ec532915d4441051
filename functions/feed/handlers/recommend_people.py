"""Suggest people to follow.

Trigger   on demand: {"accountId": ..., "maxResults": 25}
Reads     app.relationships, app.accounts, app.users, analytics.creatorStats
Writes    nothing
"""

from datetime import datetime

from functions.feed.options import PeopleOptions
from functions.feed.recommend_people import error_response, follow_scores, run
from functions.feed.requests import DEFAULT_PEOPLE, PeopleRequest, limit_of
from shared.config import settings
from shared.report import Report
from shared.runtime.direct import Answer, on_direct_answer
from shared.store import open_store


@on_direct_answer(PeopleRequest, error_response)
def handler(request: PeopleRequest, now: datetime) -> Answer:
    limit = limit_of(request.max_results, DEFAULT_PEOPLE)
    suggested = run(open_store(), settings().options.of(PeopleOptions), request.named_account, limit=limit)
    return follow_scores(suggested, now=now), Report(written=len(suggested))
