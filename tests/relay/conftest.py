"""A relay in a thread, and a receiver that remembers what it was sent."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from relay.events import Event
from relay.follow import Follower
from relay.sinks import SendResult, Sink
from relay.watched import Watched
from shared.config import Relay
from shared.store import Store
from shared.store.extended_json import decoded
from tests.waiting import WITHIN_S, allowed, until

WATCHED = Watched(
    "contents",
    ("functions/topics/handlers/classify_content.handler",),
    ("payload", "visibility"),
    ("payload.message", "visibility", "updatedAt"),
)
QUICK = Relay(lease_s=1.5, beat_s=0.1, longest_pause_s=0.2, batch=50, queue=100)


@dataclass
class Receiver:
    """A sink that keeps what arrives.

    busy     sends that are turned away first
    takes    batches that it takes in all, and no more
    refuses  which events are refused for good
    gate     closed, it lets a sender wait
    """

    batches: list[list[Event]] = field(default_factory=list)
    busy: int = 0
    takes: int = 1_000_000
    refuses: Callable[[Event], bool] = lambda event: False
    gate: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    def send(self, events: Sequence[Event]) -> SendResult:
        """Take them, one batch after the other, while the gate is open."""
        self.gate.wait(allowed(WITHIN_S))
        if self.busy or len(self.batches) >= self.takes:
            self.busy = max(self.busy - 1, 0)
            return SendResult(unsent=events, why="busy")
        taken = [event for event in events if not self.refuses(event)]
        self.batches.append(taken)
        return SendResult(refused=[(event, "refused") for event in events if self.refuses(event)])

    @property
    def changes(self) -> list[dict[str, Any]]:
        """Every event in order of arrival, decoded."""
        return [decoded(json.loads(event.text)) for batch in list(self.batches) for event in batch]

    def of(self, key: Any) -> list[dict[str, Any]]:
        """The events of one document."""
        return [change for change in self.changes if change["documentKey"]["_id"] == key]


Start = Callable[..., AbstractContextManager[Follower]]


@pytest.fixture
def follow(store: Store) -> Start:
    """Follow the contents of this test inside a `with`; it is up when the body begins, and drained when it ends."""

    @contextmanager
    def start(sink: Sink, *, watched: Watched = WATCHED, wait: bool = True, **changes: Any) -> Iterator[Follower]:
        stop = threading.Event()
        follower = Follower(store, watched, sink, replace(QUICK, **changes), stop)
        thread = threading.Thread(target=follower.run, daemon=True)
        thread.start()
        try:
            if wait:
                until(lambda: position_of(store).get("token"))
            yield follower
        finally:
            stop.set()
            thread.join(allowed(WITHIN_S))
            assert not thread.is_alive(), "the relay does not end when it is told to"

    return start


def has_sent(store: Store, more: int) -> Callable[[], bool]:
    """Whether the relay has noted so many more changes than by now."""
    goal = position_of(store).get("sent", 0) + more
    return lambda: position_of(store).get("sent", 0) >= goal


def position_of(store: Store) -> dict[str, Any]:
    return store.analytics.relayPositions.find_one({"_id": "contents"}) or {}
