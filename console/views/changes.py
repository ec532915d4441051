"""Changes that were parked: what no attempt could process, by reason."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from console.fields import NoFields
from console.lines import Line, State
from console.service import Console
from console.templates import render
from console.visitor import Visitor
from shared.api import Response, Route
from shared.store.parked_changes import ParkedReason

REASONS = 50


@dataclass(frozen=True, slots=True)
class Changes:
    """The page.

    reasons  why changes are parked, the most frequent first
    """

    template: ClassVar[str] = "changes.html"
    path: ClassVar[str] = "/console/changes"

    reasons: Sequence[ParkedReason]


def changes(console: Console, visitor: Visitor, query: NoFields, now: datetime) -> Response:
    """The parked changes by function and reason."""
    return render(Changes(console.store.parked_changes.reasons(REASONS)), visitor)


def lines(console: Console, now: datetime) -> Iterator[Line]:
    """How many changes wait to be replayed."""
    number = console.store.parked_changes.number_waiting()
    state: State = "attention" if number else "good"
    yield Line(state, "today.changes", "today.changes.parked", "/console/changes", {"number": number})


ROUTES: tuple[Route[Console], ...] = (Route("GET", "/console/changes", "Parked changes", NoFields, changes, "see"),)
