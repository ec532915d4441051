"""Following a collection: which changes are sent, in which order, and where it goes on."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from relay.positions import Position
from relay.sinks import SendResult
from relay.stream import StreamItem
from shared.errors import Conflict
from shared.runtime.change_events import change_of
from tests.factories import an_id, post
from tests.relay.conftest import Receiver, position_of
from tests.waiting import until


def test_what_is_written_is_sent_with_the_fields_that_it_needs(store, follow, noon):
    receiver = Receiver()

    with follow(receiver):
        store.app.contents.insert_one(post("new", now=noon))
        until(lambda: receiver.changes)

    (sent,) = receiver.changes
    assert sent["operationType"] == "insert"
    assert sent["ns"] == {"db": store.app.name, "coll": "contents"}
    assert sent["fullDocument"] == {
        "_id": an_id("new"),
        "visibility": "publish",
        "payload": {"message": "hello from new"},
        "updatedAt": noon - timedelta(hours=1),
    }


def test_what_is_sent_is_what_functions_take(store, follow, noon):
    receiver = Receiver()

    with follow(receiver):
        store.app.contents.insert_one(post("new", now=noon))
        until(lambda: receiver.changes)

    change = change_of(receiver.changes[0], "contents", now=noon + timedelta(days=5000))
    assert (change.key, change.kind) == (an_id("new"), "insert")
    assert change.document
    assert change.document["payload"]["message"] == "hello from new"
    assert change.cluster_time is not None


def test_only_updates_that_touch_what_matters_are_sent(store, follow, noon):
    receiver, contents = Receiver(), store.app.contents
    contents.insert_one(post("a", now=noon, payloads=1, photo=[1, 2, 3]))
    key = {"_id": an_id("a")}

    with follow(receiver):
        contents.update_one(key, {"$inc": {"engagements.like.count": 1}, "$set": {"updatedAt": noon}})
        contents.update_one(key, {"$set": {"payloads": 2}})
        contents.update_one(key, [{"$set": {"photo": {"$slice": ["$photo", 1]}}}])
        contents.update_one(key, {"$set": {"payload.message": "edited"}})
        contents.update_one(key, {"$set": {"payload": {"message": "replaced"}}})
        contents.update_one(key, {"$unset": {"payload.message": ""}})
        contents.update_one(key, {"$set": {"visibility": "hidden"}})
        contents.replace_one(key, post("a", now=noon))
        contents.delete_one(key)
        until(lambda: len(receiver.changes) >= 6)

    kinds = [change["operationType"] for change in receiver.changes]
    assert kinds == ["update", "update", "update", "update", "replace", "delete"]


def test_changes_of_one_document_arrive_in_order(store, follow, noon):
    receiver, contents = Receiver(), store.app.contents
    names = [f"post {number}" for number in range(20)]

    with follow(receiver):
        contents.insert_many([post(name, now=noon) for name in names])
        for version in range(5):
            for name in names:
                contents.update_one({"_id": an_id(name)}, {"$set": {"payload.message": str(version)}})
        until(lambda: len(receiver.changes) == 120)

    for name in names:
        times = [change["clusterTime"] for change in receiver.of(an_id(name))]
        assert len(times) == 6
        assert times == sorted(times)


def test_after_a_pause_it_goes_on_where_it_ended(store, follow, noon):
    receiver = Receiver()
    with follow(receiver):
        store.app.contents.insert_one(post("before", now=noon))
        until(lambda: receiver.changes)

    store.app.contents.insert_one(post("meanwhile", now=noon))
    with follow(receiver):
        until(lambda: len(receiver.changes) == 2)

    assert [change["documentKey"]["_id"] for change in receiver.changes] == [an_id("before"), an_id("meanwhile")]
    assert position_of(store)["sent"] == 2


def test_a_copy_that_dies_before_it_ever_sent_leaves_no_gap(store, follow, noon):
    receiver = Receiver()
    receiver.gate.clear()
    with follow(receiver, wait=False, heartbeat_s=1_000.0):
        until(lambda: position_of(store).get("startAt"))
        started = position_of(store)
        receiver.gate.set()
    store.app.contents.insert_one(post("meanwhile", now=noon))
    store.analytics.relayPositions.replace_one({"_id": "contents"}, started)  # as if it had been killed then

    with follow(receiver):
        until(lambda: receiver.of(an_id("meanwhile")))


def test_what_is_not_taken_is_sent_again_in_order(store, follow, noon, logged):
    receiver = Receiver(busy=3)

    with follow(receiver) as follower:
        store.app.contents.insert_many([post(f"post {number}", now=noon) for number in range(3)])
        until(lambda: len(receiver.changes) == 3)
        until(lambda: position_of(store).get("sent") == 3)
        assert follower.meter.retried >= 3

    assert [change["documentKey"]["_id"] for change in receiver.changes] == [an_id(f"post {n}") for n in range(3)]


def test_what_there_was_no_time_for_is_sent_at_once(store, follow, noon):
    class Hasty(Receiver):
        def send(self, events):
            super().send(events[:2])
            return SendResult(unsent=events[2:])

    receiver = Hasty()
    with follow(receiver, max_pause_s=1_000.0) as follower:
        receiver.gate.clear()
        store.app.contents.insert_many([post(f"post {number}", now=noon) for number in range(30)])
        receiver.gate.set()
        until(lambda: position_of(store).get("sent") == 30)
        assert (follower.meter.sent, follower.meter.retried) == (30, 0)

    assert [change["documentKey"]["_id"] for change in receiver.changes] == [an_id(f"post {n}") for n in range(30)]


def test_the_lag_grows_while_nothing_is_taken_and_is_gone_afterwards(store, follow, noon):
    receiver = Receiver()
    with follow(receiver) as follower:
        until(lambda: follower.meter.lag_s < 1)
        receiver.busy = 10_000
        store.app.contents.insert_one(post("waits", now=noon))
        until(lambda: follower.meter.lag_s > 2)
        receiver.busy = 0
        until(lambda: follower.meter.lag_s < 1)


def test_nothing_is_noted_as_sent_before_it_is(store, follow, noon):
    receiver = Receiver()
    with follow(receiver):
        receiver.gate.clear()
        store.app.contents.insert_one(post("waits", now=noon))
        store.app.contents.insert_one(post("waits too", now=noon))
        assert position_of(store).get("sent", 0) == 0
        held = position_of(store)
        receiver.gate.set()
        until(lambda: len(receiver.changes) == 2)
        until(lambda: position_of(store)["sent"] == 2)

    assert position_of(store)["token"] != held["token"]


def test_what_is_refused_for_good_is_parked_without_its_text_and_the_rest_goes_on(store, follow, noon):
    receiver = Receiver(refuses=lambda event: "poison" in event.text)

    with follow(receiver) as follower:
        store.app.contents.insert_one(post("poison", now=noon))
        store.app.contents.insert_one(post("sound", now=noon))
        until(lambda: receiver.of(an_id("sound")))
        until(lambda: position_of(store).get("sent"))
        assert follower.meter.parked == 1

    (parked,) = store.analytics.parkedChanges.find()
    assert (parked["function"], parked["reason"]) == ("classify_content", "refused")
    assert str(an_id("poison")) in parked["event"]
    assert "hello" not in str(parked)


def test_a_slow_receiver_holds_back_the_reading(store, follow, noon):
    receiver = Receiver()
    with follow(receiver, batch=5, queue=10):
        receiver.gate.clear()
        store.app.contents.insert_many([post(f"post {number}", now=noon) for number in range(300)])
        cursors = store.client.admin.aggregate
        ours = {"ns": f"{store.app.name}.contents", "cursor.originatingCommand.aggregate": "contents"}
        held = [{"$currentOp": {"idleCursors": True}}, {"$match": ours}]
        until(lambda: list(cursors([*held, {"$match": {"cursor.nDocsReturned": {"$gt": 0}}}])))
        taken = max(op["cursor"]["nDocsReturned"] for op in cursors(held))
        receiver.gate.set()
        until(lambda: len(receiver.changes) == 300)

    assert taken <= 5 + 10 + 5 + 1 + 5, "a batch being sent, a full queue, a batch of the cursor, one at the door"


def test_a_large_document_is_sent_as_its_key(store, follow, noon):
    receiver = Receiver()

    with follow(receiver, max_bytes=2_000):
        store.app.contents.insert_one(post("large", now=noon, payload={"message": "ก" * 2_000}))
        store.app.contents.insert_one(post("small", now=noon))
        until(lambda: len(receiver.changes) == 2)

    large, small = receiver.changes
    assert large["documentKey"] == {"_id": an_id("large")}
    assert "fullDocument" not in large
    assert "fullDocument" in small


def test_on_a_quiet_collection_the_token_is_kept_fresh(store, follow):
    with follow(Receiver()):
        first = until(lambda: position_of(store))
        store.app.users.insert_one({"name": "someone"})  # the history moves on elsewhere
        later = until(lambda: position_of(store)["token"] != first["token"] and position_of(store))

    assert later["token"]["_data"] > first["token"]["_data"]
    assert later["at"] >= first["at"]


def test_told_to_stop_it_sends_what_it_has_read_and_gives_the_lease_back(store, follow, noon):
    receiver = Receiver()
    with follow(receiver, batch=10, queue=50):
        receiver.gate.clear()
        store.app.contents.insert_many([post(f"post {number}", now=noon) for number in range(30)])
        receiver.gate.set()

    sent = len(receiver.changes)
    assert position_of(store).get("sent", 0) == sent
    with follow(receiver):
        until(lambda: len(receiver.changes) == 30)
    assert store.analytics.leases.find_one({"_id": "relay contents"}) is None


def test_told_to_stop_while_nothing_is_taken_it_ends_and_the_next_one_sends_it(store, follow, noon):
    receiver = Receiver(busy=10_000)
    with follow(receiver):
        store.app.contents.insert_one(post("waits", now=noon))
        until(lambda: receiver.busy < 10_000)

    receiver.busy = 0
    with follow(receiver):
        until(lambda: receiver.of(an_id("waits")))


def test_of_two_copies_one_follows_and_the_other_takes_over_when_it_falls_silent(store, follow, noon):
    first, second, leases = Receiver(), Receiver(), store.analytics.leases
    with follow(first), follow(second):
        store.app.contents.insert_one(post("one", now=noon))
        until(lambda: first.changes)
        assert second.changes == []

        leases.update_one({"_id": "relay contents"}, {"$set": {"holder": "one that is silent"}})
        until(lambda: leases.find_one({"_id": "relay contents"})["holder"] != "one that is silent")
        store.app.contents.insert_one(post("two", now=noon))
        until(lambda: first.of(an_id("two")) or second.of(an_id("two")))

    assert len([*first.changes, *second.changes]) == 2


MALFORMED = {
    "token": {"token": "8263"},
    "start": {"token": None, "startAt": datetime(2026, 1, 1, tzinfo=UTC)},
    "gap": {"reconciling": {"from": "long ago"}},
    "everything": {"token": 5, "startAt": [], "at": None, "reconciling": True},
}


@pytest.mark.parametrize("odd", MALFORMED.values(), ids=MALFORMED)
def test_where_a_position_is_malformed_what_changed_since_is_sent_again(store, follow, noon, odd):
    receiver = Receiver()
    with follow(receiver):
        store.app.contents.insert_one(post("before", now=noon))
        until(lambda: position_of(store).get("sent") == 1)
    store.app.contents.insert_one(post("meanwhile", now=noon))
    position = position_of(store) | {"at": noon} | odd
    store.analytics.relayPositions.replace_one({"_id": "contents"}, position)

    with follow(receiver):
        until(lambda: receiver.of(an_id("meanwhile")))
        store.app.contents.insert_one(post("after", now=noon))
        until(lambda: receiver.of(an_id("after")))


def test_a_position_without_a_moment_goes_on_at_its_token(store, follow, noon):
    receiver = Receiver()
    with follow(receiver):
        store.app.contents.insert_one(post("before", now=noon))
        until(lambda: position_of(store).get("sent") == 1)
    store.app.contents.insert_one(post("meanwhile", now=noon))
    store.analytics.relayPositions.update_one({"_id": "contents"}, {"$set": {"at": "soon"}})

    with follow(receiver):
        until(lambda: receiver.of(an_id("meanwhile")))

    assert len(receiver.changes) == 2


def test_a_copy_that_was_overtaken_can_note_nothing(store):
    old, new = Position(store.analytics, "contents", "old"), Position(store.analytics, "contents", "new")
    old.claim()
    old.save({"token": {"_data": "1"}})
    new.claim()

    with pytest.raises(Conflict, match="taken over contents"):
        old.save({"token": {"_data": "2"}})
    with pytest.raises(Conflict, match="taken over contents"):
        old.load()
    assert new.load()["token"] == {"_data": "1"}

    assert position_of(store)["token"] == {"_data": "1"}


def test_metrics_are_in_the_embedded_format(store, follow, noon, capsys, monkeypatch):
    monkeypatch.delenv("POWERTOOLS_METRICS_DISABLED", raising=False)
    receiver = Receiver()
    with follow(receiver) as follower:
        store.app.contents.insert_one(post("new", now=noon))
        until(lambda: follower.meter.sent)
        follower.meter.report()

    printed = capsys.readouterr().out
    for name in ("sent", "retried", "parked", "lag"):
        assert f'"{name}"' in printed
    assert '"collection":"contents"' in printed.replace(" ", "")
    assert follower.meter.sent == 0


def test_what_was_read_long_ago_tells_nothing_of_now(store, follow, noon, monkeypatch):
    """While the receiver is blocked, reads that found no change wait to be saved; the collection has changed since."""
    monkeypatch.setattr("relay.stream.POLL_MS", 20)
    noted: list[Any] = []

    class Slow(Receiver):
        def send(self, events):
            noted.extend((position_of(store).get("at"), json.loads(event.text)["clusterTime"]) for event in events)
            return super().send(events)

    reads: list[Any] = []
    made = StreamItem

    def remember(*args, **kwargs):
        reads.append(args)
        return made(*args, **kwargs)

    monkeypatch.setattr("relay.stream.StreamItem", remember)
    receiver = Slow()
    with follow(receiver, batch=2, queue=6, heartbeat_s=0.0):
        receiver.gate.clear()
        before = len(reads)
        store.app.contents.insert_one(post("first", now=noon))
        until(lambda: len(noted) == 1)
        until(lambda: len(reads) >= before + 5)  # the reader finds no change, until its buffer is full
        store.app.contents.insert_one(post("second", now=noon))
        written = time.monotonic()
        until(lambda: time.monotonic() > written + 2)
        receiver.gate.set()
        until(lambda: len(noted) == 2)

    at, changed = noted[1]
    assert at.timestamp() < changed["$timestamp"]["t"] + 1, "the second had not been sent"
