"""Changes that failed for good: stored until they are replayed, or expire."""

from datetime import timedelta

import pytest

MINUTE = timedelta(minutes=1)


@pytest.fixture
def parked(store):
    return store.parked_changes


@pytest.fixture
def rows(databases):
    return lambda: list(databases.analytics.parkedChanges.find().sort("_id", 1))


def test_a_parked_change_holds_its_event_and_the_reason(parked, rows, noon):
    parked.park("9f0c", "classify_content", '{"documentKey": 1}', "ns.coll: needs contents", now=noon)

    assert rows() == [
        {
            "_id": "9f0c",
            "function": "classify_content",
            "event": '{"documentKey": 1}',
            "reason": "ns.coll: needs contents",
            "times": 1,
            "firstAt": noon,
            "lastAt": noon,
        }
    ]


def test_the_same_payload_again_counts_up_and_tells_the_last_reason(parked, rows, noon):
    parked.park("9f0c", "classify_content", None, "first", now=noon)
    parked.park("9f0c", "classify_content", None, "second", now=noon + MINUTE)

    (row,) = rows()
    assert (row["times"], row["firstAt"], row["lastAt"], row["reason"]) == (2, noon, noon + MINUTE, "second")


def test_of_those_that_wait_the_oldest_is_the_first(parked, noon):
    for minute, digest in enumerate(["b", "c", "a"]):
        parked.park(digest, "classify_content", None, "x", now=noon + minute * MINUTE)

    assert [row["_id"] for row in parked.waiting()] == ["b", "c", "a"]


def test_a_replayed_change_waits_no_more_unless_it_fails_again(parked, noon):
    for digest in ("a", "b"):
        parked.park(digest, "classify_content", None, "x", now=noon)

    parked.replayed("a", now=noon + MINUTE)
    assert [row["_id"] for row in parked.waiting()] == ["b"]

    parked.park("a", "classify_content", None, "x", now=noon + 2 * MINUTE)
    assert sorted(row["_id"] for row in parked.waiting()) == ["a", "b"]


def test_replaying_an_expired_change_leaves_nothing_behind(parked, rows, noon):
    parked.replayed("gone", now=noon)

    assert rows() == []


def test_parked_changes_expire(store, databases):
    assert databases.analytics.parkedChanges.index_information()["lastAt_1"]["expireAfterSeconds"] == 30 * 86400
