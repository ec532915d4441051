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
MAX_AHEAD = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Tick:
    """The moment that a run was due, so that a retry computes the same thing."""

    time: datetime

    @classmethod
    def of(cls, event: Any, *, clock: datetime) -> "Tick":
        """Out of a scheduled event of EventBridge: its `time`, ISO 8601 with a zone; BadEvent names what is wrong."""
        if not isinstance(event, dict):
            raise BadEvent(f"event: a scheduled event is an object, not {type(event).__name__}")
        return cls(moment_of(event.get("time"), "event.time", clock=clock))


def moment_of(value: Any, field: str, *, clock: datetime) -> datetime:
    """A text in ISO 8601 with a zone as the moment that it means; BadEvent names the field where it means none that
    could have been by `clock`."""
    if not isinstance(value, str):
        raise BadEvent(f"{field}: the moment that the run was due is missing")
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        raise BadEvent(f"{field}: not a moment in ISO 8601") from None
    if time.tzinfo is None:
        raise BadEvent(f"{field}: has no time zone")
    if time < EPOCH:
        raise BadEvent(f"{field}: lies before 1970")
    if time > clock + MAX_AHEAD:
        raise BadEvent(f"{field}: lies in the future")
    return time.astimezone(UTC)


def on_schedule(body: Callable[[Tick], Report]) -> Handler:
    """Make `body` a Lambda handler for scheduled events."""
    name = body.__module__.rpartition(".")[2]

    @wraps(body)
    def handler(event: Any, context: Any) -> Any:
        return invoke(name, event, context, lambda: body(Tick.of(event, clock=datetime.now(UTC))))

    return handler
