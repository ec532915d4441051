"""The operator's morning: what works and what does not, one line for each, with the page that says more."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar, Literal

from msgspec import Struct

from console.access import HOME, Visitor
from console.service import Console
from console.templates import render
from functions.bots.store.suspects import Suspects
from shared.api import Response, Route

FEED_FRESH = timedelta(hours=1)  # a guest feed is built every half hour

State = Literal["good", "attention", "failed"]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the page.

    subject  key of what the line is about
    key      of its sentence, whose braces take `values`
    at       a moment that the sentence is about
    path     of the page that says more
    """

    state: State
    subject: str
    key: str
    path: str
    values: dict[str, object] = field(default_factory=dict)
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Today:
    """The page.

    lines  what works and what does not
    now    when it was so
    """

    template: ClassVar[str] = "today.html"
    path: ClassVar[str] = HOME

    lines: Sequence[Line]
    now: datetime


class TodayQuery(Struct):
    """No fields."""


def today(console: Console, visitor: Visitor, query: TodayQuery, now: datetime) -> Response:
    """What works and what does not, now."""
    return render(Today(list(_lines(console, now)), now), visitor)


def _lines(console: Console, now: datetime) -> Iterator[Line]:
    yield _guest_feed(console, now)
    yield _parked_changes(console)
    yield _suspects(console)


def _guest_feed(console: Console, now: datetime) -> Line:
    built_at = console.store.guest_feed.generation(now=now)
    if built_at is None:
        return Line("failed", "today.guest_feed", "today.guest_feed.none", "/console/jobs")
    state: State = "good" if now - built_at <= FEED_FRESH else "attention"
    return Line(state, "today.guest_feed", "today.guest_feed.built", "/console/jobs", at=built_at)


def _parked_changes(console: Console) -> Line:
    number = console.store.parked_changes.number_waiting()
    state: State = "attention" if number else "good"
    return Line(state, "today.changes", "today.changes.parked", "/console/changes", {"number": number})


def _suspects(console: Console) -> Line:
    number = Suspects(console.store).number_waiting()
    state: State = "attention" if number else "good"
    return Line(state, "today.suspects", "today.suspects.waiting", "/console/suspects", {"number": number})


ROUTES: tuple[Route[Console], ...] = (Route("GET", HOME, "Today", TodayQuery, today, "see"),)
