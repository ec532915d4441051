"""The relay where MongoDB has lost the history of changes: it logs that, catches up from the documents, and goes on."""

import itertools
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo import MongoClient

from local.mongod import mongo_server
from relay.leased import Stopped
from relay.meter import logger
from relay.positions import Position
from relay.stream import LOST_HISTORY_CODES
from tests.factories import an_id, post
from tests.relay.conftest import Receiver, position_of
from tests.waiting import until

MB = 2**20


@pytest.fixture(scope="module")
def forgetful_server() -> Iterator[str]:
    """A server that keeps about 60 MB of history, and deletes older history within a second."""
    with mongo_server(private=True, cache_gb=0.25, history_mb=2, checkpoint_s=1) as uri:
        yield uri


@pytest.fixture(scope="module")
def mongo_uri(forgetful_server: str) -> str:
    return forgetful_server


@pytest.fixture(scope="module")
def client(mongo_uri: str) -> Iterator[MongoClient[dict[str, Any]]]:
    with MongoClient[dict[str, Any]](mongo_uri, tz_aware=True) as connected:
        yield connected


@pytest.fixture
def relay_log(monkeypatch):
    """The warnings and errors that the relay logs: (message, details)."""
    lines: list[tuple[str, dict[str, Any]]] = []
    for level in ("error", "warning"):
        monkeypatch.setattr(logger, level, lambda message, **details: lines.append((message, details)))
    return lines


def now() -> datetime:
    """The moment of now, as exact as the server stores it."""
    return datetime.now(UTC).replace(microsecond=0)


def roll_over(store) -> None:
    """Write to another collection until the history of this moment is deleted."""
    oplog = store.client.local["oplog.rs"]
    latest = oplog.find_one(sort=[("$natural", -1)])["ts"]
    filler = [{"x": "y" * 100_000} for _ in range(50)]

    def passed() -> bool:
        store.app.filler.insert_many([dict(document) for document in filler])
        return bool(oplog.find_one(sort=[("$natural", 1)])["ts"] > latest)

    until(passed, 60.0)
    store.app.filler.drop()


def test_changes_in_a_gap_are_sent_from_the_documents(store, follow, relay_log):
    receiver, contents = Receiver(), store.app.contents
    contents.insert_one(post("old", now=now() - timedelta(days=30)))
    with follow(receiver):
        contents.insert_one(post("before", now=now(), age_hours=0))
        until(lambda: receiver.of(an_id("before")))
    contents.insert_many([post(f"in the gap {number}", now=now(), age_hours=0) for number in range(120)])
    roll_over(store)

    with follow(receiver):
        until(lambda: receiver.of(an_id("in the gap 119")))
        until(lambda: any(message == "reconciled" for message, _ in relay_log))
        contents.insert_one(post("after", now=now(), age_hours=0))
        until(lambda: receiver.of(an_id("after")))

    assert all(receiver.of(an_id(f"in the gap {number}")) for number in range(120))
    assert receiver.of(an_id("old")) == [], "only changes since the last saved position, less the overlap"
    (lost,) = [details for message, details in relay_log if message == "history lost"]
    (covered,) = [details for message, details in relay_log if message == "reconciled"]
    assert lost["code"] == 286
    assert covered["documents"] == 121
    assert covered["complete"] is True
    assert covered["covered_from"] <= covered["covered_to"]


def test_a_document_that_is_read_to_catch_up_is_never_newer_than_a_change_meanwhile(store, follow):
    receiver, contents = Receiver(), store.app.contents
    with follow(receiver):
        pass
    contents.insert_one(post("a", now=now(), age_hours=0))
    roll_over(store)

    with follow(receiver):
        until(lambda: receiver.of(an_id("a")))
        contents.update_one({"_id": an_id("a")}, {"$set": {"payload.message": "edited"}})
        until(lambda: len(receiver.of(an_id("a"))) >= 2)

    first, *_, last = receiver.of(an_id("a"))
    assert first["clusterTime"] < last["clusterTime"]
    assert last["fullDocument"]["payload"]["message"] == "edited"


def test_a_quiet_collection_outlives_the_history_of_the_others(store, follow, relay_log):
    receiver = Receiver()
    with follow(receiver):
        roll_over(store)
        oldest = store.client.local["oplog.rs"].find_one(sort=[("$natural", 1)])["ts"].as_datetime()
        until(lambda: position_of(store)["at"] > oldest)
    store.app.contents.insert_one(post("at last", now=now(), age_hours=0))

    with follow(receiver):
        until(lambda: receiver.of(an_id("at last")))

    assert [message for message, _ in relay_log] == []


