"""Calling other functions, which alone have the keys and the rights that their work needs."""

import json
from collections.abc import Mapping
from contextvars import Context
from importlib import import_module
from typing import Any

from shared.config import HERE, settings
from shared.errors import (
    AppError,
    BadConfig,
    BadEvent,
    Conflict,
    NotFound,
    Refused,
    StaleModel,
    Unanswered,
    Unavailable,
    Unforeseen,
)

HANDLERS = {
    "compare_rankings": "functions.feed.handlers.compare_rankings",
    "erase_account": "functions.privacy.handlers.erase_account",
    "explain_ranking": "functions.feed.handlers.explain_ranking",
    "promote_artifact": "functions.artifacts.handlers.promote_artifact",
}
TIMEOUTS = {
    "connect_timeout": 2,
    "read_timeout": 6,
}  # [s]; the console reads the database behind it, and has to answer within ten
ERRORS: Mapping[str, type[AppError]] = {
    error.__name__: error for error in (BadConfig, BadEvent, Conflict, NotFound, Refused, StaleModel, Unavailable)
}


def call(function: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a function answers to a direct call; raises the error that the function raises, Unavailable where it cannot
    be reached, Unanswered where it does not answer in time, and BadConfig where the environment does not name it
    (`ERASE_ACCOUNT_FUNCTION` for erase_account, and so on; `EVERY_FUNCTION` for all that are not named)."""
    called = settings().called_functions
    name = called.get(function) or called.get("every")
    if not name:
        raise BadConfig(f"{function.upper()}_FUNCTION is missing")
    return _in_this_process(function, request) if name == HERE else _invoked(function, name, request)


def promote(family: str, key: str, version: str, *, instead_of: str, by: str) -> None:
    """Make a kept version live, if `instead_of` still is the live one ("none": no own model).

    Raises what promote_artifact raises: Conflict where another version is live by now, NotFound for a version that is
    not kept, StaleModel for one that fails its checks; Unavailable where the function cannot be reached.
    """
    request = {"family": family, "key": key, "version": version, "instead_of": instead_of, "by": by}
    report = call("promote_artifact", request)
    if "skipped" in report:  # how functions report a conflict
        raise Conflict(str(report["skipped"]))


def _in_this_process(function: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
    """The answer of the real handler, which is only loaded where no cloud has it; its log lines have its own name, and
    no deadline of the caller ends it."""
    handler = import_module(HANDLERS[function]).handler
    answer: Mapping[str, Any] = Context().run(handler, dict(request), None)
    return answer


def _invoked(function: str, name: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError

    client = boto3.client("lambda", config=Config(retries={"total_max_attempts": 1}, **TIMEOUTS))
    try:
        answer = client.invoke(FunctionName=name, Payload=json.dumps(request).encode())
        report = json.loads(answer["Payload"].read())
    except ReadTimeoutError:
        raise Unanswered(
            f"{function} has not answered within {TIMEOUTS['read_timeout']} s, and may be at work"
        ) from None
    except (BotoCoreError, ClientError, ValueError) as error:
        raise Unavailable(f"{function} cannot be reached: {type(error).__name__}") from None
    if "FunctionError" in answer:
        kind, reason = str(report.get("errorType")), str(report.get("errorMessage"))
        raise ERRORS.get(kind, Unforeseen)(reason)
    return dict(report)
