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

    parked.replayed("a", "sent", "d", now=noon + MINUTE)
    assert [row["_id"] for row in parked.waiting()] == ["b"]

    parked.park("a", "classify_content", None, "x", now=noon + 2 * MINUTE)
    assert sorted(row["_id"] for row in parked.waiting()) == ["a", "b"]


def test_an_outcome_ends_the_request_and_only_what_was_sent_waits_no_more(parked, rows, noon, databases):
    for digest in ("a", "b"):
        parked.park(digest, "classify_content", None, "x", now=noon)
    databases.analytics.parkedChanges.update_many({}, {"$set": {"replayRequested": {"at": noon, "by": "kit"}}})

    parked.replayed("a", "sent", "$sentAs", now=noon + MINUTE)
    parked.replayed("b", "$busy", None, now=noon + MINUTE)

    sent, left = rows()
    assert sent["replay"] == {"at": noon + MINUTE, "outcome": "sent", "sentAs": "$sentAs"}
    assert left["replay"] == {"at": noon + MINUTE, "outcome": "$busy", "sentAs": None}
    assert ("replayedAt" in sent, "replayedAt" in left) == (True, False)
    assert not any("replayRequested" in row for row in rows())


def test_a_change_that_was_parked_again_meanwhile_waits_on(parked, rows, noon):
    parked.park("a", "classify_content", None, "x", now=noon + MINUTE)

    parked.replayed("a", "sent", "a", now=noon + MINUTE)

    assert "replayedAt" not in rows()[0]
    assert rows()[0]["replay"]["outcome"] == "sent"


def test_requests_are_obeyed_by_the_oldest_and_no_malformed_one_stands_in_front(parked, noon, databases):
    for minute, digest in enumerate(["b", "a", "c", "not asked"]):
        parked.park(digest, "classify_content", None, "x", now=noon)
        if minute < 3:
            asked = {"replayRequested": {"at": noon + minute * MINUTE, "by": "kit"}}
            databases.analytics.parkedChanges.update_one({"_id": digest}, {"$set": asked})
    sound = {"function": "classify_content", "reason": "x", "replayRequested": {"at": noon - MINUTE}}
    databases.analytics.parkedChanges.insert_many(
        [
            {**sound, "_id": 7},
            {**sound, "_id": "function", "function": 7},
            {**sound, "_id": "functions", "function": ["classify_content"]},
            {**sound, "_id": "reason", "reason": {"a": 1}},
            {**sound, "_id": "no reason", "reason": ""},
            {**sound, "_id": "another's", "function": "apply_verdicts"},
            {**sound, "_id": "request", "replayRequested": "now"},
            {**sound, "_id": "moment", "replayRequested": {"at": "now"}},
        ]
    )

    assert [row["_id"] for row in parked.requested(["classify_content"], 2)] == ["b", "a"]
    assert [row["_id"] for row in parked.requested(["classify_content", "x"], 9)] == ["b", "a", "c"]


def test_a_reason_is_bounded(parked, rows, noon):
    parked.park("a", "classify_content", None, "ก" * 9_000, now=noon)

    assert rows()[0]["reason"] == "ก" * 500


def test_replaying_an_expired_change_leaves_nothing_behind(parked, rows, noon):
    parked.replayed("gone", "sent", "d", now=noon)

    assert rows() == []


def test_parked_changes_expire(store, databases):
    assert databases.analytics.parkedChanges.index_information()["lastAt_1"]["expireAfterSeconds"] == 30 * 86400
