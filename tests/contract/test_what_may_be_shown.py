"""Every output, with every reason why a post or a user may be hidden: hidden ones are in no output, visible ones are.

The reasons are those of tests/contract/hiding.py, the outputs the entries of GUESTS, POSTS and USERS.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib import import_module
from urllib.parse import urlencode

import pytest
from bson import ObjectId
from pymongo import MongoClient

from functions.feed.feed_ranker import open_feed_ranker
from local.functions import function
from local.http import event_of
from shared.config import HERE, forget_settings, settings
from shared.documents import Document
from shared.runtime.tokens import token_for
from shared.store import Store, close_store, open_store, schema
from tests.conftest import API_KEY
from tests.contract.hiding import (
    ALL,
    BLOCKS,
    CLUSTERS,
    COPIES,
    EVERY_WAY,
    KINDS,
    NAMES,
    NOW,
    READER,
    WAYS,
    withdraw,
    write_cluster,
    write_others,
)
from tests.factories import an_id, follow, write_users
from tests.networks import opened


def serve() -> None:
    for stem in ("refresh_creator_stats", "build_guest_feed", "refresh_catalogue"):
        function(stem).invoke(at=NOW)


@contextmanager
def deployment(mongo_uri: str, client: MongoClient[Document]) -> Iterator[Store]:
    """Databases with the reader, and the settings of functions that serve from them."""
    keys_and_queue = {"API_KEYS": API_KEY, "TRAINING_QUEUE": HERE}
    with opened(mongo_uri, client) as made, pytest.MonkeyPatch.context() as patch:
        for name, value in (made.environment | keys_and_queue).items():
            patch.setenv(name, value)
        forget_settings()
        close_store()
        open_feed_ranker.cache_clear()
        store = open_store()
        schema.apply(store.app, store.analytics)
        write_others(store.app)
        yield store
        close_store()
        forget_settings()


@pytest.fixture(scope="module", params=["before the jobs", "after the jobs"])
def network(
    request: pytest.FixtureRequest, mongo_uri: str, client: MongoClient[Document]
) -> Iterator[tuple[Store, set[str]]]:
    """Every cluster after its change, which happens before or after the jobs that prepare the outputs. Also the posts
    that rank_contents shows when it is called for each cluster alone, so that the changes of other clusters do not make
    it refresh its data."""
    with deployment(mongo_uri, client) as store:
        for name, (_, age_hours, form) in CLUSTERS.items():
            write_cluster(store.app, name, age_hours, form)
        if request.param == "before the jobs":
            withdraw(store.app, EVERY_WAY)
            serve()
            yield store, ranked_alone()
        else:
            serve()
            withdraw(store.app, WAYS | BLOCKS)
            alone = ranked_alone()
            withdraw(store.app, COPIES)  # as soon as there are copies, every document is checked
            function("remove_withdrawn").invoke(at=NOW)
            yield store, alone


def http(method: str, path: str, body: Document | None = None) -> Document:
    token = token_for(READER, settings().api_keys[0], now=datetime.now(UTC), valid_for=timedelta(hours=1))
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    event = event_of(method, path, headers, b"" if body is None else json.dumps(body).encode())
    answer = import_module("functions.feed.handlers.serve_feed").handler(event, None)
    assert answer["statusCode"] == 200, answer
    body_of_answer: Document = json.loads(answer["body"])
    return body_of_answer


def home_by(ask: Callable[[Document], Document]) -> list[str]:
    """All posts of the home, page by page."""
    items, page = [], ask({"maxResults": 100})
    items += page["items"]
    while page["cursor"]:
        assert len(page["cursor"]) <= 2_000
        page = ask({"maxResults": 100, "cursor": page["cursor"]})
        items += page["items"]
    return [item["content"] for item in items]


def ranked(answer: Document) -> list[str]:
    assert answer["code"] == 200, answer
    return [post for post, score in answer["result"].items() if score > 0]


def ranked_alone() -> set[str]:
    """The posts that rank_contents shows when it is called for each cluster alone."""
    requests = [[str(an_id(f"{name}/{part}")) for part in sorted(ALL)] for name in CLUSTERS]
    answers = (
        function("rank_contents").invoke(at=NOW, payload={"accountId": READER, "contents": contents})
        for contents in requests
    )
    return {key for answer in answers for key in ranked(answer)}


EVERY = [str(key) for key in NAMES]
ALONE = "rank_contents, each cluster alone"
SUGGEST = "/v2/data-services/suggest"

# Outputs by name, as the ids that they show. Guests block nobody, so BLOCKS are not tried on their outputs.
GUESTS: dict[str, Callable[[Store], list[str]]] = {
    "guest feed": lambda store: [str(row["content"]) for row in store.app.guestfeeditems.find({"countryCode": "th"})],
    "guest feed of everywhere": lambda store: [
        str(row["content"]) for row in store.app.guestfeeditems.find({"countryCode": "en"})
    ],
    "originals of the guest feed": lambda store: [
        str(row["originalContent"]) for row in store.app.guestfeeditems.find({"originalContent": {"$ne": None}})
    ],
}
POSTS: dict[str, Callable[[Store], list[str]]] = {
    "recommend_home": lambda store: home_by(
        lambda asked: function("recommend_home").invoke(at=NOW, payload={"accountId": READER, **asked})
    ),
    "/feed/home": lambda store: home_by(lambda asked: http("GET", f"/feed/home?{urlencode(asked)}")),
    "explain_ranking": lambda store: [
        item["content"]
        for item in function("explain_ranking").invoke(at=NOW, payload={"accountId": READER, "maxResults": 100})[
            "items"
        ]
    ],
    "suggest/contents": lambda store: [
        item["content"] for item in http("POST", f"{SUGGEST}/contents", {"maxResults": 100})["payload"]
    ],
    "rank_contents": lambda store: ranked(
        function("rank_contents").invoke(at=NOW, payload={"accountId": READER, "contents": EVERY})
    ),
    "personalize_content_predict": lambda store: ranked(
        http("POST", "/ds_service/personalize_content_predict", {"contents": EVERY})
    ),
}
USERS: dict[str, Callable[[Store], list[str]]] = {
    "recommend_people": lambda store: [
        item["userId"]
        for item in function("recommend_people").invoke(at=NOW, payload={"accountId": READER, "maxResults": 100})[
            "result"
        ]
    ],
    "suggest/users": lambda store: [
        item["user"] for item in http("POST", f"{SUGGEST}/users", {"maxResults": 100})["payload"]
    ],
    "suggest_follow_score": lambda store: [
        item["userId"] for item in http("POST", "/ds_service/suggest_follow_score", {})["result"]
    ],
}


@pytest.fixture(scope="module")
def shown(network: tuple[Store, set[str]]) -> dict[str, set[str]]:
    """The ids that each output shows; fails where one shows an id twice."""
    store, alone = network
    outputs = {name: output(store) for name, output in (POSTS | USERS).items()}
    assert [name for name, ids in outputs.items() if len(ids) != len(set(ids))] == []
    outputs |= {name: output(store) for name, output in GUESTS.items()}
    return {name: set(ids) for name, ids in outputs.items()} | {ALONE: alone}


def of_cluster(shown: set[str], name: str) -> set[str]:
    """The posts of a cluster that are shown."""
    return {part for part in ALL if str(an_id(f"{name}/{part}")) in shown}


CASES = [(way, output) for way in EVERY_WAY for output in POSTS]
CASES += [(way, output) for way in EVERY_WAY if way not in BLOCKS for output in GUESTS]
CASES += [(way, ALONE) for way in EVERY_WAY if way not in COPIES]


@pytest.mark.parametrize(("way", "output"), CASES)
def test_what_may_not_be_shown_is_not(shown: dict[str, set[str]], way: str, output: str) -> None:
    by_kind = {kind: of_cluster(shown[output], f"{way}, {kind}") & EVERY_WAY[way].hidden for kind in KINDS}

    assert by_kind == {kind: set() for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", EVERY_WAY)
def test_what_may_be_shown_is_shown(shown: dict[str, set[str]], way: str, kind: str) -> None:
    """Ranking shows all visible posts of a cluster, the home one of those that repeat each other, guests no recasts."""
    name, (age_hours, _) = f"{way}, {kind}", KINDS[kind]
    visible = ALL - EVERY_WAY[way].hidden

    for output in ("rank_contents", "personalize_content_predict", *([] if way in COPIES else [ALONE])):
        assert of_cluster(shown[output], name) == visible
    for output in ("recommend_home", "/feed/home"):
        assert len(of_cluster(shown[output], name)) == bool(visible & (ALL if age_hours < 24 else ALL - {"post"}))
    if way not in BLOCKS and age_hours < 24:
        assert of_cluster(shown["guest feed"], name) == visible - {"recast", "recast of recast"}


@pytest.mark.parametrize("output", USERS)
@pytest.mark.parametrize("way", EVERY_WAY)
def test_who_may_not_be_shown_is_not(shown: dict[str, set[str]], way: str, output: str) -> None:
    authors = {str(an_id(f"{way}, {kind}/post's author")) for kind in KINDS}
    recasters = {str(an_id(f"{way}, {kind}/recast's author")) for kind in KINDS}

    assert shown[output], "somebody is suggested"
    if EVERY_WAY[way].hides_author:
        assert shown[output] & authors == set()
    if way in ("recast's user withdrawn", "recaster blocks"):
        assert shown[output] & recasters == set()


@pytest.fixture(scope="module")
def through(mongo_uri: str, client: MongoClient[Document]) -> dict[str, list[str]]:
    """By way, the users through whom a star is suggested. The reader follows the author of each cluster's post, who
    follows a star of its own."""
    with deployment(mongo_uri, client) as store:
        for way, happens in EVERY_WAY.items():
            write_cluster(store.app, way, 5, ObjectId)
            write_users(store.app, f"star of {way}", now=NOW)
            author = f"{way}/post's author"
            store.app.relationships.insert_many(
                [follow("cat", author, at=NOW, _id=an_id(f"follow of {way}")), follow(author, f"star of {way}", at=NOW)]
            )
            happens.change(store.app, way)
        suggestions = http("POST", f"{SUGGEST}/users", {"maxResults": 100})["payload"]
    named = {item["user"]: item["aggregator"]["user"] for item in suggestions}
    return {way: named.get(str(an_id(f"star of {way}")), []) for way in EVERY_WAY}


@pytest.mark.parametrize("way", EVERY_WAY)
def test_nobody_is_suggested_through_who_may_not_be_shown(through: dict[str, list[str]], way: str) -> None:
    author = str(an_id(f"{way}/post's author"))

    assert through[way] == ([] if EVERY_WAY[way].hides_author else [author])
