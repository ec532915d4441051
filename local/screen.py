"""What a running service shows: a line for each run and each warning, and below them where it stands."""

import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from rich.console import Console
from rich.live import Live
from rich.text import Text

import shared.runtime  # noqa: F401  makes the logger of the functions
from local.runs import Run
from relay.meter import logger as of_the_relay

LOGGERS = ("feedkeeper", of_the_relay.service)
STATUS_EVERY_S = 60.0  # where it cannot stand still below the lines

Status = Callable[[], str]


class Screen:
    """Lines that scroll. On a terminal the status stands below them; elsewhere it is a line now and then."""

    def __init__(self, console: Console, status_every_s: float = STATUS_EVERY_S) -> None:
        self._console, self._every_s = console, status_every_s
        self._said_at = time.monotonic()

    def tell(self, run: Run) -> None:
        """A line of a run; any thread may call."""
        took = f"{run.seconds * 1000:,.0f} ms"
        what = f"{run.at:%H:%M:%S}  {run.stem:<26}{run.fired_by:<13}{took:>10}  {run.told}"
        self.say(what, "red" if run.failure else "")

    def say(self, what: str, style: str = "") -> None:
        """Any other line."""
        self._console.print(Text(what, style), soft_wrap=True)

    @contextmanager
    def showing(self, status: Status) -> Iterator[None]:
        """Show the status, and what the loggers warn of, while the body runs."""
        with self._logged():
            if not self._console.is_terminal:
                yield
                return

            def line() -> Text:
                return Text(status(), "dim", no_wrap=True, overflow="ellipsis")

            with Live(get_renderable=line, console=self._console, refresh_per_second=2, transient=True):
                yield

    def beat(self, status: Status) -> None:
        """Say the status from time to time where it is not shown all the time."""
        if not self._console.is_terminal and time.monotonic() - self._said_at >= self._every_s:
            self._said_at = time.monotonic()
            self.say(f"{datetime.now(UTC):%H:%M:%S}  {status()}")

    @contextmanager
    def _logged(self) -> Iterator[None]:
        """Log lines become lines of the screen, instead of JSON across it."""
        loggers = [logging.getLogger(name) for name in LOGGERS]
        kept = [one.handlers for one in loggers]
        for one in loggers:
            one.handlers = [_Warnings(self, one.handlers[0].formatter)]
        try:
            yield
        finally:
            for one, handlers in zip(loggers, kept, strict=True):
                one.handlers = handlers


class _Warnings(logging.Handler):
    """Says warnings and errors, but for the failure of a whole run, of which the line of the run tells."""

    OWN = ("level", "location", "message", "timestamp", "service", "function", "correlation_id", "exception")

    def __init__(self, screen: Screen, formatter: logging.Formatter | None) -> None:
        super().__init__(logging.WARNING)
        self._screen = screen
        self.setFormatter(formatter)

    def emit(self, record: logging.LogRecord) -> None:
        told = json.loads(self.format(record))
        if told["message"] == "failed" and "payload" not in told:
            return
        who = told.get("function") or "relay"
        more = "  ".join(f"{name} {value}" for name, value in told.items() if name not in self.OWN)
        self._screen.say(f"{datetime.now(UTC):%H:%M:%S}  {who:<26}{told['level'].lower()}: {told['message']}  {more}")
