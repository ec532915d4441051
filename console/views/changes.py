"""Changes that were parked: what no attempt could process, by reason and one by one; replaying them, and dead letters.

A replay is asked for here, and done by the relay; a page that waits for one loads itself again until it has an outcome.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar
from urllib.parse import quote, urlencode

from msgspec import Meta, Struct

from console.fields import NoFields
from console.lines import Line, State, counted
from console.service import Console
from console.store.parked import ParkedChange, ParkedReason, read_reason_key
from console.store.relay_state import RelayState, relay_state
from console.store.replays import MAX_COUNTED, MAX_NUMBER
from console.templates import redirect, render
from console.visitor import Visitor
from shared.api import STATUS, Response, Route
from shared.errors import Conflict, NotFound, Unavailable
from shared.requests import refused

PATH = "/console/changes"
REASONS, ROWS, LATELY = 50, 50, 20

ReasonKey = Annotated[str, Meta(min_length=1, max_length=4_000), refused("is no reason that a page came with")]
Key = Annotated[str, Meta(min_length=1, max_length=128), refused("is no parked change")]
Place = Annotated[str, Meta(max_length=160), refused("is no place in the list of parked changes")]


class ReasonForm(Struct):
    """What stands for a function and a reason for which its changes were parked."""

    of: ReasonKey


class ReasonQuery(ReasonForm):
    """The place in the list of those that wait, behind which the page begins."""

    after: Place = ""


class KeyFields(Struct):
    """One parked change."""

    key: Key


@dataclass(frozen=True, slots=True)
class Changes:
    """The page of all reasons.

    reasons   why changes are parked, the most frequent first
    counted   the most changes that are counted for them
    has_more  whether so many wait
    replayed  changes that were sent again lately, the latest first
    """

    template: ClassVar[str] = "changes.html"
    path: ClassVar[str] = PATH

    reasons: Sequence[ParkedReason]
    counted: int
    has_more: bool
    replayed: Sequence[ParkedChange]


@dataclass(frozen=True, slots=True)
class Reason:
    """The page of one reason.

    of             what stands for the function and the reason
    waiting        changes that wait to be replayed, the oldest first
    replayed       those that were sent again lately, the latest first
    number         how many wait without a request to replay them, MAX_NUMBER at most
    has_more       whether that is the most that are counted
    requested      how many a replay was asked for that has no outcome yet
    next_page      the place behind which the next page begins; empty at the end
    address        of this page
    is_too_late    whether a replay was asked for just now that nothing was left for
    """

    template: ClassVar[str] = "changes_reason.html"
    path: ClassVar[str] = PATH

    of: str
    function: str
    reason: str
    waiting: Sequence[ParkedChange]
    replayed: Sequence[ParkedChange]
    number: int
    has_more: bool
    requested: int
    next_page: str
    relay: RelayState
    address: str
    is_too_late: bool


@dataclass(frozen=True, slots=True)
class Parked:
    """The page of one change.

    address      of this page
    is_too_late  whether a replay was asked for just now, though the change does not wait or was asked for already
    """

    template: ClassVar[str] = "changes_parked.html"
    path: ClassVar[str] = PATH

    change: ParkedChange
    relay: RelayState
    address: str
    is_too_late: bool


def address_of(reason_key: str, **more: str) -> str:
    """The address of the page of a reason."""
    return f"{PATH}/reason?{urlencode({'of': reason_key, **more})}"


def address_of_one(key: str) -> str:
    """The address of the page of one change."""
    return f"{PATH}/parked/{quote(key, safe='')}"


def changes(console: Console, visitor: Visitor, query: NoFields, now: datetime) -> Response:
    """The parked changes by function and reason."""
    replays = console.replays
    reasons = replays.reasons(REASONS, now=now)
    has_more = sum(reason.number for reason in reasons) >= MAX_COUNTED
    return render(Changes(reasons, MAX_COUNTED, has_more, replays.replayed(LATELY, now=now)), visitor)


def reason(console: Console, visitor: Visitor, query: ReasonQuery, now: datetime) -> Response:
    """The changes that were parked for one reason."""
    return render(_reason(console, query.of, now, after=query.after), visitor)


def parked(console: Console, visitor: Visitor, query: KeyFields, now: datetime) -> Response:
    """One parked change."""
    return render(_parked(console, query.key, now), visitor)


def replay_reason(console: Console, visitor: Visitor, form: ReasonForm, now: datetime) -> Response:
    """Have the changes of a reason replayed, MAX_NUMBER of them at most; 409 and the page where none is left."""
    function, text = read_reason_key(form.of)
    keys = console.replays.to_request(function, text, now=now)
    try:
        _request(console, visitor, keys, f"{function}: {text}", now)
    except Conflict:
        return render(_reason(console, form.of, now, is_too_late=True), visitor, status=STATUS[Conflict])
    return redirect(address_of(form.of))


def replay_one(console: Console, visitor: Visitor, form: KeyFields, now: datetime) -> Response:
    """Have one change replayed; 409 and the page where it does not wait, or was asked for already."""
    change = _parked(console, form.key, now).change
    try:
        _request(console, visitor, [change.key], f"{change.function}: {change.reason}: {change.key}", now)
    except Conflict:
        return render(_parked(console, form.key, now, is_too_late=True), visitor, status=STATUS[Conflict])
    return redirect(address_of_one(change.key))


def lines(console: Console, now: datetime) -> Iterator[Line]:
    """How many changes wait to be replayed, and how many messages in dead-letter queues."""
    number, shown = counted(console.replays.number_waiting)
    state: State = "attention" if number else "good"
    yield Line(state, "today.changes", "today.changes.parked", PATH, {"number": shown})
    try:
        letters = console.dead_letters()
    except Unavailable as error:
        yield Line("attention", "today.dead_letters", "today.dead_letters.unknown", PATH, {"reason": str(error)})
        return
    if not letters:  # a service without queues: what fails for good is parked, or stands with the jobs
        return
    queues = ", ".join(f"{name}: {waiting}" for name, waiting in letters.items() if waiting)
    key = "waiting" if queues else "none"
    state = "attention" if queues else "good"
    yield Line(state, "today.dead_letters", f"today.dead_letters.{key}", PATH, {"queues": queues})


def _request(console: Console, visitor: Visitor, keys: Sequence[str], about: str, now: datetime) -> None:
    """Ask for a replay, with its entry in the audit log; Conflict where none of the changes waits for one."""
    session = visitor.member_session()
    personal = {"object": about, "after": f"{len(keys)} to be replayed"}
    with console.audit.act(session, "replay changes", personal, now=now):
        if not console.replays.request(keys, by=session.member, now=now):
            raise Conflict("none of these changes waits without a request to replay it")


def _reason(console: Console, of: str, now: datetime, *, after: str = "", is_too_late: bool = False) -> Reason:
    replays, (function, text) = console.replays, read_reason_key(of)
    waiting = replays.waiting(function, text, after=after, limit=ROWS + 1, now=now)
    number = replays.number_to_request(function, text, now=now)
    return Reason(
        of=of,
        function=function,
        reason=text,
        waiting=waiting[:ROWS],
        replayed=replays.replayed(ROWS, now=now, of=(function, text)),
        number=number,
        has_more=number == MAX_NUMBER,
        requested=replays.number_requested(function, text),
        next_page=waiting[ROWS - 1].place if len(waiting) > ROWS else "",
        relay=relay_state(console.store, now=now),
        address=address_of(of, **({"after": after} if after else {})),
        is_too_late=is_too_late,
    )


def _parked(console: Console, key: str, now: datetime, *, is_too_late: bool = False) -> Parked:
    change = console.replays.find(key)
    if change is None:
        raise NotFound("key: no such change is parked, or its document is malformed")
    return Parked(change, relay_state(console.store, now=now), address_of_one(key), is_too_late)


ROUTES: tuple[Route[Console], ...] = (
    Route("GET", PATH, "Parked changes", NoFields, changes, "see"),
    Route("GET", f"{PATH}/reason", "Changes parked for one reason", ReasonQuery, reason, "see"),
    Route("GET", f"{PATH}/parked/{{key}}", "A parked change", KeyFields, parked, "see"),
    Route(
        "POST",
        f"{PATH}/replay",
        "Replay the changes of a reason",
        ReasonForm,
        replay_reason,
        "operate",
        takes_form=True,
    ),
    Route(
        "POST", f"{PATH}/parked/{{key}}/replay", "Replay a change", KeyFields, replay_one, "operate", takes_form=True
    ),
)
