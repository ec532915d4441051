"""Every output, with every way of not being visible: what may not be shown is nowhere, and what may is still there.

A way of not being visible is one entry of WAYS, COPIES or BLOCKS, an output one of GUESTS, POSTS or USERS.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any
from urllib.parse import urlencode

import pytest
from bson import DBRef, ObjectId
from pymongo import MongoClient

from functions.feed.feed_ranker import open_feed_ranker
from local.functions import function
from local.http import event_of
from shared.config import HERE, forget_settings, settings
from shared.documents import Document
from shared.runtime.tokens import token_for
from shared.store import Store, close_store, open_store, schema
from tests.conftest import API_KEY
from tests.factories import account, an_id, follow, post, user, write_users
from tests.networks import opened

NOW = datetime.now(UTC).replace(microsecond=0)
READER = str(an_id("account of cat"))
ALL = {"post", "recast", "quote", "recast of recast", "quote of recast"}

Change = Callable[[Any, str], Any]  # takes the application's database and the name of a cluster


def of_post(*update: Document) -> Change:
    return lambda app, name: [app.contents.update_one({"_id": an_id(f"{name}/post")}, one) for one in update]


def of_user(update: Document, part: str = "post") -> Change:
    return lambda app, name: app.users.update_one({"_id": an_id(f"{name}/{part}'s author")}, update)


def of_account(update: Document) -> Change:
    return lambda app, name: app.accounts.update_one({"_id": an_id(f"account of {name}/post's author")}, update)


def deleted(collection: str, what: str) -> Change:
    return lambda app, name: app[collection].delete_one({"_id": an_id(what.replace("%", name))})


def related(who: str, whom: str, **fields: Any) -> Change:
    """A row of relationships between the reader's user and an author, `%` in its name stands for the cluster."""
    return lambda app, name: app.relationships.insert_one(
        follow(who.replace("%", name), whom.replace("%", name), at=NOW, following=False, **fields)
    )


def in_digits(way: Change) -> Change:
    """The same, and the ids of the row as text."""

    def change(app: Any, name: str) -> None:
        row = app.relationships.find_one({"_id": way(app, name).inserted_id})
        texts = {"user": str(row["user"]), "followedUser": str(row["followedUser"]).upper()}
        app.relationships.update_one({"_id": row["_id"]}, {"$set": texts})

    return change


def cycle(app: Any, name: str) -> None:
    """The post quotes what quotes it."""
    quote = {"_id": an_id(f"{name}/quote"), "author": {"id": an_id(f"{name}/quote's author")}}
    app.contents.update_one({"_id": an_id(f"{name}/post")}, {"$set": {"isQuote": True, "originalPost": quote}})


def empty_cycle(app: Any, name: str) -> None:
    """The post is a recast of a recast of it."""
    recast = {"_id": an_id(f"{name}/recast"), "author": {"id": an_id(f"{name}/recast's author")}}
    app.contents.update_one({"_id": an_id(f"{name}/post")}, {"$set": {"isRecast": True, "originalPost": recast}})


def refers_to(original: str, author: str, **fields: Any) -> Change:
    """The post is edited to repeat or quote another."""
    other = {"_id": an_id(original), "author": {"id": an_id(author)}}
    return of_post({"$set": {"originalPost": other} | fields})


def owner_in(form: Callable[[ObjectId], Any]) -> Change:
    """The author's account, which is published, in a form that is no id."""
    return lambda app, name: app.users.update_one(
        {"_id": an_id(f"{name}/post's author")},
        {"$set": {"ownerAccount": form(an_id(f"account of {name}/post's author"))}},
    )


def copied(collection: str, what: str, *, original: str, copy: str) -> Change:
    """A document has a copy under its hex digits; each with a visibility of its own."""

    def change(app: Any, name: str) -> None:
        key = an_id(what.replace("%", name))
        document = app[collection].find_one({"_id": key})
        app[collection].insert_one(document | {"_id": str(key), "visibility": copy})
        app[collection].update_one({"_id": key}, {"$set": {"visibility": original}})

    return change


def together(*ways: Change) -> Change:
    return lambda app, name: [way(app, name) for way in ways]


@dataclass(frozen=True)
class Way:
    """What happens to a cluster, which of its posts may not be shown any more, and whether the post's author may not
    be."""

    change: Change
    hidden: frozenset[str] = frozenset(ALL)
    hides_author: bool = False


