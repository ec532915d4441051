"""The running service: functions fired by their schedules, by changes and by requests, until it is stopped."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from console import assets
from console.access import HOME, LOGIN
from console.rights import ROLES, Role
from console.store.sessions import Sessions
from local import ownership
from local.accounts import members
from local.changes import relaying
from local.containers import Containers
from local.functions import Function, all_functions, function
from local.http import Handler, Listener, by_path, serving
from local.runs import Run, deliver, fire, run_pipeline
from local.screen import Screen
from local.workspace import fill
from relay.meter import Meter
from shared.store import Store, schema

CHECK_EVERY_S = 0.5  # whether the relay still works


def lacks_network(store: Store) -> bool:
    """Whether there are neither accounts nor users yet, or the writing of a demo network was interrupted."""
    people = (store.app[part.name].find_one({}, {"_id": 1}) for part in (schema.ACCOUNTS, schema.USERS))
    return not any(people) or ownership.is_half_replaced(store.app)


def prepare(store: Store, size: str) -> None:
    """Fill empty databases with a network and run the functions that it needs; continue an interrupted start."""
    if lacks_network(store):
        fill(store, size, now=datetime.now(UTC))
    run_pipeline(store, datetime.now(UTC), anew=False)


def serve(store: Store, screen: Screen, stop: threading.Event, listener: Listener, typed: str) -> None:
    """Fire every function when its schedule is due, and run the relay and the HTTP API; drain the relay at the end.

    An expected failure is shown, and the function runs again when it is due. Ctrl-C ends the service like `stop`, and
    interrupts a run.

    typed  how a command on the same data is typed
    """
    due = {function: next_due(function, datetime.now(UTC)) for function in all_functions().values() if function.cron}
    feed, console = function("serve_feed"), function("serve_console")
    with (
        screen.showing_warnings(),  # before anything runs that may warn
        Containers(feed.module, screen.say_logged) as feeds,
        Containers(console.module, screen.say_logged) as consoles,
        serving(
            by_path(
                {
                    HOME: ShownRequests(console, consoles, screen.show),
                    "": ShownRequests(feed, feeds, screen.show),
                }
            ),
            listener,
            at_once=True,
        ) as address,
        relaying(store, screen.show) as relay,
    ):
        collections = ", ".join(meter.collection for meter in relay.meters)
        screen.say(
            f"{len(due)} schedules, and changes of {collections}; the database is {_address(store)}; times are UTC; "
            f"HTTP is at {address}, documented at {address}/swagger; Ctrl-C ends it"
        )
        for member in members(store, 1):
            screen.say(f"an account to ask for: {member.account}; its token: {typed} token {member.account}")

        for role in ROLES:
            screen.say(f"the console, once within ten minutes, as {role}: {address}{login_path(store, role)}")

        def status() -> str:
            return status_of(relay.meters, due, datetime.now(UTC))

        with screen.showing(status):
            while not stop.is_set():
                relay.check()
                following = min(due, key=lambda function: due[function])
                seconds = (due[following] - datetime.now(UTC)).total_seconds()
                if seconds > 0:
                    screen.beat(status)
                    stop.wait(min(seconds, CHECK_EVERY_S))
                    continue
                screen.show(fire(following, due[following]))
                for run in deliver():
                    screen.show(run)
                due[following] = next_due(following, max(due[following], datetime.now(UTC)))  # runs missed are skipped


class ShownRequests:
    """The handler of a function over HTTP; `show` is called with each request as a run, from any thread."""

    def __init__(self, function: Function, handler: Handler, show: Callable[[Run], None]) -> None:
        self._function, self._handler, self._show = function, handler, show

    def __call__(self, event: Any, context: Any) -> Any:
        """Answer a request."""
        at, began = datetime.now(UTC), time.perf_counter()
        answer = self._handler(event, context)
        http = event["requestContext"]["http"]
        result = {"status": answer["statusCode"], "asked": f"{http['method']} {http['path']}"}
        if not http["path"].startswith(assets.PATH):
            self._show(Run(self._function.stem, "request", at, time.perf_counter() - began, result))
        return answer


def login_path(store: Store, role: Role) -> str:
    """The path that logs in to the console once, with that role."""
    return f"{LOGIN}?link={Sessions(store).login_link(role, now=datetime.now(UTC))}"


def next_due(function: Function, after: datetime) -> datetime:
    """When the schedule fires next; the end of time for a function without one."""
    return function.due(after) or datetime.max.replace(tzinfo=UTC)


def status_of(meters: Sequence[Meter], due: Mapping[Function, datetime], now: datetime) -> str:
    """One line: what the relay has sent of each collection, its lag, and the next scheduled function."""
    parts = [
        f"{meter.collection}: {meter.sent} sent, {meter.retried} retried, {meter.parked} parked, {_lag_of(meter)}"
        for meter in meters
    ]
    if due:
        function, at = min(due.items(), key=lambda pair: pair[1])
        parts.append(f"next {function.stem} at {at:%H:%M}, in {max((at - now).total_seconds(), 0):.0f} s")
    return "  |  ".join(parts)


def _lag_of(meter: Meter) -> str:
    return "another relay follows it" if meter.lag_s is None else f"{meter.lag_s:.1f} s behind"


def _address(store: Store) -> str:
    host, port = store.client.address or ("?", 0)
    return f"{host}:{port}"
