"""Suspects: credentials that read like bots, and wait for a verdict."""

from collections.abc import Iterator
from datetime import datetime

from console.lines import Line, State
from console.service import Console
from functions.bots.store.suspects import Suspects
from shared.api import Route


def lines(console: Console, now: datetime) -> Iterator[Line]:
    """How many wait for a verdict."""
    number = Suspects(console.store).number_waiting()
    state: State = "attention" if number else "good"
    yield Line(state, "today.suspects", "today.suspects.waiting", "/console", {"number": number})


ROUTES: tuple[Route[Console], ...] = ()
