"""Records that the application has stored more than once, under another `_id` and in another form, count once in
everything that is derived from them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from bson import BSON, ObjectId

from functions.bots import extract_reading_features
from functions.bots.options import Bots
from functions.feed import train_personal
from functions.feed.affinity_counters import follow_pairs, read_follows
from functions.monitor import measure_feed
from functions.monitor.options import MeasureFeed
from functions.stats import (
    refresh_content_stats,
    refresh_creator_stats,
    refresh_engagement_stats,
    refresh_hashtag_stats,
)
from functions.stats.options import ContentStats, CreatorStats, EngagementStats, HashtagStats
from functions.topics.store.labelled_texts import LabelledTexts
from local.functions import function, pipeline
from local.runs import deliver
from local.world import WorldOptions, build_world, write_world
from shared.columns import id_keys
from shared.config import Options
from shared.documents import Document
from shared.ranking.accounts import Accounts
from shared.ranking.history import read_history
from shared.ranking.options import Coldstart
from shared.ranking.quality import quality
from shared.runtime import queue
from shared.store import schema
from tests.faults.test_ids_as_text import as_text
from tests.networks import NOON

SMALL = WorldOptions(users=60, contents=300, engagements=2_000, feed_items=4_000, countries=3, with_text=True, seed=3)
OPTIONS = Options()

# Collections in which the application may hold a record twice: those with another identity than `_id`.
REPEATABLE = tuple(item for item in schema.COLLECTIONS if item.owner == "application" and item.key != ("_id",))
LABELLED = {"text": "Two goals", "topics": ["sports/football"], "language": "en", "updatedAt": NOON}
OUTPUTS = (
    schema.CONTENT_STATS,
    schema.CREATOR_STATS,
    schema.HASHTAG_STATS,
    schema.ENGAGEMENT_STATS,
    schema.CREDENTIAL_FEATURES,
    schema.FEED_PERFORMANCES,
)
DESCRIPTIONS = ("topics", "contentinfo")  # of posts

# How the second record of an event may differ from the first: makes it of the document and of the users by account.
Form = Callable[[Document, dict[ObjectId, ObjectId]], Document]


def without_account(engagement: Document, _: dict[ObjectId, ObjectId]) -> Document:
    return {name: value for name, value in engagement.items() if name != "account"}


def with_null(engagement: Document, _: dict[ObjectId, ObjectId]) -> Document:
    return engagement | {"account": None}


def in_hex(row: Document, _: dict[ObjectId, ObjectId]) -> Document:
    return {name: as_text(value) for name, value in row.items()}


def by_the_user(exposure: Document, users: dict[ObjectId, ObjectId]) -> Document:
    return exposure | {"viewer": users[exposure["viewer"]]}


FORMS: dict[str, dict[str, Form]] = {
    "in the same form": {},
    "with ids as text": dict.fromkeys(("engagements", "feeditems", "relationships"), in_hex),
    "acts without the account": {"engagements": without_account},
    "acts with null for the account": {"engagements": with_null},
    "exposures by the user": {"feeditems": by_the_user},
}


def fill(store, databases, now):
    write_world(build_world(SMALL, now=now), databases.app, databases.analytics, databases.truth)
    schema.apply(databases.app, databases.analytics)
    databases.analytics.labelledTexts.insert_one({"_id": ObjectId(), **LABELLED})
    return store


@pytest.fixture
def world(store, databases):
    return fill(store, databases, NOON)


def record_again(store, collections, *forms: dict[str, Form]):
    """Store every document of these collections again in each of these forms, as after a client's second attempt."""
    users = {user["ownerAccount"]: user["_id"] for user in store.app.users.find()}
    for collection in collections:
        rows = (store.app if collection.database == "app" else store.analytics)[collection.name]
        documents = list(rows.find())
        assert documents, collection.name
        for form in forms:
            formed = form.get(collection.name, lambda row, _: row)
            rows.insert_many([formed(row, users) | {"_id": ObjectId()} for row in documents])


def rows_of(store, collection):
    key = collection.key if collection.key != ("_id",) else ("_id",)
    rows = list(store.analytics[collection.name].find())
    for row in rows:
        if key != ("_id",):
            del row["_id"]
    return sorted(rows, key=lambda row: str([row[name] for name in key]))


