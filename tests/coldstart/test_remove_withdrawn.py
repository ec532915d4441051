"""Withdrawn rows leave the live guest feed at once, also beside a build, and whatever form the change has."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId, Timestamp
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from functions.coldstart import build_guest_feed, remove_withdrawn
from local.changes import relaying
from local.functions import function
from shared.change import Change, ClusterTime
from shared.documents import Document
from shared.report import Report
from shared.store import open_store, schema
from shared.store.guest_feed import Staging
from shared.store.guest_items import QUERY_PLAN_KILLED
from tests.conftest import Failing
from tests.factories import an_id, post, write_users
from tests.networks import NOON, QUICK, SHORT, Network, opened, write_village
from tests.waiting import until

WITHDRAWN = {"$set": {"visibility": "deleted"}}
Build = Callable[..., Any]


def withdrawn(collection: str, name: str, **fields: Any) -> Change:
    return Change(collection, an_id(name), "update", document={"visibility": "deleted"}, **fields)


def remove(network: Network, changes: list[Change]) -> Report:
    return remove_withdrawn.run(network.store, changes)


def rows_of(network: Network, *posts: str) -> int:
    rows: int = network.store.app.guestfeeditems.count_documents({"content": {"$in": [an_id(name) for name in posts]}})
    return rows


def test_rows_of_a_withdrawn_post_go_and_no_others(village: Network, build: Build) -> None:
    build()
    before = village.store.app.guestfeeditems.count_documents({})
    gone = rows_of(village, "p0")
    village.store.app.contents.update_one({"_id": an_id("p0")}, WITHDRAWN)

    report = remove(village, [withdrawn("contents", "p0")])

    assert (report.read, report.removed) == (1, gone)
    assert gone > 0
    assert rows_of(village, "p0") == 0
    assert village.store.app.guestfeeditems.count_documents({}) == before - gone
    assert remove(village, [withdrawn("contents", "p0")]).removed == 0, "twice is once"


def test_what_repeats_it_goes_with_it_though_what_lies_between_is_no_row(village: Network, build: Build) -> None:
    app = village.store.app

    def quote(name: str, quoted: str, age_hours: float) -> Document:
        original = {"_id": an_id(quoted), "author": {"id": an_id("author 1")}}
        return post(name, now=NOON, author="author 2", age_hours=age_hours, isQuote=True, originalPost=original)

    app.contents.insert_many([quote("between", "p1", 24 * 40), quote("above", "between", 0.1)])
    build(rows_per_country=40)
    assert (rows_of(village, "above") > 0, rows_of(village, "between")) == (True, 0)

    app.contents.update_one({"_id": an_id("p1")}, WITHDRAWN)
    remove(village, [withdrawn("contents", "p1")])

    assert rows_of(village, "p1", "above") == 0


def test_posts_of_a_user_and_of_an_account_go_and_come_back_with_the_next_build(village: Network, build: Build) -> None:
    app, posts = village.store.app, [f"p{n}" for n in range(30)]
    build(rows_per_country=30)
    app.users.update_one({"_id": an_id("author 1")}, WITHDRAWN)
    app.accounts.update_one({"_id": an_id("account of author 2")}, WITHDRAWN)

    remove(village, [withdrawn("users", "author 1"), withdrawn("accounts", "account of author 2")])

    hidden = [name for name in posts if int(name[1:]) % 10 in (1, 2)]
    assert rows_of(village, *hidden) == 0
    assert rows_of(village, *posts) > 0
    for collection, who in (("users", "author 1"), ("accounts", "account of author 2")):
        app[collection].update_one({"_id": an_id(who)}, {"$set": {"visibility": "publish"}})
    build(rows_per_country=30, now=NOON + timedelta(minutes=30))
    assert rows_of(village, *hidden) == len(hidden) * rows_of(village, "p0")


def edited(*paths: str) -> Change:
    """A published post whose edited paths are known."""
    document = {"visibility": "publish"}
    return Change("contents", an_id("p0"), "update", document=document, updated=frozenset(paths) or None)


def new(collection: str, *, text: bool = False, document: Document | None = None) -> Change:
    return Change(collection, an_id("p0"), "insert", document=document, has_text_key=text)


HARMLESS = {
    "a new post": new("contents", document={"visibility": "publish"}),
    "a new user": new("users", document={"visibility": "publish"}),
    "a new account": new("accounts", document={"visibility": "publish"}),
    "a new account without visibility": new("accounts", document={}),
    "an edited post": edited("payload.message"),
    "a restored user": Change(
        "users", an_id("x"), "update", document={"visibility": "publish"}, updated=frozenset({"visibility"})
    ),
}
TELLING = {
    "a deletion": Change("contents", an_id("p0"), "delete"),
    "a key without a document": Change("contents", an_id("p0"), "update"),
    "a replacement without visibility": Change("users", an_id("x"), "replace", document={}),
    "a user of another account": Change("users", an_id("x"), "update", document={"visibility": "publish"}),
    "a post that quotes another": edited("payload.message", "originalPost"),
    "a post that quotes another, in part": edited("originalPost._id"),
    "a post that became a recast": edited("isRecast"),
    "a post of another author": edited("author.id"),
    "a post, nobody told how": edited(),
    "a new post that is not published": new("contents", document={"visibility": "draft"}),
    "a new user without visibility": new("users", document={}),
    "a new account whose visibility is malformed": new("accounts", document={"visibility": ["publish"]}),
    "a new post that is too large to be told": new("contents"),
    "a new user under hex digits": new("users", text=True, document={"visibility": "publish"}),
    "a key of any type": Change("accounts", 7, "delete"),
}


@pytest.mark.parametrize("change", HARMLESS.values(), ids=HARMLESS)
def test_what_withdraws_nothing_asks_nothing(village: Network, change: Change) -> None:
    village.store.app.command("profile", 2)

    assert remove(village, [change]).read == 0

    village.store.app.command("profile", 0)
    assert village.store.app["system.profile"].count_documents({}) == 0


@pytest.mark.parametrize("change", TELLING.values(), ids=TELLING)
def test_what_may_withdraw_something_is_looked_for(village: Network, build: Build, change: Change) -> None:
    build()
    village.store.app.contents.delete_one({"_id": an_id("p0")})

    assert remove(village, [change]).removed > 0
    assert rows_of(village, "p0") == 0


def test_changes_from_before_a_finished_check_are_covered(village: Network, build: Build) -> None:
    build()
    app = village.store.app
    app.contents.update_one({"_id": an_id("p0")}, WITHDRAWN)
    remove(village, [withdrawn("contents", "p0")])
    mark = village.store.analytics.watermarks.find_one({"_id": remove_withdrawn.NAME})
    assert mark is not None
    covered = ClusterTime(mark["clusterTime"].time, mark["clusterTime"].inc)
    app.contents.update_one({"_id": an_id("p3")}, WITHDRAWN)

    earlier = remove(village, [withdrawn("contents", "p0", cluster_time=covered)])
    assert (earlier.removed, rows_of(village, "p3") > 0) == (0, True)

    later = ClusterTime(covered.seconds, covered.increment + 1)
    changes = [withdrawn("contents", "p0", cluster_time=covered), withdrawn("contents", "p3", cluster_time=later)]
    assert remove(village, changes).removed > 0
    assert rows_of(village, "p3") == 0


def test_a_mark_that_is_dated_ahead_covers_nothing_and_heals(village: Network, build: Build) -> None:
    build()
    marks = village.store.analytics.watermarks
    marks.update_one({"_id": remove_withdrawn.NAME}, {"$set": {"clusterTime": Timestamp(2**32 - 1, 1)}}, upsert=True)
    village.store.app.contents.update_one({"_id": an_id("p0")}, WITHDRAWN)
    at = ClusterTime(int(datetime.now(UTC).timestamp()), 1)

    assert remove(village, [withdrawn("contents", "p0", cluster_time=at)]).removed > 0
    mark = marks.find_one({"_id": remove_withdrawn.NAME})
    assert mark is not None
    assert mark["clusterTime"] < Timestamp(2**32 - 1, 1)


def test_a_check_that_fails_covers_nothing(village: Network, build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    build()
    village.store.app.contents.update_one({"_id": an_id("p0")}, WITHDRAWN)

    def fails(*arguments: Any) -> int:
        raise OperationFailure("no", 11600)

    with monkeypatch.context() as patch:
        patch.setattr("shared.store.guest_feed.remove_withdrawn", fails)
        with pytest.raises(OperationFailure):
            remove(village, [withdrawn("contents", "p0")])

    at = ClusterTime(0, 1)
    assert remove(village, [withdrawn("contents", "p0", cluster_time=at)]).removed > 0


def test_a_feed_that_is_published_in_the_middle_is_looked_through_again(private_server: str, failing: Failing) -> None:
    """The server then ends the deletion with an error, once."""
    with MongoClient[Document](private_server, tz_aware=True) as client, opened(private_server, client) as village:
        write_village(village.store)
        build_guest_feed.run(village.store, village.registry, SHORT, QUICK, now=NOON)
        village.store.app.contents.update_one({"_id": an_id("p0")}, WITHDRAWN)

        with failing("delete", code=QUERY_PLAN_KILLED, times=2), pytest.raises(OperationFailure):
            remove(village, [withdrawn("contents", "p0")])
        with failing("delete", code=QUERY_PLAN_KILLED, times=1):
            assert remove(village, [withdrawn("contents", "p0")]).removed > 0


def rows_in_staging(network: Network) -> int:
    return sum(network.store.app[name].count_documents({}) for name in network.staging())


# The steps of a build, of `put` the first one: behind which a post is withdrawn, and behind which that is handled.
STEPS = ["stage", "put", "index", "check", "renew", "publish", "end"]
RACES = [(at, at) for at in STEPS] + [("stage", "end"), ("check", "renew"), ("check", "publish"), ("renew", "publish")]


@pytest.mark.parametrize(("at", "handled"), RACES)
def test_a_withdrawal_at_any_moment_of_a_build_is_in_no_feed(
    village: Network, build: Build, monkeypatch: pytest.MonkeyPatch, at: str, handled: str
) -> None:
    build()
    app, done = village.store.app, set[str]()

    def reach(step: str) -> None:
        if step == at and step not in done:
            app.contents.update_one({"_id": an_id("p0")}, WITHDRAWN)
        if step == handled and step not in done:
            remove(village, [withdrawn("contents", "p0")])
        done.add(step)

    def after(owner: type, method: str, step: str) -> None:
        body = getattr(owner, method)

        def stepping(*arguments: Any, **named: Any) -> Any:
            result = body(*arguments, **named)
            if step == "put" and step not in done:
                until(lambda: rows_in_staging(village) >= result)
            reach(step)
            return result

        monkeypatch.setattr(owner, method, stepping)

    for method in ("put", "index", "check", "publish"):
        after(Staging, method, method)
    after(type(village.store.guest_feed), "stage", "stage")
    after(type(village.store.leases), "extend", "renew")

    build(now=NOON + timedelta(minutes=30))
    reach("end")

    assert {row["createdAt"] for row in village.feed("th")} == {NOON + timedelta(minutes=30)}
    assert len(village.feed("th")) >= 9
    assert rows_of(village, "p0") == 0


SHOWN = {"contents": "p of ann", "users": "ann", "accounts": "account of ann"}
SECOND: dict[str, Document] = {
    "not published": {"visibility": "deleted"},
    "malformed": {"visibility": ["publish"]},
    "without visibility": {"visibility": None},
    "without an account": {"visibility": "publish", "ownerAccount": ObjectId()},
    "of another author": {"visibility": "publish", "author": {"id": ObjectId()}},
    "of another original": {
        "visibility": "publish",
        "author": {"id": an_id("ann")},
        "originalPost": {"_id": ObjectId()},
    },
}
SECONDS = [
    *((collection, defect) for collection in SHOWN for defect in ("not published", "malformed")),
    *((collection, "without visibility") for collection in ("contents", "users")),
    *(("users", "without an account"), ("contents", "of another author"), ("contents", "of another original")),
]


@pytest.fixture
def relayed(deployed: None, store: Any) -> Iterator[Any]:
    """A feed of the posts of two people, and the relay that follows what becomes of them."""
    now = datetime.now(UTC)
    schema.apply(store.app, store.analytics)
    write_users(store.app, "ann", "bob", now=now)
    store.app.contents.insert_many([post(f"p of {who}", now=now, author=who) for who in ("ann", "bob")])
    function("build_guest_feed").invoke(at=now)
    with relaying(open_store(), lambda run: None) as relay:
        relay.await_start()
        yield store


@pytest.mark.parametrize(("collection", "defect"), SECONDS)
def test_a_second_document_under_an_id_that_withdraws_the_first_reaches_the_feed_by_the_relay(
    relayed: Any, collection: str, defect: str
) -> None:
    rows = relayed.app.guestfeeditems
    assert set(rows.distinct("author")) == {an_id("ann"), an_id("bob")}

    relayed.app[collection].insert_one({"_id": str(an_id(SHOWN[collection]))} | SECOND[defect])

    until(lambda: set(rows.distinct("author")) == {an_id("bob")})


def test_a_withdrawal_reaches_the_feed_by_the_relay(deployed: None, store: Any) -> None:
    now = datetime.now(UTC)
    schema.apply(store.app, store.analytics)
    write_users(store.app, "ann", "bob", "eve", "dan", now=now)
    store.app.contents.insert_many([post(f"of {who}", now=now, author=who) for who in ("ann", "bob", "eve", "dan")])
    function("build_guest_feed").invoke(at=now)

    def authors() -> set[ObjectId]:
        return set(store.app.guestfeeditems.distinct("author"))

    assert authors() == {an_id(who) for who in ("ann", "bob", "eve", "dan")}
    with relaying(open_store(), lambda run: None) as relay:
        relay.await_start()
        store.app.contents.delete_one({"_id": an_id("of ann")})
        until(lambda: authors() == {an_id(who) for who in ("bob", "eve", "dan")})
        store.app.users.update_one({"_id": an_id("bob")}, WITHDRAWN)
        until(lambda: authors() == {an_id(who) for who in ("eve", "dan")})
        store.app.accounts.update_one({"_id": an_id("account of eve")}, WITHDRAWN)
        until(lambda: authors() == {an_id("dan")})

    mark = store.analytics.watermarks.find_one({"_id": remove_withdrawn.NAME})
    assert isinstance(mark["clusterTime"], Timestamp)
