"""Accounts' feeds over HTTP: the routes that the application calls, and a home page with a cursor."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from functions.feed import pages, rank_contents, recommend_home, recommend_people
from functions.feed.feed_ranker import FeedRanker
from functions.feed.options import MAX_ITEMS, Home, People
from functions.feed.recommend_home import HomeRequest
from shared.api import MAX_CURSOR_LENGTH, Caller, Route
from shared.config import Options
from shared.errors import AppError
from shared.report import Detail

Id = Annotated[str, StringConstraints(pattern="^[0-9a-fA-F]{24}$")]
ShortText = Annotated[str, StringConstraints(max_length=128)]


@dataclass(frozen=True, slots=True)
class Feed:
    """The service that the routes answer from."""

    feed_ranker: FeedRanker
    options: Options

    def details(self) -> dict[str, Detail]:
        """For the report of an answer."""
        return self.feed_ranker.details()


class Request(BaseModel):
    """Fields are spelt in camel case, as the application spells them."""

    model_config = ConfigDict(alias_generator=to_camel)


class RankRequest(Request):
    """Posts to rank for an account, the caller's own where none is named."""

    account_id: Id | None = None
    contents: list[ShortText] = Field(max_length=rank_contents.MAX_CONTENTS)


class FollowRequest(Request):
    """An account to suggest people to, the caller's own where none is named; older callers name it `userId`."""

    account_id: Id | None = None
    user_id: Id | None = None


class SuggestRequest(Request):
    """How many suggestions an account is to get, and which posts it is not."""

    account_id: Id | None = None
    max_results: int = Field(default=25, ge=1, le=MAX_ITEMS)
    exclude: list[Id] = Field(default=[], max_length=recommend_home.MAX_EXCLUDED)


class HomeQuery(Request):
    """A page of the home, the first without a cursor."""

    account_id: Id | None = None
    max_results: int = Field(default=25, ge=1, le=MAX_ITEMS)
    cursor: Annotated[str, StringConstraints(max_length=MAX_CURSOR_LENGTH)] = ""


def rank(feed: Feed, caller: Caller, request: RankRequest, now: datetime) -> Mapping[str, Any]:
    """A score for every id; on failure zeros and the reason with status 200, since these callers expect no errors."""
    account = caller.account_for(request.account_id)
    try:
        return rank_contents.answer(rank_contents.run(feed.feed_ranker, account, request.contents, now=now))
    except AppError as error:
        return rank_contents.error_response({"contents": request.contents}, str(error))


def follow_scores(feed: Feed, caller: Caller, request: FollowRequest, now: datetime) -> Mapping[str, Any]:
    """People to follow, the best first."""
    account = caller.account_for(request.account_id or request.user_id)
    limit = recommend_people.MAX_SUGGESTIONS
    suggested = recommend_people.run(feed.feed_ranker.store, feed.options.of(People), account, limit=limit)
    return recommend_people.follow_scores(suggested, now=now)


def suggest_users(feed: Feed, caller: Caller, request: SuggestRequest, now: datetime) -> Mapping[str, Any]:
    """People to follow, with the source of each."""
    account = caller.account_for(request.account_id)
    suggested = recommend_people.run(
        feed.feed_ranker.store, feed.options.of(People), account, limit=request.max_results
    )
    return recommend_people.suggestions(suggested)


def suggest_contents(feed: Feed, caller: Caller, request: SuggestRequest, now: datetime) -> Mapping[str, Any]:
    """Posts of the home page, with the source of each."""
    account = caller.account_for(request.account_id)
    home_request = HomeRequest(account, request.max_results, request.exclude, paged=False)
    return pages.suggestions(home_page(feed, home_request, now))


def home(feed: Feed, caller: Caller, request: HomeQuery, now: datetime) -> Mapping[str, Any]:
    """A page of the home, with the reason of each item and the cursor of the next page."""
    account = caller.account_for(request.account_id)
    home_request = HomeRequest(account, request.max_results, cursor=request.cursor)
    return pages.home(home_page(feed, home_request, now))


def home_page(feed: Feed, home_request: HomeRequest, now: datetime) -> pages.Page:
    """The requested page."""
    return recommend_home.run(feed.feed_ranker, feed.options.of(Home), home_request, now=now)


ROUTES: tuple[Route[Feed], ...] = (
    Route("POST", "/ds_service/personalize_content_predict", "Rank posts for an account", RankRequest, rank),
    Route("POST", "/ds_service/suggest_follow_score", "Suggest people to follow", FollowRequest, follow_scores),
    Route("POST", "/v2/data-services/suggest/contents", "Suggest posts", SuggestRequest, suggest_contents),
    Route("POST", "/v2/data-services/suggest/users", "Suggest people", SuggestRequest, suggest_users),
    Route("GET", "/feed/home", "A page of the home", HomeQuery, home),
)
