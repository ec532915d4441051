"""Changes in this process: the relay runs in threads and hands them to the real handlers."""

import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace

from local.functions import Function, function
from local.runs import Run
from local.waiting import is_late
from relay.events import Event
from relay.follow import Follower
from relay.meter import Meter
from relay.replay import Replayer
from relay.sinks import FanOut, Here, SendResult
from relay.watched import Watched, watched
from shared.config import settings
from shared.errors import AppError, Unavailable
from shared.runtime import options as runtime
from shared.store import Store, schema

Show = Callable[[Run], None]

LEASE_S = 10.0  # shorter than in a deployment: a person waits for the lease of a killed process
START_WITHIN_S = 20.0
POLL_EVERY_S = 0.01


class Handled:
    """A sink that calls the real handler of a function, and `show` with each run of it.

    Changes that the function refuses for good are parked, as on AWS they would wait in the dead-letter queue.
    """

    def __init__(self, function: Function, show: Show) -> None:
        self._function, self._show = function, show

    def send(self, events: Sequence[Event]) -> SendResult:
        """Hand over all events; the failure of a run is shown and does not end the relay."""
        at, began = datetime.now(UTC), time.perf_counter()
        answer: dict[str, Any] = {}
        failure: AppError | None = None

        def handle(event: Any, context: Any) -> None:
            answer.update(self._function.handler(event, context) or {})

        try:
            result = Here(handle).send(events)
            failure = Unavailable(result.why) if result.unsent else None
        except AppError as error:
            result, failure = SendResult([(event, str(error)) for event in events]), error
        fired_by = f"change ×{len(events)}"
        self._show(Run(self._function.stem, fired_by, at, time.perf_counter() - began, answer, failure))
        return result


@dataclass(frozen=True, slots=True)
class Relay:
    """A relay that runs in threads.

    meters     counters of each collection
    threads    those that follow, and the one that replays
    """

    store: Store
    meters: Sequence[Meter]
    threads: Sequence["Future[None]"]

    def check(self) -> None:
        """Raise the error that has ended a thread, if there is one."""
        for thread in self.threads:
            if thread.done():
                thread.result()

    def await_start(self) -> None:
        """Wait until every later change of each collection will be sent; Unavailable where that takes too long."""
        positions = self.store.analytics[schema.RELAY_POSITIONS.name]
        names = [meter.collection for meter in self.meters]
        started = {"_id": {"$in": names}, "$or": [{"token": {"$ne": None}}, {"startAt": {"$ne": None}}]}
        began = time.monotonic()
        while positions.count_documents(started) < len(names):
            self.check()
            if is_late(began, START_WITHIN_S):
                raise Unavailable(f"the relay has not started within {time.monotonic() - began:.0f} s")
            time.sleep(POLL_EVERY_S)


@contextmanager
def relaying(store: Store, show: Show, collections: Collection[str] = ()) -> Iterator[Relay]:
    """Run the relay while the body runs, and drain it afterwards; of several relays on one server one works. Parked
    changes are replayed when the console asks for it.

    show         called with each run of a function, in a thread of the relay
    collections  to follow; all that are declared, where none is named
    """
    options, stop = settings().options.of(runtime.Relay), threading.Event()
    options = replace(options, lease_s=min(options.lease_s, LEASE_S))

    def sink(collection: Watched) -> FanOut:
        return FanOut([handled(stem) for stem in collection.stems])

    def handled(stem: str) -> Handled:
        return Handled(function(stem), show)

    followed = [one for one in watched() if one.collection in (collections or (one.collection,))]
    followers = [Follower(store, collection, sink(collection), options, stop) for collection in followed]
    of_functions = {(stem, each.collection): handled(stem) for each in followed for stem in each.stems}
    work: list[Replayer | Follower] = [*followers, Replayer(store, of_functions, options, stop)]
    with ThreadPoolExecutor(len(work), "relay") as threads:
        running = [threads.submit(each.run) for each in work]
        try:
            yield Relay(store, [follower.meter for follower in followers], running)
        finally:
            stop.set()
    for thread in running:
        thread.result()