WITHDRAWN = {"$set": {"visibility": "deleted"}}
ABSENT = {"$unset": {"visibility": ""}}
AUTHOR, MIDDLE = "%/post's author", "%/recast's author"
BELOW = frozenset({"recast", "recast of recast", "quote of recast"})

WAYS = {
    "nothing": Way(together(), frozenset()),
    "draft": Way(of_post({"$set": {"visibility": "draft"}})),
    "post withdrawn": Way(of_post(WITHDRAWN)),
    "post without visibility": Way(of_post(ABSENT)),
    "visibility of another type": Way(of_post({"$set": {"visibility": ["publish"]}})),
    "post gone": Way(deleted("contents", "%/post")),
    "user withdrawn": Way(of_user(WITHDRAWN), hides_author=True),
    "user without visibility": Way(of_user(ABSENT), hides_author=True),
    "user gone": Way(deleted("users", "%/post's author"), hides_author=True),
    "account withdrawn": Way(of_account(WITHDRAWN), hides_author=True),
    "account of another type": Way(of_account({"$set": {"visibility": ["publish"]}}), hides_author=True),
    "account gone": Way(deleted("accounts", "account of %/post's author"), hides_author=True),
    "account without visibility": Way(of_account(ABSENT), frozenset()),
    "user without account": Way(of_user({"$unset": {"ownerAccount": ""}}), frozenset()),
    "recast withdrawn": Way(
        lambda app, name: app.contents.update_one({"_id": an_id(f"{name}/recast")}, WITHDRAWN), BELOW
    ),
    "recast's user withdrawn": Way(of_user(WITHDRAWN, "recast"), BELOW),
    "cycle": Way(cycle, frozenset()),
    "cycle, post withdrawn": Way(together(cycle, of_post(WITHDRAWN))),
    "cycle, user withdrawn": Way(together(cycle, of_user(WITHDRAWN)), hides_author=True),
    "cycle of recasts": Way(empty_cycle, frozenset(ALL)),
}
WAYS |= {
    f"edited to {kind} what is {how}": Way(refers_to(of, by, **{f"is{kind.title()}": True}))
    for kind in ("quote", "recast")
    for how, of, by in (("withdrawn", "withdrawn post", "ann"), ("by a withdrawn user", "post of zed", "zed"))
}
WAYS |= {
    "edited to a recast of nothing": Way(of_post({"$set": {"isRecast": True}})),
    "by a withdrawn user now": Way(of_post({"$set": {"author.id": an_id("zed")}})),
    "by another user now": Way(of_post({"$set": {"author.id": an_id("ann")}}), frozenset()),
    "authors in a list": Way(of_post({"$set": {"author": [{"id": an_id("ann")}]}})),
    "author's id in a list": Way(of_post({"$set": {"author.id": [an_id("ann")]}})),
}
MALFORMED: Mapping[str, Callable[[ObjectId], Any]] = {
    "list": lambda one: [one],
    "reference": lambda one: DBRef("any", one),
    "document": lambda one: {"id": one, "_id": [one]},
    "text": lambda one: f"{one}0",
    "number": lambda one: 7,
    "empty list": lambda one: [],
}
WAYS |= {f"account in a {name}": Way(owner_in(form), hides_author=True) for name, form in MALFORMED.items()}
WAYS |= {
    f"original in a {name}": Way(of_post({"$set": {"originalPost": form(an_id("post of ann"))}}))
    for name, form in MALFORMED.items()
}
WAYS |= {
    f"original's id in a {name}": Way(of_post({"$set": {"originalPost": {"_id": form(an_id("post of ann"))}}}))
    for name, form in MALFORMED.items()
}
COPIES = {
    f"{what}, {'copy' if copy == 'deleted' else 'document'} withdrawn": Way(
        copied(collection, key, original=original, copy=copy), hides_author=what != "post"
    )
    for what, collection, key in (
        ("post", "contents", "%/post"),
        ("user", "users", "%/post's author"),
        ("account", "accounts", "account of %/post's author"),
    )
    for original, copy in (("publish", "deleted"), ("deleted", "publish"))
}
COPIES["post, none withdrawn"] = Way(copied("contents", "%/post", original="publish", copy="publish"), frozenset())
BLOCKS = {
    "reader blocks": Way(related("cat", AUTHOR, blocking=True), hides_author=True),
    "reader is blocked": Way(related("cat", AUTHOR, blocked=True), hides_author=True),
    "author blocks": Way(related(AUTHOR, "cat", blocking=True), hides_author=True),
    "author is blocked": Way(related(AUTHOR, "cat", blocked=True), hides_author=True),
    "recaster blocks": Way(related(MIDDLE, "cat", blocking=True), BELOW),
    "reader's page blocks": Way(related("cat's page", AUTHOR, blocking=True), hides_author=True),
    "reader blocks, in digits": Way(in_digits(related("cat", AUTHOR, blocking=True)), hides_author=True),
    "author blocks, in digits": Way(in_digits(related(AUTHOR, "cat", blocking=True)), hides_author=True),
    "edited to quote what is by who is blocked": Way(refers_to("post of eve", "eve", isQuote=True)),
    "edited to recast what is by who is blocked": Way(refers_to("post of eve", "eve", isRecast=True)),
    "by who is blocked now": Way(of_post({"$set": {"author.id": an_id("eve")}})),
}
EVERY_WAY = WAYS | COPIES | BLOCKS

