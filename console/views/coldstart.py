"""The guest feed."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from console.lines import Line, State
from console.service import Console
from shared.api import Route

FRESH = timedelta(hours=1)  # a guest feed is built every half hour


def lines(console: Console, now: datetime) -> Iterator[Line]:
    """Whether there is a guest feed, and how old it is."""
    built_at = console.store.guest_feed.generation(now=now)
    if built_at is None:
        yield Line("failed", "today.guest_feed", "today.guest_feed.none", "/console")
    else:
        state: State = "good" if now - built_at <= FRESH else "attention"
        yield Line(state, "today.guest_feed", "today.guest_feed.built", "/console", at=built_at)


ROUTES: tuple[Route[Console], ...] = ()
