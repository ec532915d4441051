"""What a running service shows: a line for each run and each warning, and a status below them."""

import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

import shared.runtime  # noqa: F401  makes the logger of the functions
from local.runs import Run
from relay.meter import logger as relay_logger

LOGGERS = ("feedkeeper", relay_logger.service)
STATUS_EVERY_S = 60.0  # between two lines of the status, where it is not shown below the lines
SHOWN_LEVELS = ("WARNING", "ERROR", "CRITICAL")
SHOWN_OR_COMMON = (  # parts of an entry that are no details
    "level",
    "location",
    "message",
    "timestamp",
    "service",
    "function",
    "correlation_id",
    "exception",
)

Status = Callable[[], str]


class Screen:
    """Lines that scroll, with the status below them on a terminal that can write over lines; elsewhere a line of the
    status now and then."""

    def __init__(self, console: Console, status_every_s: float = STATUS_EVERY_S) -> None:
        self._console, self._every_s = console, status_every_s
        self._is_live = console.is_terminal and not console.is_dumb_terminal
        self._status_at = time.monotonic()

    def show(self, run: Run) -> None:
        """Print a line about a run; any thread may call."""
        took = f"{run.seconds * 1000:,.0f} ms"
        line = f"{run.at:%H:%M:%S}  {run.stem:<26}{run.fired_by:<13}{took:>10}  {run.summary}"
        self.say(line, "red" if run.failure else "")

    def say(self, line: str, style: str = "") -> None:
        """Print any other line."""
        self._console.print(Text(line, style), soft_wrap=True)

    def say_logged(self, text: str) -> None:
        """Print what a function in another process has written: an entry of its log as a line, other text as it is."""
        try:
            entry = json.loads(text)
        except ValueError:
            entry = None
        if not isinstance(entry, dict):
            self.say(text)
        elif entry.get("level") in SHOWN_LEVELS:
            self.show_entry(entry)

    def show_entry(self, entry: Mapping[str, Any]) -> None:
        """Print an entry of a log, but not the failure of a whole run, which the line of the run shows."""
        if entry["message"] == "failed" and "payload" not in entry:
            return
        source = entry.get("function") or "relay"
        details = "  ".join(f"{name} {value}" for name, value in entry.items() if name not in SHOWN_OR_COMMON)
        level, message = entry["level"].lower(), entry["message"]
        self.say(f"{datetime.now(UTC):%H:%M:%S}  {source:<26}{level}: {message}  {details}")

    @contextmanager
    def showing(self, status: Status) -> Iterator[None]:
        """Show the status while the body runs, where it can stand below the lines."""
        if not self._is_live:
            yield
            return

        def line() -> Text:
            return Text(status(), "dim", no_wrap=True, overflow="ellipsis")

        with Live(get_renderable=line, console=self._console, refresh_per_second=2, transient=True):
            yield

    def beat(self, status: Status) -> None:
        """Print the status every `status_every_s` where it is not shown all the time."""
        if not self._is_live and time.monotonic() - self._status_at >= self._every_s:
            self._status_at = time.monotonic()
            self.say(f"{datetime.now(UTC):%H:%M:%S}  {status()}")

    @contextmanager
    def showing_warnings(self) -> Iterator[None]:
        """Show the warnings and errors of the functions and the relay as lines, not as JSON, while the body runs."""
        loggers = [logging.getLogger(name) for name in LOGGERS]
        before = [logger.handlers for logger in loggers]
        for logger in loggers:
            logger.handlers = [_Warnings(self, logger.handlers[0].formatter)]
        try:
            yield
        finally:
            for logger, handlers in zip(loggers, before, strict=True):
                logger.handlers = handlers


class _Warnings(logging.Handler):
    """Shows warnings and errors."""

    def __init__(self, screen: Screen, formatter: logging.Formatter | None) -> None:
        super().__init__(logging.WARNING)
        self._screen = screen
        self.setFormatter(formatter)

    def emit(self, record: logging.LogRecord) -> None:
        self._screen.show_entry(json.loads(self.format(record)))
