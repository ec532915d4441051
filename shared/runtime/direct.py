"""Functions that someone calls with a payload."""

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

MAX_TEXT_LENGTH = 128
ANSWER_WITHIN_S = 5.0  # of who waits for an answer; such functions have twice as long to live

Answer = tuple[Mapping[str, Any], Report]


@dataclass(frozen=True, slots=True)
class Request:
    """A call: its payload and the moment it came."""

    payload: dict[str, Any]
    time: datetime

    def text(self, field: str) -> str:
        """The field as a short, non-empty string; BadEvent names it otherwise."""
        value = self.payload.get(field)
        if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT_LENGTH:
            raise BadEvent(f"{field}: needs a text of 1 to {MAX_TEXT_LENGTH} characters")
        return value

    def id(self, *fields: str) -> str:
        """The first of these fields that is there, as the text of an id; BadEvent names it otherwise."""
        field = next((one for one in fields if one in self.payload), fields[0])
        value = self.payload.get(field)
        if not is_id(value):
            raise BadEvent(f"{field}: needs an id, 24 hexadecimal digits")
        return str(value)

    def number(self, field: str, otherwise: int, most: int) -> int:
        """The field as a whole number of 1 to `most`, `otherwise` where it is missing; BadEvent names it else."""
        value = self.payload.get(field, otherwise)
        if type(value) is not int or not 1 <= value <= most:
            raise BadEvent(f"{field}: needs a whole number of 1 to {most}")
        return value

    def ids(self, field: str, most: int) -> list[str]:
        """The field as a list of at most `most` ids, empty where it is missing; BadEvent names it otherwise."""
        value = self.payload.get(field, [])
        if not isinstance(value, list) or len(value) > most or not all(map(is_id, value)):
            raise BadEvent(f"{field}: needs a list of at most {most} ids, 24 hexadecimal digits each")
        return value

    def cursor(self, field: str) -> str:
        """The field as the text that a page came with, empty where it is missing; BadEvent names it otherwise."""
        value = self.payload.get(field, "")
        if not isinstance(value, str) or len(value) > MAX_CURSOR_LENGTH:
            raise BadEvent(f"{field}: is not one that a page came with")
        return value

    def texts(self, field: str, most: int) -> list[str]:
        """The field as a list of at most `most` short texts; BadEvent names it otherwise."""
        value = self.payload.get(field)
        if not isinstance(value, list) or len(value) > most:
            raise BadEvent(f"{field}: needs a list of at most {most} texts")
        if not all(isinstance(one, str) and len(one) <= MAX_TEXT_LENGTH for one in value):
            raise BadEvent(f"{field}: holds what is no text of at most {MAX_TEXT_LENGTH} characters")
        return value


def on_direct_call(body: Callable[[Request], Report]) -> Handler:
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


def on_direct_answer(
    error_response: Callable[[Any, str], Mapping[str, Any]],
) -> Callable[[Callable[[Request], Answer]], Handler]:
    """Make a Lambda handler for direct calls out of a body that returns its answer and a report of what it did.

    error_response  makes the answer where that fails, out of the payload and the reason: callers of this kind take no
                    errors. Of an unforeseen error it is given the class name only
    """

    def decorate(body: Callable[[Request], Answer]) -> Handler:
        name = body.__module__.rpartition(".")[2]

        @wraps(body)
        def handler(event: Any, context: Any) -> Any:
            answers: list[Mapping[str, Any]] = []

            def work() -> Report:
                from shared.store.deadline import deadline  # a warm-up does not load the database

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