@pytest.mark.parametrize("code", sorted(LOST_HISTORY_CODES))
def test_every_way_of_losing_the_history_is_survived(store, follow, relay_log, client, code):
    receiver = Receiver()
    with follow(receiver):
        pass
    store.app.contents.insert_one(post("in the gap", now=now(), age_hours=0))
    failure = {"failCommands": ["aggregate"], "errorCode": code, "appName": "feedkeeper"}
    client.admin.command({"configureFailPoint": "failCommand", "mode": {"times": 1}, "data": failure})
    try:
        with follow(receiver):
            until(lambda: receiver.of(an_id("in the gap")))
            until(lambda: not position_of(store).get("reconciling"))
    finally:
        client.admin.command({"configureFailPoint": "failCommand", "mode": "off"})

    codes = [(message, details.get("code")) for message, details in relay_log]
    assert codes == [("history lost", code), ("reconciled", None)]


@pytest.mark.parametrize("token", ["nonsense", "", "8263", 5], ids=repr)
def test_an_invalid_token_leads_to_no_restart_loop(store, follow, relay_log, token):
    store.analytics.relayPositions.insert_one({"_id": "contents", "token": {"_data": token}, "at": now()})
    receiver = Receiver()

    with follow(receiver):
        until(lambda: any(message == "reconciled" for message, _ in relay_log))
        store.app.contents.insert_one(post("after", now=now(), age_hours=0))
        until(lambda: receiver.of(an_id("after")))

    assert [message for message, _ in relay_log] == ["history lost", "reconciled"]


def test_where_the_history_is_lost_again_and_again_each_time_less_is_sent_after_a_longer_pause(
    store, follow, relay_log, client
):
    hour_ago = now() - timedelta(hours=1)
    store.analytics.relayPositions.insert_one({"_id": "contents", "token": {"_data": "nonsense"}, "at": hour_ago})
    store.app.contents.insert_many([post(f"post {n}", now=now(), age_hours=0.1) for n in range(200)])
    failure = {"failCommands": ["aggregate"], "errorCode": 286, "appName": "feedkeeper"}
    client.admin.command({"configureFailPoint": "failCommand", "mode": {"times": 6}, "data": failure})
    receiver, began = Receiver(), time.monotonic()
    try:
        with follow(receiver, overlap=timedelta(0), max_pause_s=0.4):
            until(lambda: [message for message, _ in relay_log].count("reconciled") == 6)
            store.app.contents.insert_one(post("after", now=now(), age_hours=0))
            until(lambda: receiver.of(an_id("after")))
    finally:
        client.admin.command({"configureFailPoint": "failCommand", "mode": "off"})

    assert time.monotonic() - began > 0.2 + 0.4 * 5
    assert [details["documents"] for message, details in relay_log if message == "reconciled"] == [200, 0, 0, 0, 0, 0]
    assert len(receiver.changes) == 201


@pytest.mark.parametrize("save", range(6))
def test_after_a_relay_that_dies_at_any_save_a_renamed_collection_is_sent_completely(store, follow, monkeypatch, save):
    """Above all between saving that the stream has ended and saving that all documents must be sent."""
    restored, contents, saved, receiver = store.app.restored, store.app.contents, Position.save, Receiver()
    restored.insert_many([post(f"restored {n}", now=now() - timedelta(days=300)) for n in range(3)])
    remaining, died = itertools.count(save, -1), threading.Event()

    def dies(self, *arguments, **named):
        if next(remaining) <= 0:
            died.set()
            raise Stopped
        return saved(self, *arguments, **named)

    def is_complete():
        return all(receiver.of(an_id(f"restored {number}")) for number in range(3))

    with follow(receiver):
        contents.insert_one(post("one", now=now(), age_hours=0))
        until(lambda: receiver.changes)
    with monkeypatch.context() as patch:
        patch.setattr(Position, "save", dies)
        with follow(receiver, wait=False, heartbeat_s=1_000.0):
            restored.rename("contents", dropTarget=True)
            until(lambda: died.is_set() or is_complete())
    with follow(receiver):
        until(is_complete)


