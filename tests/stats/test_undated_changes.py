"""Documents that are added, removed or changed without a new date, or with a date far ahead, are noticed by the next
run in between, or by the runs that together compare every row."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from msgspec import structs
from pymongo.collection import Collection

from functions.stats import refresh_creator_stats, refresh_engagement_stats
from functions.stats.store.creator_stats import CreatorStatistics
from functions.stats.store.engagement_stats import EngagementStatistics
from tests.factories import account, an_id, engagement, post, topic, topics_of, user
from tests.stats.conftest import JOBS
from tests.stats.test_incremental_runs import everything_anew, statistics, tolerant

HOUR = timedelta(hours=1)
FAR = timedelta(days=1000)
AHEAD = timedelta(days=365 * 543)
PEOPLE = tuple(f"person {n}" for n in range(12))
TAGS = ("#goal", "#song", "#cup")
# Fields that are changed in each collection that statistics read, with their new values.
CHANGED: dict[str, dict[str, Any]] = {
    "contents": {"engagements.like.count": 70, "visibility": "hidden"},
    "users": {"visibility": "deleted", "followerCount": 70},
    "accounts": {"visibility": "deleted"},
    "engagements": {"visibility": "deleted"},
    "contentinfo": {"topics": [an_id("topic music")]},
}
SMALL_PARTS = {
    refresh_engagement_stats.NAME: {"compared_a_run": 30},  # of 143 engagements, 12 each
    refresh_creator_stats.NAME: {"repeated_a_run": 7},  # of 35 posts, 3 each
}
Rows = Collection[dict[str, Any]]
removed: dict[str, dict[str, Any]] = {}  # by collection, the document that was removed before the first run


def delete(rows: Rows) -> None:
    rows.delete_one({"_id": first(rows)["_id"]})


def restore(rows: Rows) -> None:
    rows.insert_one(removed[rows.name])


def swap(rows: Rows) -> None:
    delete(rows)
    restore(rows)


def replace(rows: Rows) -> None:
    """Another document instead of one, with another `_id` unless the `_id` is its identity."""
    old = first(rows)
    rows.delete_one({"_id": old["_id"]})
    new = old if rows.name in ("contents", "users", "accounts") else old | {"_id": an_id("another")}
    rows.insert_one(new)
    if rows.name != "contents":  # a post that is edited has a date that says so
        rows.update_one({"_id": new["_id"]}, {"$set": CHANGED[rows.name]})


def first(rows: Rows) -> dict[str, Any]:
    document = rows.find_one({"_id": {"$ne": removed[rows.name]["_id"]}}, sort=[("_id", 1)])
    assert document is not None
    return document


CHANGES = (delete, restore, swap, replace)


@pytest.fixture
def town(databases, noon) -> Iterator[Any]:
    """Everybody posts, and likes posts of others; one document of each collection is removed."""
    app, days = databases.app, noon - timedelta(days=4)
    app.users.insert_many([user(who, now=days, followerCount=n) for n, who in enumerate(PEOPLE)])
    app.accounts.insert_many([account(f"account of {who}", now=days) for who in PEOPLE])
    app.contents.insert_many(
        post(f"{who} {n}", now=noon, author=who, age_hours=90 + n, likes=n, payload={"message": TAGS[n]})
        for who in PEOPLE
        for n in range(3)
    )
    databases.analytics.topics.insert_many([topic("sports"), topic("football", "sports"), topic("music")])
    app.contentinfo.insert_many(
        topics_of(f"{who} {n}", *(("sports", "football") if n else ("music",)), at=days)
        for who in PEOPLE
        for n in range(3)
    )
    app.engagements.insert_many(
        engagement(who, f"{other} {n}", at=days) for who in PEOPLE for other in PEOPLE[:4] for n in range(3)
    )
    for name in CHANGED:
        [last] = app[name].find().sort("_id", -1).limit(1)
        app[name].delete_one({"_id": last["_id"]})
        removed[name] = last
    yield app
    removed.clear()


def run_jobs(store, now, parts=None):
    """Run the four jobs.

    parts  by the name of a job, the argument that says how much a run compares; each compares what it does by default
           for None
    """
    for job in JOBS:
        options = structs.replace(job.options, full_every=FAR)
        job.module.run(store, options, now=now, **(parts or {}).get(job.name, {}))


def assert_as_anew(store, now):
    expected, stored = everything_anew(store, now), statistics(store)
    for job in JOBS:
        lag = 0.0102 if job.collection == "contentStats" else 1e-9
        assert stored[job.collection] == tolerant(expected[job.collection], lag), job.collection


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@pytest.mark.parametrize("collection", CHANGED)
def test_what_no_date_tells_of_is_seen_by_the_next_run(store, town, noon, collection, change):
    run_jobs(store, noon)
    before = statistics(store)

    change(town[collection])
    run_jobs(store, noon + HOUR)

    assert statistics(store) != before
    assert_as_anew(store, noon + HOUR)


@pytest.mark.parametrize("collection", ["users", "engagements", "contentinfo"])
def test_a_network_too_large_for_one_run_is_compared_part_by_part(store, town, noon, collection):
    run_jobs(store, noon, SMALL_PARTS)
    for document in list(town[collection].find().sort("_id", 1))[::3]:
        town[collection].delete_one({"_id": document["_id"]})

    for run in range(1, 8):
        run_jobs(store, noon + run * HOUR, SMALL_PARTS)

    assert_as_anew(store, noon + run * HOUR)


@pytest.mark.parametrize("form", [str, lambda key: str(key).upper()], ids=["text", "capitals"])
def test_users_whose_ids_are_stored_as_text_have_their_turn(store, town, noon, form):
    for n, like in enumerate(list(town.engagements.find())):
        if n % 2:
            town.engagements.update_one({"_id": like["_id"]}, {"$set": {"user": form(like["user"])}})
    run_jobs(store, noon, SMALL_PARTS)
    for like in list(town.engagements.find().sort("_id", 1))[::3]:
        town.engagements.delete_one({"_id": like["_id"]})

    for run in range(1, 16):
        run_jobs(store, noon + run * HOUR, SMALL_PARTS)

    assert_as_anew(store, noon + run * HOUR)


@pytest.mark.parametrize("collection", CHANGED)
def test_what_is_dated_far_ahead_is_seen_at_each_change(store, town, noon, collection, monkeypatch):
    rows = town[collection]
    key = {"_id": first(rows)["_id"]}
    rows.update_one(key, {"$set": {"updatedAt": noon + AHEAD}})
    run_jobs(store, noon)
    nothing: tuple[set[Any], None] = (set(), None)
    monkeypatch.setattr(type(store.engagements), "users_in_turn", lambda *_: nothing)
    monkeypatch.setattr(EngagementStatistics, "users", lambda *_: set())
    monkeypatch.setattr(CreatorStatistics, "in_turn", lambda *_: nothing)

    for step, (field, value) in enumerate(CHANGED[collection].items(), 1):
        before = statistics(store)
        rows.update_one(key, {"$set": {field: value, "updatedAt": noon + AHEAD + step * HOUR}})
        run_jobs(store, noon + step * HOUR)
        assert statistics(store) != before
        assert_as_anew(store, noon + step * HOUR)
