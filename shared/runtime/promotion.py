"""Calling the function promote_artifact, which alone has the keys that artifacts are checked with."""

import json
from collections.abc import Mapping
from contextvars import copy_context
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
    Unavailable,
    Unforeseen,
)

HANDLER = "functions.artifacts.handlers.promote_artifact"
TIMEOUTS = {"connect_timeout": 2, "read_timeout": 6}  # [s]; the console has to answer within ten
ERRORS: Mapping[str, type[AppError]] = {
    error.__name__: error for error in (BadConfig, BadEvent, Conflict, NotFound, Refused, StaleModel, Unavailable)
}


def promote(family: str, key: str, version: str, *, instead_of: str) -> None:
    """Make a kept version live, if `instead_of` still is the live one ("none": no own model).

    Raises what the function raises: Conflict where another version is live by now, NotFound for a version that is not
    kept, StaleModel for one that fails its checks; Unavailable where the function cannot be reached.
    """
    request = {"family": family, "key": key, "version": version, "instead_of": instead_of}
    name = settings().promote_function
    if not name:
        raise BadConfig("PROMOTE_FUNCTION is missing")
    report = _in_this_process(request) if name == HERE else _invoked(name, request)
    if "skipped" in report:  # how functions report a conflict
        raise Conflict(str(report["skipped"]))


def _in_this_process(request: Mapping[str, str]) -> Mapping[str, Any]:
    """The report of the real handler, which is only loaded where no cloud has it; its log lines have its own name."""
    report: Mapping[str, Any] = copy_context().run(import_module(HANDLER).handler, dict(request), None)
    return report


def _invoked(name: str, request: Mapping[str, str]) -> Mapping[str, Any]:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    client = boto3.client("lambda", config=Config(retries={"total_max_attempts": 1}, **TIMEOUTS))
    try:
        answer = client.invoke(FunctionName=name, Payload=json.dumps(request).encode())
        report = json.loads(answer["Payload"].read())
    except (BotoCoreError, ClientError, ValueError) as error:
        raise Unavailable(f"promote_artifact cannot be reached: {type(error).__name__}") from None
    if "FunctionError" in answer:
        kind, reason = str(report.get("errorType")), str(report.get("errorMessage"))
        raise ERRORS.get(kind, Unforeseen)(reason)
    return dict(report)