def test_where_a_relay_goes_on_among_documents_of_one_date_none_is_counted_twice(store, follow, relay_log):
    store.analytics.relayPositions.insert_one({"_id": "contents", "token": {"_data": "nonsense"}, "at": now()})
    store.app.contents.insert_many([post(f"post {n}", now=now(), age_hours=0) for n in range(40)])
    with follow(Receiver(takes=3), wait=False, batch=10) as follower:
        until(lambda: follower.meter.retried)

    receiver = Receiver()
    with follow(receiver, batch=10, max_reconciled=41):
        until(lambda: any(message == "reconciled" for message, _ in relay_log))

    (covered,) = [details for message, details in relay_log if message == "reconciled"]
    assert (covered["documents"], covered["complete"]) == (40, True)
    assert {change["documentKey"]["_id"] for change in receiver.changes} == {an_id(f"post {n}") for n in range(40)}


def test_catching_up_is_bounded_and_that_is_logged(store, follow, relay_log):
    store.analytics.relayPositions.insert_one({"_id": "contents", "token": {"_data": "nonsense"}, "at": now()})
    store.app.contents.insert_many([post(f"post {number}", now=now(), age_hours=0) for number in range(30)])
    receiver = Receiver()

    with follow(receiver, max_reconciled=20, batch=7):
        until(lambda: any(message == "reconciled" for message, _ in relay_log))

    assert len(receiver.changes) == 20
    assert [details["complete"] for message, details in relay_log if message == "reconciled"] == [False]


def test_catching_up_goes_on_where_another_relay_ended(store, follow, relay_log):
    moments = [now() - timedelta(minutes=60 - number) for number in range(60)]
    store.app.contents.insert_many([post(f"post {n}", now=at, age_hours=0) for n, at in enumerate(moments)])
    store.analytics.relayPositions.insert_one({"_id": "contents", "token": {"_data": "nonsense"}, "at": now()})
    first = Receiver(takes=3)
    with follow(first, wait=False, batch=10) as follower:
        until(lambda: follower.meter.retried)

    second = Receiver()
    with follow(second, batch=10):
        until(lambda: any(message == "reconciled" for message, _ in relay_log))

    assert len(first.changes) == 30
    assert 30 <= len(second.changes) < 40, "it did not begin anew"
    sent = {change["documentKey"]["_id"] for change in first.changes + second.changes}
    assert sent == {an_id(f"post {number}") for number in range(60)}


def test_a_collection_that_is_dropped_and_made_again_is_followed_on(store, follow):
    receiver, contents = Receiver(), store.app.contents
    with follow(receiver):
        contents.insert_one(post("one", now=now(), age_hours=0))
        until(lambda: receiver.changes)
        contents.drop()
        contents.insert_one(post("two", now=now(), age_hours=0))
        until(lambda: receiver.of(an_id("two")))


def test_nothing_is_lost_between_a_drop_and_the_next_start(store, follow):
    receiver, contents = Receiver(), store.app.contents
    with follow(receiver):
        contents.insert_one(post("one", now=now(), age_hours=0))
        until(lambda: receiver.changes)
    contents.drop()
    contents.insert_one(post("two", now=now(), age_hours=0))
    contents.update_one({"_id": an_id("two")}, {"$set": {"payload.message": "edited"}})

    with follow(receiver):
        until(lambda: receiver.of(an_id("two")))
        until(lambda: receiver.of(an_id("two"))[-1]["fullDocument"]["payload"]["message"] == "edited")


def test_a_collection_that_replaces_another_is_sent_completely(store, follow):
    receiver, contents = Receiver(), store.app.contents
    store.app.restored.insert_many([post(f"restored {n}", now=now() - timedelta(days=300)) for n in range(3)])
    with follow(receiver):
        contents.insert_one(post("one", now=now(), age_hours=0))
        until(lambda: receiver.changes)
        store.app.restored.rename("contents", dropTarget=True)
        until(lambda: all(receiver.of(an_id(f"restored {number}")) for number in range(3)))
        contents.insert_one(post("two", now=now(), age_hours=0))
        until(lambda: receiver.of(an_id("two")))


def test_a_collection_that_is_renamed_and_one_that_takes_its_name(store, follow):
    receiver, contents = Receiver(), store.app.contents
    with follow(receiver):
        contents.insert_one(post("one", now=now(), age_hours=0))
        until(lambda: receiver.changes)
        contents.rename("archive")
        contents.insert_one(post("two", now=now(), age_hours=0))
        until(lambda: receiver.of(an_id("two")))
    store.app.archive.drop()


def test_a_database_that_is_dropped(store, follow, client):
    receiver = Receiver()
    with follow(receiver):
        store.app.contents.insert_one(post("one", now=now(), age_hours=0))
        until(lambda: receiver.changes)
        client.drop_database(store.app.name)
        store.app.contents.insert_one(post("two", now=now(), age_hours=0))
        until(lambda: receiver.of(an_id("two")))
