"""Handlers for direct calls with a payload."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import wraps
from typing import Any

from shared.api import MAX_CURSOR_LENGTH
from shared.errors import BadEvent
from shared.report import Report
from shared.runtime.invocation import Handler, invoke, log_failure, prepare, to_app_error
from shared.runtime.queue import is_id

MAX_TEXT_LENGTH = 128  # characters
ANSWER_WITHIN_S = 5.0  # for operations of the database; the time-out of functions whose caller waits is twice as long

Answer = tuple[Mapping[str, Any], Report]


@dataclass(frozen=True, slots=True)
class Request:
    """A call: its payload, and the moment at which it came."""

    payload: dict[str, Any]
    time: datetime

    def text(self, field: str) -> str:
        """The field as a text of 1 to `MAX_TEXT_LENGTH` characters; BadEvent names it otherwise."""
        value = self.payload.get(field)
        if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT_LENGTH:
            raise BadEvent(f"{field}: needs a text of 1 to {MAX_TEXT_LENGTH} characters")
        return value

    def id(self, *fields: str) -> str:
        """The first of these fields that the payload has, as the text of an id; BadEvent names it otherwise."""
        field = next((name for name in fields if name in self.payload), fields[0])
        value = self.payload.get(field)
        if not is_id(value):
            raise BadEvent(f"{field}: needs an id, 24 hexadecimal digits")
        return str(value)

    def number(self, field: str, default: int, limit: int) -> int:
        """The field as a whole number of 1 to `limit`, `default` where it is missing; BadEvent names it otherwise."""
        value = self.payload.get(field, default)
        if type(value) is not int or not 1 <= value <= limit:
            raise BadEvent(f"{field}: needs a whole number of 1 to {limit}")
        return value

    def ids(self, field: str, limit: int) -> list[str]:
        """The field as a list of at most `limit` ids, empty where it is missing; BadEvent names it otherwise."""
        value = self.payload.get(field, [])
        if not isinstance(value, list) or len(value) > limit or not all(map(is_id, value)):
            raise BadEvent(f"{field}: needs a list of at most {limit} ids, 24 hexadecimal digits each")
        return value

    def cursor(self, field: str) -> str:
        """The field as the cursor of an earlier page, empty where it is missing; BadEvent names it otherwise."""
        value = self.payload.get(field, "")
        if not isinstance(value, str) or len(value) > MAX_CURSOR_LENGTH:
            raise BadEvent(f"{field}: is not one that a page came with")
        return value

    def texts(self, field: str, limit: int) -> list[str]:
        """The field as a list of at most `limit` texts of at most `MAX_TEXT_LENGTH` characters; BadEvent names it
        otherwise."""
        value = self.payload.get(field)
        if not isinstance(value, list) or len(value) > limit:
            raise BadEvent(f"{field}: needs a list of at most {limit} texts")
        if not all(isinstance(text, str) and len(text) <= MAX_TEXT_LENGTH for text in value):
            raise BadEvent(f"{field}: holds what is no text of at most {MAX_TEXT_LENGTH} characters")
        return value


def on_direct_call(body: Callable[[Request], Report]) -> Handler:
    """Make `body`, a job, a Lambda handler for direct calls; the caller gets its report, or its failure."""
    name = body.__module__.rpartition(".")[2]

    @wraps(body)
    def handler(event: Any, context: Any) -> Any:
        def work() -> Report:
            if not isinstance(event, dict):
                raise BadEvent(f"event: a call needs an object, not {type(event).__name__}")
            return body(Request(event, datetime.now(UTC)))

        return invoke(name, event, context, work)

    return handler


def on_direct_answer(
    error_response: Callable[[Any, str], Mapping[str, Any]],
) -> Callable[[Callable[[Request], Answer]], Handler]:
    """Make a body that returns its answer and a report a Lambda handler for direct calls, which answers every failure.

    error_response  makes the answer to a failure from the payload and the reason; for an unforeseen error the reason is
                    its class name only
    """

    def decorate(body: Callable[[Request], Answer]) -> Handler:
        name = body.__module__.rpartition(".")[2]

        @wraps(body)
        def handler(event: Any, context: Any) -> Any:
            answers: list[Mapping[str, Any]] = []

            def work() -> Report:
                from shared.store.deadline import deadline  # here: a warm-up does not load the database

                try:
                    prepare()
                    if not isinstance(event, dict):
                        raise BadEvent(f"event: a call needs an object, not {type(event).__name__}")
                    with deadline(ANSWER_WITHIN_S):
                        answer, report = body(Request(event, datetime.now(UTC)))
                except Exception as error:  # noqa: BLE001 - this is where failures become answers
                    log_failure(error)
                    answer, report = error_response(event, str(to_app_error(error))), Report(details={"failed": 1})
                answers.append(answer)
                return report

            invoke(name, event, context, work, answers=True)
            return answers[0] if answers else None

        return handler

    return decorate