# How old the post is that the others repeat, beyond the window of 30 days or not, and how ids are stored.
KINDS = {"young": (5, ObjectId), "old": (24 * 40, ObjectId), "young, in digits": (5, str), "old, in digits": (960, str)}
CLUSTERS = {f"{way}, {kind}": (way, *KINDS[kind]) for way in EVERY_WAY for kind in KINDS}
NAMES = {an_id(f"{cluster}/{part}"): (cluster, part) for cluster in CLUSTERS for part in ALL}


def write_cluster(app: Any, name: str, age_hours: float, form: Callable[[Any], Any]) -> None:
    """A post, a recast and a quote of it, and a recast and a quote of the recast, each by an author of its own."""

    def repeats(part: str, of: str, **fields: Any) -> Document:
        original = {"_id": form(an_id(f"{name}/{of}")), "author": {"id": form(an_id(f"{name}/{of}'s author"))}}
        return written(part, 4 - len(part) / 10, originalPost=original, **fields)

    def written(part: str, age: float, **fields: Any) -> Document:
        return post(f"{name}/{part}", now=NOW, age_hours=age, author=f"{name}/{part}'s author", **fields)

    app.contents.insert_many(
        [
            written("post", age_hours),
            repeats("recast", "post", isRecast=True, payload={}),
            repeats("quote", "post", isQuote=True),
            repeats("recast of recast", "recast", isRecast=True, payload={}),
            repeats("quote of recast", "recast", isQuote=True),
        ]
    )
    authors = [f"{name}/{part}'s author" for part in sorted(ALL)]
    app.users.insert_many([user(one, now=NOW, ownerAccount=form(an_id(f"account of {one}"))) for one in authors])
    app.accounts.insert_many([account(f"account of {one}", now=NOW) for one in authors])


def write_others(app: Any) -> None:
    """The reader, and whom clusters come to refer to: ann, eve who is blocked, and zed who is withdrawn."""
    app.accounts.insert_many([account(f"account of {one}", now=NOW) for one in ("cat", "ann", "eve", "zed")])
    app.users.insert_many([user(one, now=NOW, account="account of cat") for one in ("cat", "cat's page")])
    app.users.insert_many([user("ann", now=NOW), user("eve", now=NOW), user("zed", now=NOW, visibility="deleted")])
    posts = {"post of ann": "ann", "post of eve": "eve", "post of zed": "zed", "withdrawn post": "ann"}
    app.contents.insert_many([post(name, now=NOW, age_hours=960, author=by) for name, by in posts.items()])
    app.contents.update_one({"_id": an_id("withdrawn post")}, WITHDRAWN)
    app.relationships.insert_one(follow("cat", "eve", at=NOW, following=False, blocking=True))


def withdraw(app: Any, ways: Mapping[str, Way]) -> None:
    for name, (way, _, _) in CLUSTERS.items():
        if way in ways:
            ways[way].change(app, name)


def serve() -> None:
    for stem in ("refresh_creator_stats", "build_guest_feed", "refresh_catalogue"):
        function(stem).invoke(at=NOW)


@contextmanager
def deployment(mongo_uri: str, client: MongoClient[Document]) -> Iterator[Store]:
    """Databases with the reader, and the settings of functions that serve from them."""
    given = {"API_KEYS": API_KEY, "TRAINING_QUEUE": HERE}
    with opened(mongo_uri, client) as made, pytest.MonkeyPatch.context() as patch:
        for name, value in (made.environment | given).items():
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
    """Every cluster, and all that serves them; each way happens to its cluster before or after that is made. And what
    ranking shows where it is asked for each cluster alone, so that what happened to others does not make it look."""
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
            withdraw(store.app, COPIES)  # where there are any, everything is looked at
            function("remove_withdrawn").invoke(at=NOW)
            yield store, alone


