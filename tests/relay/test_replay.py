"""Sending parked changes again: which of them, in which form, and with which outcome."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.topics.handlers.classify_content import handler
from layers.build import ROOT
from relay.replay import replay
from relay.sinks import Here, SendResult, sink
from shared.errors import BadConfig, NotFound, Unavailable
from tests.changes import TEXT, change_event, documentdb, ids, inserted, nested, queued, relayed, state
from tests.factories import an_id
from tests.relay.conftest import WATCHED, Receiver
from tests.waiting import allowed

SECRET = "what nobody else may read"
MAX_BYTES = 240_000
FUTURE = {"$timestamp": {"t": 4_000_000_000, "i": 1}}

# Events that name their post and are malformed otherwise.
POISON = {
    "a time that is none": inserted("one", SECRET) | {"clusterTime": {"$timestamp": {"t": "soon", "i": 1}}},
    "a time to come": inserted("one", SECRET) | {"clusterTime": FUTURE},
    "a document that is none": inserted("one") | {"fullDocument": SECRET},
    "a wrapper that is none": inserted("one") | {"fullDocument": {"payload": {"message": {"$date": SECRET}}}},
    "a document that is too deep": inserted("one") | {"fullDocument": nested(300)},
}
# Events that name no post, or in a form that cannot be sent.
NAMELESS = {
    "no key": inserted("one") | {"documentKey": {}},
    "an operator": inserted("one") | {"documentKey": {"_id": {"$ne": None}}},
    "an object": change_event("insert", {"a": 1}),
    "yes": change_event("insert", True),
    "nothing": change_event("insert", None),
    "half": change_event("insert", 1.5),
    "another namespace": inserted("one") | {"ns": {"coll": 5}},
    "no namespace": inserted("one") | {"ns": "app-db.contents"},
    "no operation": {"documentKey": {"_id": 1}},
    "text": SECRET,
    "a list": [SECRET],
    "a long key": change_event("insert", 1) | {"documentKey": {"_id": "k" * 3_000}},
}


@pytest.fixture
def parked(databases):
    return lambda: list(databases.analytics.parkedChanges.find().sort("firstAt", 1))


@pytest.fixture
def park(store):
    """Parks a change under a name, as that many minutes ago."""

    def keep(name, event, function="classify_content", minutes=1, reason="x"):
        text = event if isinstance(event, str | None) else json.dumps(event)
        store.parked_changes.park(name, function, text, reason, now=datetime.now(UTC) - timedelta(minutes=minutes))

    return keep


@pytest.fixture
def again(store):
    """Replays to a sink, and returns the outcome of each parked change."""
    return lambda target: [
        outcome
        for _, outcome in replay(
            store, store.parked_changes.waiting(), {("classify_content", "contents"): target}, MAX_BYTES
        )
    ]


def without_outcomes(rows):
    """Parked changes as they were before they were replayed."""
    return [{name: value for name, value in row.items() if name != "replay"} for row in rows]


def test_poison_is_parked_and_then_sent_by_its_key_so_that_the_post_is_described_as_it_is(
    store, deployed, databases, parked, again
):
    described = databases.app.contentinfo
    for around, poison in zip([documentdb, relayed] * 3, POISON.values(), strict=False):
        databases.app.contents.insert_one(state("one", "An old text that nobody will ever see described"))
        assert handler(around(poison), None) == {"read": 0, "written": 0, "parked": 1}
        assert described.count_documents({}) == 0
        databases.app.contents.replace_one({"_id": ids("one")[0]}, state("one", TEXT))
        receiver = Receiver()

        assert again(receiver) == ["sent"]
        databases.analytics.parkedChanges.update_many({}, {"$unset": {"replayedAt": ""}})
        assert again(sink("here", WATCHED)) == ["sent"]

        (sent,) = receiver.changes
        assert sent == {
            "operationType": "update",
            "ns": {"db": "app-db", "coll": "contents"},
            "documentKey": {"_id": ids("one")[0]},
        }
        (row,) = described.find()
        assert (row["contentId"], row["language"], row["topicState"]) == (ids("one")[0], "en", "named")
        assert row["clusterTime"].as_datetime() > datetime.now(UTC) - timedelta(minutes=5), "as of the reading"
        assert SECRET not in str(parked())
        assert again(sink("here", WATCHED)) == [], "twice is once"
        for collection in (described, databases.app.contents, databases.analytics.parkedChanges):
            collection.delete_many({})


def test_of_a_post_that_is_gone_nothing_is_kept(store, deployed, databases, again):
    handler(relayed(inserted("one")), None)
    handler(relayed(POISON["a time to come"]), None)

    assert again(sink("here", WATCHED)) == ["sent"]

    (row,) = databases.app.contentinfo.find()
    assert "removedAt" in row


def test_what_names_no_document_is_told_and_stays(store, deployed, parked, again):
    handler(relayed(*NAMELESS.values()), None)
    receiver, before = Receiver(), parked()

    assert again(receiver) == ["names no document"] * len(NAMELESS) == ["names no document"] * len(before)
    assert receiver.batches == []
    assert without_outcomes(parked()) == before


@pytest.mark.parametrize(
    "event",
    [
        None,
        "{}",
        "5",
        '{"ns"',
        "[]",
        '{"ns": 1}',
        '{"ns": {"db": "d", "coll": "c"}, "documentKey": {"_id": {"$oid": "x"}}}',
        '{"ns": {"db": "d", "coll": "c"}, "documentKey": {"_id": "\\ud800"}}',
        "[" * 100_000,
    ],
)
def test_what_cannot_be_read_any_more_is_told_and_stays(park, parked, again, event):
    park("a", event)
    before = parked()

    assert again(Receiver()) == ["names no document"]
    assert without_outcomes(parked()) == before


def test_a_change_of_a_function_that_is_followed_no_more_stays(park, parked, again):
    park("a", inserted("one"), function="another")

    assert again(Receiver()) == ["is of no collection and function that is followed"]
    assert "replayedAt" not in parked()[0]


def test_the_oldest_is_sent_first_and_each_alone(park, again):
    receiver = Receiver()
    for minutes, name in [(1, "new"), (3, "old"), (2, "middle")]:
        park(name, inserted(name), minutes=minutes)

    assert again(receiver) == ["sent"] * 3
    assert [change["documentKey"]["_id"] for change in receiver.changes] == ids("old", "middle", "new")
    assert [len(batch) for batch in receiver.batches] == [1, 1, 1]
    assert again(receiver) == []


def test_what_is_not_taken_stays_and_the_others_go_on(park, parked, again):
    class Choosy:
        def send(self, events):
            (event,) = events
            if event.key == str(ids("busy")[0]):
                return SendResult(unsent=events, why="not now")
            return SendResult([(event, "malformed")]) if event.key == str(ids("wrong")[0]) else SendResult()

    for minutes, name in [(3, "busy"), (2, "wrong"), (1, "sound")]:
        park(name, inserted(name), minutes=minutes)

    for _ in range(2):
        assert again(Choosy())[:2] == ["not now", "malformed"]
    assert [row["_id"] for row in parked() if "replayedAt" not in row] == ["busy", "wrong"]
    assert again(Receiver()) == ["sent", "sent"]


@pytest.mark.parametrize("failure", [Unavailable("the database"), NotFound("a thing")], ids=repr)
def test_where_the_handler_does_not_take_it_it_stays(park, parked, again, failure):
    def failing(batch, context):
        raise failure

    park("a", inserted("one"))

    assert str(failure) in again(Here(failing))[0]
    assert "replayedAt" not in parked()[0]


def test_a_fault_of_the_settings_ends_it_and_all_stay(park, parked, again):
    def failing(batch, context):
        raise BadConfig("MONGO_URI is missing")

    park("a", inserted("one"))

    with pytest.raises(BadConfig):
        again(Here(failing))
    assert "replayedAt" not in parked()[0]


def test_what_fails_once_more_waits_once_more_however_often_it_is_sent(store, deployed, parked, again):
    handler(relayed(change_event("insert", 7)), None)  # a post whose id is a number

    for _ in range(3):
        assert again(sink("here", WATCHED)) == ["sent"]
        waiting = [row for row in parked() if "replayedAt" not in row]
        assert [row["reason"] for row in waiting] == ["documentKey._id: a post has an ObjectId, not int"]

    assert len(parked()) == 2, "as it came, and by its key alone"


def test_sqs_keeps_its_own_poison_so_nothing_is_parked_twice(store, deployed, parked):
    handler(queued(relayed(POISON["a time to come"])), None)

    assert parked() == []


def test_at_the_terminal(store, deployed, environment, databases, parked):
    databases.app.contents.insert_one(state("one"))
    odd: list[dict[str, Any]] = [
        {"_id": "without a function", "reason": "a"},
        {"_id": an_id("no text"), "function": "a", "reason": "a"},
    ]
    handler(documentdb(POISON["a document that is none"], NAMELESS["no key"]), None)
    first, second = parked()
    databases.analytics.parkedChanges.insert_many(odd)

    done = subprocess.run(
        [sys.executable, "-m", "relay", "replay", "--to", "here"],
        cwd=ROOT,
        env={**os.environ, **environment, "LOG_LEVEL": "CRITICAL", "POWERTOOLS_METRICS_DISABLED": "true"},
        capture_output=True,
        text=True,
        timeout=allowed(60),
        check=False,
    )

    assert done.returncode == 1, "some are left"
    rows = {row["_id"][:12]: row["reason"] for row in (first, second)}
    lines = done.stdout.splitlines()
    lines, malformed = lines[:-2], lines[-2:]
    outcomes = {line[:12]: line.rpartition(": ")[2] for line in lines[:-1]}
    assert lines[-1] == f"1 sent, {1 + len(odd)} left"
    assert sorted(malformed) == sorted(f"left where it is, since it is malformed: {row['_id']!r}" for row in odd)
    assert sorted(outcomes.values()) == ["names no document", "sent"]
    assert all(line[12:] == f"  classify_content  {rows[line[:12]]}: {outcomes[line[:12]]}" for line in lines[:-1])
    assert SECRET not in done.stdout + done.stderr
    assert databases.app.contentinfo.distinct("contentId") == ids("one")
