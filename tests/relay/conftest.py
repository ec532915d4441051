"""A relay in a thread, a receiver that keeps what it was sent, and events to send."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import Timestamp
from msgspec.structs import replace

from relay.events import Event, event_of
from relay.follow import Follower
from relay.sinks import SendResult, Sink
from relay.watched import Watched
from shared.runtime.options import Relay
from shared.store import Store
from shared.store.extended_json import decoded
from tests.factories import an_id
from tests.waiting import WITHIN_S, allowed, until

WATCHED = Watched(
    "contents",
    ("functions/topics/handlers/classify_content.handler",),
    ("payload", "visibility"),
    ("payload.message", "visibility", "updatedAt"),
)
QUICK = Relay(lease_s=1.5, heartbeat_s=0.1, max_pause_s=0.2, batch=50, queue=100)


@dataclass
class Receiver:
    """A sink that keeps what arrives.

    busy     number of sends that are turned away first
    takes    number of batches that it accepts in all
    refuses  whether an event is refused for good
    gate     while it is cleared, a sender waits
    """

    batches: list[list[Event]] = field(default_factory=list)
    busy: int = 0
    takes: int = 1_000_000
    refuses: Callable[[Event], bool] = lambda event: False
    gate: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    def send(self, events: Sequence[Event]) -> SendResult:
        """Accept the events that are not refused, once the gate is open."""
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
    """Follows the contents of this test inside a `with`: it runs when the body begins, and is drained when it ends."""

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
    """A condition: the relay has saved that it sent that many more changes than it has now."""
    goal = position_of(store).get("sent", 0) + more
    return lambda: position_of(store).get("sent", 0) >= goal


def position_of(store: Store) -> dict[str, Any]:
    """The saved position in the contents; empty where there is none."""
    return store.analytics.relayPositions.find_one({"_id": "contents"}) or {}


def event(name: str, message: str = "hello", *, increment: int = 1) -> Event:
    """The event of an edited post.

    increment  of its cluster time
    """
    edited_at = datetime(2026, 1, 31, 12, tzinfo=UTC)
    document = {"_id": an_id(name), "visibility": "publish", "payload": {"message": message}, "updatedAt": edited_at}
    change = {
        "operationType": "update",
        "clusterTime": Timestamp(1_700_000_000, increment),
        "ns": {"db": "app-db", "coll": "contents"},
        "documentKey": {"_id": an_id(name)},
        "fullDocument": document,
    }
    return event_of(change, 240_000)


def events(count: int, message: str = "hello") -> list[Event]:
    """Events of posts 0, 1, …, in order of their cluster times."""
    return [event(f"post {number}", message, increment=number) for number in range(count)]


@pytest.fixture
def aws_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials and a region that are nobody's."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
