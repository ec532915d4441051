"""The running service: functions fired by the clock and by changes, until it is told to stop."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from local import ownership
from local.accounts import members
from local.changes import relaying
from local.functions import PIPELINE, Function, all_functions, function
from local.http import serving
from local.runs import FIRST_RUNS, PIPELINE_RECORD, Run, deliver, fire, run_pipeline
from local.screen import Screen
from local.workspace import fill
from relay.meter import Meter
from shared.store import Store, schema

LOOK_EVERY_S = 0.5  # whether the relay is still well


def lacks_network(store: Store) -> bool:
    """Whether nobody is there yet, or the filling of the databases was cut short."""
    return not store.app[schema.USERS.name].find_one({}, {"_id": 1}) or ownership.is_unfinished(store.app)


def prepare(store: Store, size: str) -> None:
    """Fill an empty network, and run what it needs first; go on where an earlier start was cut short."""
    record = store.analytics[FIRST_RUNS]
    if lacks_network(store):
        record.replace_one(PIPELINE_RECORD, {"left": list(PIPELINE)}, upsert=True)
        fill(store, size, now=datetime.now(UTC))
    run_pipeline(store, datetime.now(UTC), anew=False)


def serve(store: Store, screen: Screen, stop: threading.Event, port: int, typed: str) -> None:
    """Fire every function when its schedule is due, with the relay and the HTTP API beside; drain the relay at the end.

    What fails, of the kinds that we foresaw, is shown, and the next run comes when it is due. Ctrl-C ends it like
    `stop`, and cuts short the run that is under way.

    typed  how a command on the same data is typed
    """
    due = {one: next_due(one, datetime.now(UTC)) for one in all_functions().values() if one.cron}
    with serving(HomeRequest(screen.tell), port) as address, relaying(store, screen.tell) as relay:
        collections = ", ".join(one.collection for one in relay.meters)
        screen.say(
            f"{len(due)} schedules, and changes of {collections}; the database is {_address(store)}; times are UTC; "
            f"HTTP is at {address}, documented at {address}/swagger; Ctrl-C ends it"
        )
        for member in members(store, 1):
            screen.say(f"an account to ask for: {member.account}; its token: {typed} token {member.account}")

        def status() -> str:
            return status_of(relay.meters, due, datetime.now(UTC))

        with screen.showing(status):
            while not stop.is_set():
                relay.check()
                one = min(due, key=lambda function: due[function])
                ahead = (due[one] - datetime.now(UTC)).total_seconds()
                if ahead > 0:
                    screen.beat(status)
                    stop.wait(min(ahead, LOOK_EVERY_S))
                    continue
                screen.tell(fire(one, due[one]))
                for queued in deliver():
                    screen.tell(queued)
                due[one] = next_due(one, max(due[one], datetime.now(UTC)))  # what came due meanwhile is left out


class HomeRequest:
    """The real handler of the HTTP API; each request is told as a run."""

    def __init__(self, tell: Callable[[Run], None]) -> None:
        self._function, self._tell = function("serve_feed"), tell

    def __call__(self, event: Any, context: Any) -> Any:
        """The answer to one request."""
        at, began = datetime.now(UTC), time.perf_counter()
        answer = self._function.handler(event, context)
        http = event["requestContext"]["http"]
        asked = {"status": answer["statusCode"], "asked": f"{http['method']} {http['path']}"}
        self._tell(Run(self._function.stem, "request", at, time.perf_counter() - began, asked))
        return answer


def next_due(one: Function, after: datetime) -> datetime:
    """When the schedule fires next; never without one."""
    return one.due(after) or datetime.max.replace(tzinfo=UTC)


def status_of(meters: Sequence[Meter], due: Mapping[Function, datetime], now: datetime) -> str:
    """Where the relay stands in each collection, and what the clock fires next."""
    parts = [
        f"{one.collection}: {one.sent} sent, {one.retried} retried, {one.parked} parked, {_lag_of(one)}"
        for one in meters
    ]
    if due:
        one, at = min(due.items(), key=lambda pair: pair[1])
        parts.append(f"next {one.stem} at {at:%H:%M}, in {max((at - now).total_seconds(), 0):.0f} s")
    return "  |  ".join(parts)


def _lag_of(meter: Meter) -> str:
    return "another relay follows it" if meter.lag_s is None else f"{meter.lag_s:.1f} s behind"


def _address(store: Store) -> str:
    host, port = store.client.address or ("?", 0)
    return f"{host}:{port}"
