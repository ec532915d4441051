"""Changes in this process: the relay in threads, which hands them to the real handlers."""

import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from local.functions import Function, function
from local.runs import Run
from local.waiting import is_late
from relay.events import Event
from relay.follow import Follower
from relay.meter import Meter
from relay.sinks import FanOut, Here, SendResult
from relay.watched import Watched, watched
from shared.config import settings
from shared.errors import AppError, Unavailable
from shared.store import Store, schema

Tell = Callable[[Run], None]

LEASE_S = 10.0  # on one machine, whoever waits for a copy that was killed is a person
START_WITHIN_S = 20.0
LOOK_EVERY_S = 0.01


class Handled:
    """A sink: the real handler of a function, and `tell` is called with each run of it.

    What the function refuses for good is parked, as on AWS it would wait in the dead-letter queue.
    """

    def __init__(self, one: Function, tell: Tell) -> None:
        self._function, self._tell = one, tell

    def send(self, events: Sequence[Event]) -> SendResult:
        """Hand over all; the failure of a run is told and does not end the relay."""
        at, began = datetime.now(UTC), time.perf_counter()
        result: dict[str, Any] = {}
        failure: AppError | None = None

        def handle(event: Any, context: Any) -> None:
            result.update(self._function.handler(event, context) or {})

        try:
            outcome = Here(handle).send(events)
            failure = Unavailable(outcome.why) if outcome.unsent else None
        except AppError as error:
            outcome, failure = SendResult([(event, str(error)) for event in events]), error
        fired_by = f"change ×{len(events)}"
        self._tell(Run(self._function.stem, fired_by, at, time.perf_counter() - began, result, failure))
        return outcome


@dataclass(frozen=True, slots=True)
class Relay:
    """A relay that runs beside other work.

    meters     what it has sent, by collection
    followers  its threads
    """

    store: Store
    meters: Sequence[Meter]
    followers: Sequence["Future[None]"]

    def check(self) -> None:
        """Raise what has ended a thread, if anything has."""
        for one in self.followers:
            if one.done():
                one.result()

    def await_start(self) -> None:
        """Wait until no later change of any collection can be missed; Unavailable where that takes too long."""
        positions = self.store.analytics[schema.RELAY_POSITIONS.name]
        names = [one.collection for one in self.meters]
        begun = {"_id": {"$in": names}, "$or": [{"token": {"$ne": None}}, {"startAt": {"$ne": None}}]}
        began = time.monotonic()
        while positions.count_documents(begun) < len(names):
            self.check()
            if is_late(began, START_WITHIN_S):
                raise Unavailable(f"the relay has not started within {time.monotonic() - began:.0f} s")
            time.sleep(LOOK_EVERY_S)


@contextmanager
def relaying(store: Store, tell: Tell, collections: Collection[str] = ()) -> Iterator[Relay]:
    """Run the relay beside the body, and drain it afterwards; of several on one server, one works and the others wait.

    tell         called with each run of a function, in a thread of the relay's
    collections  to follow; all that are declared, where none is named
    """
    options, stop = settings().options.relay, threading.Event()
    options = replace(options, lease_s=min(options.lease_s, LEASE_S))

    def sink(one: Watched) -> FanOut:
        return FanOut([Handled(function(stem), tell) for stem in one.stems])

    chosen = [one for one in watched() if one.collection in (collections or (one.collection,))]
    followers = [Follower(store, one, sink(one), options, stop) for one in chosen]
    with ThreadPoolExecutor(max(len(followers), 1), "relay") as threads:
        running = [threads.submit(one.run) for one in followers]
        try:
            yield Relay(store, [one.meter for one in followers], running)
        finally:
            stop.set()
    for one in running:
        one.result()
