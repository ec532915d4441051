"""Accounts' feeds over HTTP: the routes that the application calls, and a home page with a cursor."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from functions.feed import pages, rank_contents, recommend_home, recommend_people
from functions.feed.feed_ranker import FeedRanker
from functions.feed.options import MAX_ITEMS, Home, PeopleOptions
from functions.feed.requests import (
    DEFAULT_PEOPLE,
    FollowRequest,
    HomeQuery,
    HomeRequest,
    RankRequest,
    SuggestRequest,
    limit_of,
)
from shared.api import Caller, Route
from shared.config import Options
from shared.errors import AppError
from shared.report import Detail


@dataclass(frozen=True, slots=True)
class Feed:
    """The service that the routes answer from."""

    feed_ranker: FeedRanker
    options: Options

    def details(self) -> dict[str, Detail]:
        """For the report of an answer."""
        return self.feed_ranker.details()


def rank(feed: Feed, caller: Caller, request: RankRequest, now: datetime) -> Mapping[str, Any]:
    """A score for every id; on failure zeros and the reason with status 200, since these callers expect no errors."""
    account = caller.account_for(request.account_id)
    try:
        return rank_contents.answer(rank_contents.run(feed.feed_ranker, account, request.contents, now=now))
    except AppError as error:
        return rank_contents.error_response({"contents": request.contents}, str(error))


def follow_scores(feed: Feed, caller: Caller, request: FollowRequest, now: datetime) -> Mapping[str, Any]:
    """People to follow, the best first: as many as there may be, since this route has no field for their number."""
    account = caller.account_for(request.account)
    suggested = recommend_people.run(feed.feed_ranker.store, feed.options.of(PeopleOptions), account, limit=MAX_ITEMS)
    return recommend_people.follow_scores(suggested, now=now)


def suggest_users(feed: Feed, caller: Caller, request: SuggestRequest, now: datetime) -> Mapping[str, Any]:
    """People to follow, with the source of each."""
    account, limit = caller.account_for(request.account_id), limit_of(request.max_results, DEFAULT_PEOPLE)
    suggested = recommend_people.run(feed.feed_ranker.store, feed.options.of(PeopleOptions), account, limit=limit)
    return recommend_people.suggestions(suggested)


def suggest_contents(feed: Feed, caller: Caller, request: SuggestRequest, now: datetime) -> Mapping[str, Any]:
    """Posts of the home page, with the source of each."""
    account = caller.account_for(request.account_id)
    unpaged = HomeRequest(max_results=request.max_results, exclude=request.exclude)
    page = recommend_home.run(feed.feed_ranker, feed.options.of(Home), account, unpaged, paged=False, now=now)
    return pages.suggestions(page)


def home(feed: Feed, caller: Caller, request: HomeQuery, now: datetime) -> Mapping[str, Any]:
    """A page of the home, with the reason of each item and the cursor of the next page."""
    account = caller.account_for(request.account_id)
    paged = HomeRequest(max_results=request.max_results, cursor=request.cursor)
    return pages.home(recommend_home.run(feed.feed_ranker, feed.options.of(Home), account, paged, now=now))


ROUTES: tuple[Route[Feed], ...] = (
    Route("POST", "/ds_service/personalize_content_predict", "Rank posts for an account", RankRequest, rank),
    Route("POST", "/ds_service/suggest_follow_score", "Suggest people to follow", FollowRequest, follow_scores),
    Route("POST", "/v2/data-services/suggest/contents", "Suggest posts", SuggestRequest, suggest_contents),
    Route("POST", "/v2/data-services/suggest/users", "Suggest people", SuggestRequest, suggest_users),
    Route("GET", "/feed/home", "A page of the home", HomeQuery, home),
)
