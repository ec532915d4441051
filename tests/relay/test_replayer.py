"""The running relay replays what the console asks for: each change once, or twice where it is killed in the middle."""

import json
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from console.store.replays import Replays
from functions.topics.handlers.classify_content import handler
from relay import replay as replaying
from relay.replay import Replayer
from relay.sinks import SendResult, sink
from shared.errors import BadConfig
from tests.changes import change_event, ids, inserted, relayed, state
from tests.relay.conftest import QUICK, WATCHED, Receiver
from tests.waiting import allowed, until

OF = ("classify_content", "contents")


class Killed(BaseException):
    """Nothing is done after it, as in a process that is killed."""


@pytest.fixture(autouse=True)
def _often(monkeypatch):
    monkeypatch.setattr(replaying, "LOOK_EVERY_S", 0.02)


@pytest.fixture
def replayer(store):
    """Runs a replayer to a sink inside a `with`."""

    @contextmanager
    def start(target, of=OF):
        stop = threading.Event()
        made = Replayer(store, {of: target}, QUICK, stop)
        thread = threading.Thread(target=made.run, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(allowed(15))
            assert not thread.is_alive(), "the replayer does not end when it is told to"

    return start


@pytest.fixture
def ask(store):
    """Parks changes of posts, has them replayed, and returns how many were asked for."""

    def request(*names, park=True):
        now = datetime.now(UTC) - timedelta(minutes=1)
        if park:
            for name in names:
                text = json.dumps(inserted(name))
                store.parked_changes.park(name, "classify_content", text, "x", now=now)
        return Replays(store).request(names, by="kit", now=now)

    return request


def change_at(store, name):
    change = Replays(store).find(name)
    assert change
    return change


def outcome(store, name):
    """Waits for the outcome of a replay."""
    return until(lambda: not change_at(store, name).request and change_at(store, name).replay)


def test_what_is_asked_for_is_sent_and_nothing_else(store, replayer, ask):
    receiver = Receiver()
    ask("one", "two")
    store.parked_changes.park("other", "classify_content", None, "x", now=datetime.now(UTC))

    with replayer(receiver):
        assert [outcome(store, name).outcome for name in ("one", "two")] == ["sent", "sent"]
        ask("three")
        assert outcome(store, "three").outcome == "sent"

    assert sorted(change["documentKey"]["_id"] for change in receiver.changes) == sorted(ids("one", "two", "three"))
    assert not change_at(store, "one").waits
    assert (change_at(store, "other").waits, change_at(store, "other").replay) == (True, None)
    assert store.analytics.leases.count_documents({}) == 0


def test_a_request_twice_is_one(store, replayer, ask):
    receiver = Receiver()
    assert (ask("one"), ask("one", park=False)) == (1, 0)

    with replayer(receiver):
        assert outcome(store, "one").outcome == "sent"
        assert ask("one", park=False) == 0, "it waits no more"

    assert len(receiver.changes) == 1


def test_of_two_copies_one_replays(store, replayer, ask):
    first, second = Receiver(), Receiver()
    ask(*(f"post-{number}" for number in range(20)))

    with replayer(first), replayer(second):
        for number in range(20):
            assert outcome(store, f"post-{number}").outcome == "sent"

    assert sorted([len(first.changes), len(second.changes)]) == [0, 20]


def test_more_than_are_read_at_once_are_all_sent(store, replayer, ask, monkeypatch):
    monkeypatch.setattr(replaying, "PART", 3)
    receiver = Receiver()
    ask(*(f"post-{number}" for number in range(10)))

    with replayer(receiver):
        until(lambda: Replays(store).number_requested("classify_content", "x") == 0)

    assert len(receiver.changes) == 10


def test_killed_between_sending_and_writing_it_sends_again(store, replayer, ask):
    received = Receiver()

    class Deadly:
        def send(self, events):
            received.send(events)
            raise Killed

    ask("one", "two")
    stop = threading.Event()
    with pytest.raises(Killed):
        Replayer(store, {OF: Deadly()}, QUICK, stop).run()
    assert [bool(change_at(store, name).request) for name in ("one", "two")] == [True, True]
    store.analytics.leases.delete_many({})  # which a killed process leaves, and which ends by itself

    with replayer(received):
        assert {outcome(store, name).outcome for name in ("one", "two")} == {"sent"}

    sent = [str(change["documentKey"]["_id"]) for change in received.changes]
    assert sorted(map(sent.count, set(sent))) == [1, 2], "twice is allowed, lost is not"


def test_what_is_asked_for_while_no_relay_runs_waits_for_one(store, replayer, ask):
    ask("one")
    assert change_at(store, "one").request

    with replayer(Receiver()):
        assert outcome(store, "one").outcome == "sent"


def test_what_fails_once_more_says_so_with_the_reason(store, deployed, replayer):
    handler(relayed(change_event("insert", 7)), None)  # a post whose id is a number
    [first] = store.parked_changes.waiting()
    reason = first["reason"]
    replays = Replays(store)

    with replayer(sink("here", WATCHED)):
        for _ in range(2):
            waiting = [row["_id"] for row in store.parked_changes.waiting()]
            assert replays.request(waiting, by="kit", now=datetime.now(UTC)) == len(waiting) == 1
            assert outcome(store, waiting[0]).why_parked == reason
            assert change_at(store, waiting[0]).request is None

    assert not change_at(store, first["_id"]).waits, "as it came; by its key it waits under another name"
    assert len(list(store.parked_changes.waiting())) == 1


def test_once_the_cause_is_mended_it_is_not_said_any_more(store, deployed, replayer):
    store.app.contents.insert_one(state("one"))
    handler(relayed(inserted("one") | {"clusterTime": {"$timestamp": {"t": "soon", "i": 1}}}), None)
    [parked] = store.parked_changes.waiting()

    with replayer(sink("here", WATCHED)):
        Replays(store).request([parked["_id"]], by="kit", now=datetime.now(UTC))
        sent = outcome(store, parked["_id"])

    assert (sent.outcome, sent.why_parked) == ("sent", "")
    assert store.app.contentinfo.count_documents({}) == 1


def test_a_change_that_is_parked_again_while_it_is_replayed_waits_on(store, replayer, ask):
    receiver = Receiver()

    class Slow:
        def send(self, events):
            store.parked_changes.park("one", "classify_content", "{}", "late", now=datetime.now(UTC))
            return receiver.send(events)

    ask("one")
    with replayer(Slow()):
        assert outcome(store, "one").outcome == "sent"

    assert change_at(store, "one").waits
    assert change_at(store, "one").reason == "late"


def test_what_is_not_sent_says_why_stays_and_can_be_asked_for_again(store, replayer, ask):
    class Choosy:
        def send(self, events):
            busy = events[0].key == str(ids("busy")[0])
            return SendResult(unsent=events, why="not now") if busy else SendResult([(events[0], "malformed")])

    ask("busy", "wrong")
    store.parked_changes.park("nothing", "classify_content", "[" * 100_000, "x", now=datetime.now(UTC))
    ask("nothing", park=False)
    names = ("busy", "wrong", "nothing")

    with replayer(Choosy()):
        assert [outcome(store, name).outcome for name in names] == ["not now", "malformed", "names no document"]
    assert [change_at(store, name).waits for name in names] == [True] * 3
    assert ask(*names, park=False) == 3
    with replayer(Receiver()):
        until(lambda: not change_at(store, "busy").waits)


def test_a_relay_leaves_the_functions_of_another_alone_and_names_what_it_does_not_follow(store, replayer, ask):
    ask("one")
    verdict = json.dumps(change_event("insert", 7) | {"ns": {"db": "app-db", "coll": "suspiciouscredentials"}})
    store.parked_changes.park("verdict", "apply_verdicts", verdict, "x", now=datetime.now(UTC))
    Replays(store).request(["verdict"], by="kit", now=datetime.now(UTC))

    with replayer(Receiver(), of=("apply_verdicts", "suspiciouscredentials")):
        assert outcome(store, "verdict").outcome == "sent"
        assert change_at(store, "one").request
    with replayer(Receiver(), of=("classify_content", "comments")):
        assert outcome(store, "one").outcome == "is of no collection and function that is followed"


def test_a_fault_of_the_settings_ends_the_relay_and_the_requests_wait(store, ask):
    class Broken:
        def send(self, events):
            raise BadConfig("EventBridge refuses every call: AccessDeniedException")

    ask("one")
    with pytest.raises(BadConfig):
        Replayer(store, {OF: Broken()}, QUICK, threading.Event()).run()

    assert change_at(store, "one").request
