"""Functions that fire on a schedule."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Any

from shared.clock import EPOCH
from shared.errors import BadEvent
from shared.report import Report
from shared.runtime.invocation import Handler, invoke

# A schedule is never early by more than two clocks may differ.
MOST_AHEAD = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Tick:
    """The moment that a run was due, so that a retry computes the same thing."""

    time: datetime

    @classmethod
    def of(cls, event: Any, *, clock: datetime) -> "Tick":
        """Out of a scheduled event of EventBridge: its `time`, ISO 8601 with a zone; BadEvent names what is wrong."""
        if not isinstance(event, dict):
            raise BadEvent(f"event: a scheduled event is an object, not {type(event).__name__}")
        if not isinstance(event.get("time"), str):
            raise BadEvent("event.time: the moment that the run was due is missing")
        try:
            time = datetime.fromisoformat(event["time"])
        except ValueError:
            raise BadEvent("event.time: not a moment in ISO 8601") from None
        if time.tzinfo is None:
            raise BadEvent("event.time: has no time zone")
        if time < EPOCH:
            raise BadEvent("event.time: lies before 1970")
        if time > clock + MOST_AHEAD:
            raise BadEvent("event.time: lies in the future")
        return cls(time.astimezone(UTC))


def on_schedule(body: Callable[[Tick], Report]) -> Handler:
    """Make `body` a Lambda handler for scheduled events."""
    name = body.__module__.rpartition(".")[2]

    @wraps(body)
    def handler(event: Any, context: Any) -> Any:
        return invoke(name, event, context, lambda: body(Tick.of(event, clock=datetime.now(UTC))))

    return handler
