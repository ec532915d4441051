"""The relay in this process: runs are shown, failures parked or sent again, leases handed over."""

import threading
import time

import pytest

from local.changes import Handled, relaying
from local.functions import Function
from local.runs import Run
from relay.events import Event
from relay.watched import watched
from shared.errors import BadConfig, Unavailable
from tests.factories import post
from tests.waiting import allowed, until

EVENTS = [Event("app-db.contents", str(number), "{}", 2, "{}") for number in range(3)]


@pytest.fixture
def handled(monkeypatch):
    """Makes a sink over a handler, and the list of runs that it shows."""

    def make(handler):
        runs: list[Run] = []
        monkeypatch.setattr(Function, "handler", property(lambda self: handler))
        return Handled(Function("classify_content", "topics", None), runs.append), runs

    return make


def refusing(error):
    def handler(event, context):
        raise error

    return handler


def test_a_run_is_shown_with_its_changes_and_its_answer(handled):
    sink, runs = handled(lambda event, context: {"read": len(event["changes"])})

    result = sink.send(EVENTS)

    assert not result.refused
    assert not result.unsent
    assert [(run.stem, run.fired_by, run.summary) for run in runs] == [("classify_content", "change ×3", "read 3")]


def test_a_transient_failure_is_shown_and_the_changes_are_sent_again(handled):
    sink, runs = handled(refusing(Unavailable("the database does not answer")))

    result = sink.send(EVENTS)

    assert list(result.unsent) == EVENTS
    assert [run.summary for run in runs] == ["FAILED: Unavailable: the database does not answer"]


def test_a_permanent_failure_is_shown_and_the_changes_are_parked(handled):
    sink, runs = handled(refusing(BadConfig("ARTIFACT_KEYS is missing")))

    result = sink.send(EVENTS)

    assert result.refused == [(event, "ARTIFACT_KEYS is missing") for event in EVENTS]
    assert [run.summary for run in runs] == ["FAILED: BadConfig: ARTIFACT_KEYS is missing"]


def test_of_two_relays_the_second_takes_over_when_the_first_ends(deployed, store, handled, noon):
    first: list[Run] = []
    second: list[Run] = []
    handled(lambda event, context: {})
    stems = next(followed.stems for followed in watched() if followed.collection == "contents")
    with relaying(store, second.append) as waiting:
        with relaying(store, first.append) as working:
            working.await_start()
            working.check()
        waiting.await_start()
        store.app.contents.insert_one(post("hello", now=noon))
        until(lambda: len(first) + len(second) >= len(stems))
        waiting.check()

    assert len(first) + len(second) == len(stems), "a change is handed over once to each function"


def test_an_end_that_nobody_foresaw_is_raised_by_the_next_look(deployed, store, handled, noon):
    handled(refusing(ZeroDivisionError("a mistake of ours")))

    with pytest.raises(ZeroDivisionError, match="a mistake of ours"), relaying(store, lambda run: None) as relay:  # noqa: PT012
        relay.await_start()
        store.app.contents.insert_one(post("any", now=noon))
        until(lambda: relay.check())


def test_a_relay_leaves_neither_lease_nor_thread_behind(deployed, store):
    with relaying(store, lambda run: None) as relay:
        relay.await_start()
        began = time.monotonic()

    assert time.monotonic() - began < allowed(5)
    assert store.analytics.leases.count_documents({}) == 0
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("relay")] == []
