"""Handlers for direct calls with a payload."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import wraps
from typing import Any

import msgspec

from shared.errors import BadEvent
from shared.report import Report
from shared.requests import Request, converted, refusal
from shared.runtime.invocation import Handler, invoke, log_failure, prepare, to_app_error

ANSWER_WITHIN_S = 5.0  # for operations of the database; the time-out of functions whose caller waits is twice as long

Answer = tuple[Mapping[str, Any], Report]


def on_direct_call(
    model: type[Request],
) -> Callable[[Callable[[Request, datetime], Report]], Handler]:
    """Make a body, a job, a Lambda handler for direct calls; the caller gets its report, or its failure.

    model  of the payload; the body is called with (request, moment at which it came)
    """

    def decorate(body: Callable[[Request, datetime], Report]) -> Handler:
        name = body.__module__.rpartition(".")[2]

        @wraps(body)
        def handler(event: Any, context: Any) -> Any:
            def work() -> Report:
                return body(_request(model, event), datetime.now(UTC))

            return invoke(name, event, context, work, trigger="call")

        return handler

    return decorate


def on_direct_question(
    model: type[Request],
) -> Callable[[Callable[[Request, datetime], Answer]], Handler]:
    """Make a body that returns its answer and a report a Lambda handler for direct calls; the caller gets the answer,
    or the failure.

    model  of the payload; the body is called with (request, moment at which it came)
    """

    def decorate(body: Callable[[Request, datetime], Answer]) -> Handler:
        name = body.__module__.rpartition(".")[2]

        @wraps(body)
        def handler(event: Any, context: Any) -> Any:
            answers: list[Mapping[str, Any]] = []

            def work() -> Report:
                answer, report = body(_request(model, event), datetime.now(UTC))
                answers.append(answer)
                return report

            counts = invoke(name, event, context, work, trigger="call")
            return answers[0] if answers else counts

        return handler

    return decorate


def on_direct_answer(
    model: type[Request], error_response: Callable[[Any, str], Mapping[str, Any]]
) -> Callable[[Callable[[Request, datetime], Answer]], Handler]:
    """Make a body that returns its answer and a report a Lambda handler for direct calls, which answers every failure.

    model           of the payload; the body is called with (request, moment at which it came)
    error_response  makes the answer to a failure from the payload and the reason; for an unforeseen error the reason is
                    its class name only
    """

    def decorate(body: Callable[[Request, datetime], Answer]) -> Handler:
        name = body.__module__.rpartition(".")[2]

        @wraps(body)
        def handler(event: Any, context: Any) -> Any:
            answers: list[Mapping[str, Any]] = []

            def work() -> Report:
                from shared.store.deadline import deadline  # here: a warm-up does not load the database

                try:
                    prepare()
                    request = _request(model, event)
                    with deadline(ANSWER_WITHIN_S):
                        answer, report = body(request, datetime.now(UTC))
                except Exception as error:  # noqa: BLE001 - this is where failures become answers
                    log_failure(error)
                    answer, report = error_response(event, str(to_app_error(error))), Report(details={"failed": 1})
                answers.append(answer)
                return report

            invoke(name, event, context, work, trigger="answer")
            return answers[0] if answers else None

        return handler

    return decorate


def in_time(seconds: float) -> Callable[[], bool]:
    """Tells, whenever it is called, whether so many seconds from now on have not passed yet."""
    until = time.monotonic() + seconds
    return lambda: time.monotonic() < until


def _request(model: type[Request], payload: Any) -> Request:
    """The payload as a request of the model; BadEvent names the first field that is not what it should be."""
    if not isinstance(payload, dict):
        raise BadEvent(f"event: a call needs an object, not {type(payload).__name__}")
    try:
        return converted(payload, model)
    except msgspec.ValidationError as error:
        raise BadEvent(refusal(model, error)) from None