def http(method: str, path: str, body: Document | None = None) -> Document:
    token = token_for(READER, settings().api_keys[0], now=datetime.now(UTC), valid_for=timedelta(hours=1))
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    event = event_of(method, path, headers, b"" if body is None else json.dumps(body).encode())
    answer = import_module("functions.feed.handlers.serve_feed").handler(event, None)
    assert answer["statusCode"] == 200, answer
    found: Document = json.loads(answer["body"])
    return found


def home_by(ask: Callable[[Document], Document]) -> list[str]:
    """All posts of the home, page by page."""
    found, page = [], ask({"maxResults": 100})
    found += page["items"]
    while page["cursor"]:
        assert len(page["cursor"]) <= 2_000
        page = ask({"maxResults": 100, "cursor": page["cursor"]})
        found += page["items"]
    return [one["content"] for one in found]


def ranked(answer: Document) -> list[str]:
    assert answer["code"] == 200, answer
    return [post for post, score in answer["result"].items() if score > 0]


def ranked_alone() -> set[str]:
    """What ranking shows of each cluster."""
    asked = [[str(an_id(f"{name}/{part}")) for part in sorted(ALL)] for name in CLUSTERS]
    answers = (
        function("rank_contents").invoke(at=NOW, payload={"accountId": READER, "contents": contents})
        for contents in asked
    )
    return {one for answer in answers for one in ranked(answer)}


EVERY = [str(one) for one in NAMES]
ALONE = "rank_contents, each cluster alone"
SUGGEST = "/v2/data-services/suggest"

# Outputs that show posts: what they show. Guests have no blocks, so they are asked about WAYS alone.
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
    "suggest/contents": lambda store: [
        one["content"] for one in http("POST", f"{SUGGEST}/contents", {"maxResults": 100})["payload"]
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
        one["userId"]
        for one in function("recommend_people").invoke(at=NOW, payload={"accountId": READER, "maxResults": 100})[
            "result"
        ]
    ],
    "suggest/users": lambda store: [
        one["user"] for one in http("POST", f"{SUGGEST}/users", {"maxResults": 100})["payload"]
    ],
    "suggest_follow_score": lambda store: [
        one["userId"] for one in http("POST", "/ds_service/suggest_follow_score", {})["result"]
    ],
}


@pytest.fixture(scope="module")
def shown(network: tuple[Store, set[str]]) -> dict[str, set[str]]:
    """What each output shows; nothing twice."""
    store, alone = network
    found = {name: output(store) for name, output in (POSTS | USERS).items()}
    assert [name for name, one in found.items() if len(one) != len(set(one))] == []
    found |= {name: output(store) for name, output in GUESTS.items()}
    return {name: set(one) for name, one in found.items()} | {ALONE: alone}


def of_cluster(shown: set[str], name: str) -> set[str]:
    """Which posts of a cluster are among what is shown."""
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
    """Ranking has all of it; the home has one of what is one post in other words; guests have all but repetitions."""
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
    """Of each way the users who are named as the ones through whom somebody is suggested, whom the author of its
    cluster follows; the reader follows all these authors."""
    with deployment(mongo_uri, client) as store:
        for way, happens in EVERY_WAY.items():
            write_cluster(store.app, way, 5, ObjectId)
            write_users(store.app, f"star of {way}", now=NOW)
            author = f"{way}/post's author"
            store.app.relationships.insert_many(
                [follow("cat", author, at=NOW, _id=an_id(f"follow of {way}")), follow(author, f"star of {way}", at=NOW)]
            )
            happens.change(store.app, way)
        found = http("POST", f"{SUGGEST}/users", {"maxResults": 100})["payload"]
    named = {one["user"]: one["aggregator"]["user"] for one in found}
    return {way: named.get(str(an_id(f"star of {way}")), []) for way in EVERY_WAY}


@pytest.mark.parametrize("way", EVERY_WAY)
def test_nobody_is_suggested_through_who_may_not_be_shown(through: dict[str, list[str]], way: str) -> None:
    author = str(an_id(f"{way}/post's author"))

    assert through[way] == ([] if EVERY_WAY[way].hides_author else [author])
