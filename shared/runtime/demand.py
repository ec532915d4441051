"""Functions that someone calls with a payload."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import wraps
from typing import Any

from shared.errors import BadEvent
from shared.report import Report
from shared.runtime.invocation import Handler, invoke

LONGEST_TEXT = 128


@dataclass(frozen=True, slots=True)
class Request:
    """A call: its payload and the moment it came."""

    payload: dict[str, Any]
    time: datetime

    def text(self, field: str) -> str:
        """The field as a short, non-empty string; BadEvent names it otherwise."""
        value = self.payload.get(field)
        if not isinstance(value, str) or not 0 < len(value) <= LONGEST_TEXT:
            raise BadEvent(f"{field}: needs a text of 1 to {LONGEST_TEXT} characters")
        return value


def on_demand(body: Callable[[Request], Report]) -> Handler:
    """Make `body` a Lambda handler for direct calls."""
    name = body.__module__.rpartition(".")[2]

    @wraps(body)
    def handler(event: Any, context: Any) -> Any:
        def work() -> Report:
            if not isinstance(event, dict):
                raise BadEvent(f"event: a call needs an object, not {type(event).__name__}")
            return body(Request(event, datetime.now(UTC)))

        return invoke(name, event, context, work)

    return handler
