"""What the application recorded more than once, under another `_id`, counts once, whatever is made of it."""

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from bson import ObjectId

from functions.bots import extract_reading_features
from functions.feed.encounters import follow_pairs, read_follows
from functions.monitor import measure_feed
from functions.stats import (
    refresh_content_stats,
    refresh_creator_stats,
    refresh_engagement_stats,
    refresh_hashtag_stats,
)
from local.world import WorldOptions, build_world, write_world
from shared.config import Options
from shared.network.history import read_history
from shared.network.quality import quality
from shared.store import schema
from shared.store.columns import id_keys
from tests.networks import NOON

SMALL = WorldOptions(users=60, contents=300, engagements=2_000, feed_items=4_000, countries=3, with_text=True, seed=3)
OPTIONS = Options()

# Where the application may hold a record twice: all that has another identity than `_id`.
REPEATABLE = tuple(one for one in schema.COLLECTIONS if one.owner == "application" and one.key != ("_id",))
LABELLED = {"text": "Two goals", "topics": ["sports/football"], "language": "en", "updatedAt": NOON}
OUTPUTS = (
    schema.CONTENT_STATS,
    schema.CREATOR_STATS,
    schema.HASHTAG_STATS,
    schema.ENGAGEMENT_STATS,
    schema.CREDENTIAL_FEATURES,
    schema.FEED_PERFORMANCES,
)


@pytest.fixture
def world(store, databases):
    write_world(build_world(SMALL, now=NOON), databases.app, databases.analytics, databases.truth)
    schema.apply(databases.app, databases.analytics)
    databases.analytics.labelledTexts.insert_one({"_id": ObjectId(), **LABELLED})
    return store


def record_again(store, collection):
    """Every document of it once more, among the others, as after a client's second attempt."""
    rows = (store.app if collection.database == "app" else store.analytics)[collection.name]
    known = list(rows.find())
    assert known, collection.name
    rows.insert_many([row | {"_id": ObjectId()} for row in known])


def rows_of(store, collection):
    key = collection.key if collection.key != ("_id",) else ("_id",)
    rows = list(store.analytics[collection.name].find())
    for row in rows:
        if key != ("_id",):
            del row["_id"]
    return sorted(rows, key=lambda row: str([row[name] for name in key]))


def everything(store) -> dict[str, Any]:
    """What the statistics, the features of readings, the measurement and the history of the network say."""
    for collection in (*OUTPUTS, schema.WATERMARKS):
        store.analytics[collection.name].delete_many({})
    refresh_content_stats.run(store, OPTIONS.content_stats, now=NOON)
    refresh_creator_stats.run(store, OPTIONS.creator_stats, now=NOON)
    refresh_hashtag_stats.run(store, OPTIONS.hashtag_stats, now=NOON)
    refresh_engagement_stats.run(store, OPTIONS.engagement_stats, now=NOON)
    extract_reading_features.run(store, OPTIONS.bots, now=NOON)
    measure_feed.run(store, OPTIONS.measure_feed, now=NOON)
    found: dict[str, Any] = {one.name: rows_of(store, one) for one in OUTPUTS}
    history = read_history(store, OPTIONS.coldstart, now=NOON, with_exposures=True)
    for name in ("acts", "seen"):
        events = getattr(history, name)
        found[name] = sorted(zip(events.post, events.actor, events.at, events.kind, strict=True))
    found["topics"] = sorted(zip(history.posts.topic_of.tolist(), history.posts.topic.tolist(), strict=True))
    found["languages"] = history.posts.language.tolist()
    found["quality"] = quality(store.posts.quality(), id_keys(history.posts.ids)).tolist()
    found["follows"] = follow_pairs(history, read_follows(store, history)).tolist()
    found["labelled"] = store.labelled_texts.newest(10, now=NOON)
    return found


def test_the_collections_with_an_identity_of_their_own_are_those_that_may_repeat():
    names = {one.name for one in REPEATABLE}

    assert names == {"engagements", "relationships", "feeditems", "labelledTexts", "contentfiltering"}


def test_whatever_is_recorded_twice_counts_once(world):
    before = everything(world)
    assert all(len(rows) for rows in before.values()), [name for name, rows in before.items() if not len(rows)]

    for collection in REPEATABLE:
        record_again(world, collection)

    after = everything(world)
    assert [name for name in before if not same(before[name], after[name])] == []


def same(one: Any, other: Any) -> bool:
    """Equal, but for the last digits of what is added up in another order."""
    if isinstance(one, float) and isinstance(other, float):
        return bool(np.isclose(one, other, rtol=1e-9, atol=1e-12, equal_nan=True))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def test_an_end_that_is_told_later_is_the_same_exposure(world):
    """The first record without an end, the second with one."""
    before = world.exposures.between(NOON - timedelta(days=30), NOON)
    known = list(world.app.feeditems.find())
    unended = [{name: value for name, value in row.items() if name != "offScreenAt"} for row in known]
    world.app.feeditems.insert_many([row | {"_id": ObjectId()} for row in unended])

    after = world.exposures.between(NOON - timedelta(days=30), NOON)

    names = ("viewer", "content", "at", "until")
    rows = [sorted(zip(*(found[name].tolist() for name in names), strict=True)) for found in (before, after)]
    assert rows[0] == rows[1]