def everything(store) -> dict[str, Any]:
    """All statistics, reading features, measurements, and the history that ranking reads, by name."""
    for collection in (*OUTPUTS, schema.WATERMARKS):
        store.analytics[collection.name].delete_many({})
    refresh_content_stats.run(store, OPTIONS.of(ContentStats), now=NOON)
    refresh_creator_stats.run(store, OPTIONS.of(CreatorStats), now=NOON)
    refresh_hashtag_stats.run(store, OPTIONS.of(HashtagStats), now=NOON)
    refresh_engagement_stats.run(store, OPTIONS.of(EngagementStats), now=NOON)
    extract_reading_features.run(store, OPTIONS.of(Bots), now=NOON)
    measure_feed.run(store, OPTIONS.of(MeasureFeed), now=NOON)
    values: dict[str, Any] = {item.name: rows_of(store, item) for item in OUTPUTS}
    history = read_history(store, OPTIONS.of(Coldstart), now=NOON, with_exposures=True)
    for name in ("engagements", "impressions"):
        events = getattr(history, name)
        values[name] = sorted(zip(events.post, events.account, events.at, events.kind, strict=True))
    values["topics"] = sorted(zip(history.posts.topic_of.tolist(), history.posts.topic.tolist(), strict=True))
    values["languages"] = history.posts.language.tolist()
    values["quality"] = quality(store.posts.quality(), id_keys(history.posts.ids)).tolist()
    values["follows"] = follow_pairs(history, read_follows(store, history)).tolist()
    values["labelled"] = LabelledTexts(store).newest(10, now=NOON)
    return values


def test_the_collections_with_an_identity_of_their_own_are_those_that_may_repeat():
    names = {item.name for item in REPEATABLE}

    assert names == {"engagements", "relationships", "feeditems", "labelledTexts", "contentfiltering"}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_whatever_is_recorded_twice_counts_once(world, form):
    before = everything(world)
    assert all(len(rows) for rows in before.values()), [name for name, rows in before.items() if not len(rows)]

    record_again(world, REPEATABLE, form)

    after = everything(world)
    assert [name for name in before if not same(before[name], after[name])] == []


def test_every_function_makes_the_same_of_what_is_recorded_in_every_form(store, databases, deployed):
    now = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    fill(store, databases, now)
    for stem in ("train_topics", "reclassify_contents"):
        function(stem).invoke(at=now)
    before = run_all(store, now)
    assert all(before[name] for name in ("mlArtifacts", "snapshots", "guestfeeditems", "queued", "home", "people"))

    again = [
        item for item in REPEATABLE if item is not schema.LABELLED_TEXTS
    ]  # a model names how many records it is from
    record_again(store, again, *FORMS.values())

    after = run_all(store, now)
    assert [name for name in before if before[name] != after[name]] == []


def run_all(store, now) -> dict[str, Any]:
    """What every scheduled function answers, queues and writes, after all derived data but descriptions were deleted,
    and what an account is recommended then."""
    ours = [item for item in schema.COLLECTIONS if item.owner != "application" and item.name not in DESCRIPTIONS]
    rows = {item.name: (store.app if item.database == "app" else store.analytics)[item.name] for item in ours}
    for collection in rows.values():
        collection.delete_many({})
    outcome: dict[str, Any] = {}
    for stem in pipeline():
        answer = function(stem).invoke(at=now)
        outcome[stem] = {name: value for name, value in answer.items() if name not in ("read", "kilobytes")}
    outcome["queued"] = list(queue.waiting)
    train_personal.forget()
    assert [run.failure for run in deliver() if run.failure] == []
    outcome |= {name: sorted(map(without_made_id, rows[name].find())) for name in rows}
    reader = {"accountId": str(store.app.accounts.find_one(sort=[("_id", 1)])["_id"]), "maxResults": 50}
    home = function("recommend_home").invoke(at=now, payload=reader)
    outcome["home"] = sorted(post["content"] for post in home["items"])
    outcome["people"] = function("recommend_people").invoke(at=now, payload=reader)["result"]
    return outcome


def without_made_id(row: Document) -> bytes:
    """The row as BSON, without an `_id` that the database driver or the server has made."""
    return BSON.encode({name: value for name, value in row.items() if not (name == "_id" and type(value) is ObjectId)})


def same(first: Any, second: Any) -> bool:
    """Whether two values are equal, but for the last digits of sums in another order."""
    if isinstance(first, float) and isinstance(second, float):
        return bool(np.isclose(first, second, rtol=1e-9, atol=1e-12, equal_nan=True))
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(same(first[name], second[name]) for name in first)
    if isinstance(first, list | tuple) and isinstance(second, list | tuple):
        return len(first) == len(second) and all(map(same, first, second))
    return bool(first == second)


def test_an_end_that_is_told_later_is_the_same_exposure(world):
    """The first record without an end, the second with one."""
    before = exposures(world)
    documents = list(world.app.feeditems.find())
    unended = [{name: value for name, value in row.items() if name != "offScreenAt"} for row in documents]
    world.app.feeditems.insert_many([row | {"_id": ObjectId()} for row in unended])

    after = exposures(world)

    names = ("viewer", "content", "at", "until")
    rows = [sorted(zip(*(columns[name].tolist() for name in names), strict=True)) for columns in (before, after)]
    assert rows[0] == rows[1]


def exposures(store):
    return Accounts.read(store).exposures(store.exposures.between(NOON - timedelta(days=30), NOON))
