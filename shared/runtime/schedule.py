"""Handlers for scheduled events."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Any

from shared.clock import EPOCH
from shared.errors import BadEvent
from shared.report import Report
from shared.runtime.invocation import Handler, invoke
from shared.runtime.recording import note_due

MAX_AHEAD = timedelta(minutes=5)  # by which a due time may lie in the future of this machine, whose clock may be slow


@dataclass(frozen=True, slots=True)
class Tick:
    """The moment at which a run was due; a retry has the same, and so computes the same result."""

    time: datetime

    @classmethod
    def of(cls, event: Any, *, clock: datetime) -> "Tick":
        """From the `time` of a scheduled event of EventBridge, ISO 8601 with a zone; BadEvent names what is wrong.

        clock  the present moment
        """
        if not isinstance(event, dict):
            raise BadEvent(f"event: a scheduled event is an object, not {type(event).__name__}")
        return cls(moment_of(event.get("time"), "event.time", clock=clock))


def moment_of(value: Any, field: str, *, clock: datetime) -> datetime:
    """Parse ISO 8601 with a zone into a moment in UTC.

    field  name of the value, for the text of an error
    clock  the present moment

    Raises BadEvent for anything else, and for a moment before 1970 or later than `clock` by more than `MAX_AHEAD`.
    """
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
        def work() -> Report:
            tick = Tick.of(event, clock=datetime.now(UTC))
            note_due(tick.time)
            return body(tick)

        return invoke(name, event, context, work, trigger="schedule")

    return handler
