"""Handlers for changes of documents, and what happens to a change that fails.

SQS is told which messages failed, and sends them again. Every other source can only send a whole batch again. So where
a change of theirs fails for good, it is parked in `parkedChanges`, with its reason and without its text, and the rest
of the batch is handled. A failure that may pass, or one of the settings, is no fault of the changes: it is raised, and
the source sends the batch again. Events of no single document (drop, rename, createIndexes, …) are counted and skipped.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import wraps
from typing import Any

from shared.change import Change
from shared.errors import AppError, BadConfig, BadEvent, Conflict, Unavailable
from shared.report import Report
from shared.runtime.change_events import Arrival, arrivals, is_queue
from shared.runtime.invocation import Handler, invoke, log_failure, to_app_error

MAX_KEPT = 2_000  # characters of a parked event, which is kept without its document


@dataclass(frozen=True, slots=True)
class Changes:
    """The changes of one event, and the moment at which it came."""

    items: Sequence[Change]
    time: datetime


@dataclass(frozen=True, slots=True)
class Failure:
    """A change that fails however often it is sent."""

    arrival: Arrival
    reason: AppError


Body = Callable[[Changes], Report]


def on_change(*collections: str) -> Callable[[Body], Handler]:
    """Make `body` a Lambda handler for changes of these collections."""

    def decorate(body: Body) -> Handler:
        name = body.__module__.rpartition(".")[2]

        @wraps(body)
        def handler(event: Any, context: Any) -> Any:
            from_queue = is_queue(event)
            failures: list[Failure] = []

            def work() -> Report:
                now = datetime.now(UTC)
                arrived = list(arrivals(event, *collections, now=now))
                report, failed = _handle_all(body, arrived, now)
                failures.extend(failed)
                if not from_queue:
                    _park(name, failures, now)
                ignored = sum(arrival.change is None for arrival in arrived)
                counts = {"returned" if from_queue else "parked": len(failures), "ignored": ignored}
                positive = {detail: count for detail, count in counts.items() if count}
                return replace(report, details={**report.details, **positive})

            answer = invoke(name, event, context, work, trigger="change")
            if answer is None or not from_queue:
                return answer
            return {"batchItemFailures": [{"itemIdentifier": message} for message in _messages(failures)]}

        return handler

    return decorate


def _handle_all(body: Body, arrived: Sequence[Arrival], now: datetime) -> tuple[Report, list[Failure]]:
    """Hand over all changes at once; where that fails for good, one at a time, so that none holds back the others.

    Returns what was done in all, and the changes that failed for good, those that cannot be decoded first.
    """
    decoded = [arrival for arrival in arrived if isinstance(arrival.change, Change)]
    failures = [_failure(arrival, arrival.change) for arrival in arrived if isinstance(arrival.change, BadEvent)]
    report, error = _handle(body, decoded, now)
    if error is None:
        return report, failures
    if len(decoded) == 1:
        return report, [*failures, _failure(decoded[0], error)]
    outcomes = [_handle(body, [arrival], now) for arrival in decoded]
    failures += [
        _failure(arrival, error) for arrival, (_, error) in zip(decoded, outcomes, strict=True) if error is not None
    ]
    return Report.together([report for report, _ in outcomes]), failures


def _handle(body: Body, arrived: Sequence[Arrival], now: datetime) -> tuple[Report, Exception | None]:
    """Hand over changes together. Returns the report, and the error where they fail for good; raises where a later
    attempt may succeed, or the settings are at fault."""
    changes = [arrival.change for arrival in arrived if isinstance(arrival.change, Change)]
    try:
        return (body(Changes(changes, now)) if changes else Report()), None
    except Conflict as conflict:
        raise Unavailable(str(conflict)) from None  # `invoke` takes a Conflict for success: the changes would be lost
    except Exception as error:
        app_error = to_app_error(error)
        if app_error.retry_helps or isinstance(app_error, BadConfig):
            raise
        return Report(), error


def _failure(arrival: Arrival, error: Exception) -> Failure:
    """Log the failure of one change."""
    log_failure(error, payload=change_digest(arrival.raw))
    return Failure(arrival, to_app_error(error))


def _park(function: str, failures: Sequence[Failure], now: datetime) -> None:
    if failures:
        from shared.store import open_store

        parked = open_store().parked_changes
        for failure in failures:
            raw = failure.arrival.raw
            parked.park(change_digest(raw), function, _without_document(raw), str(failure.reason), now=now)


def _without_document(raw: Any) -> str | None:
    """The fields that are needed to send the change again by its key, as JSON: nothing that a person wrote. None where
    they are missing or too long."""
    try:
        fields = {name: raw[name] for name in ("operationType", "ns", "documentKey")}
        text = json.dumps(fields | {"clusterTime": raw.get("clusterTime")})
    except (KeyError, TypeError, ValueError, RecursionError):
        return None
    return text if len(text) <= MAX_KEPT else None


def change_digest(raw: Any) -> str:
    """The key under which a change that fails is parked: SHA-256 of it as it came, or of its parked fields where it is
    nested too deeply to be written as JSON."""
    try:
        text = raw if isinstance(raw, str) else json.dumps(raw, sort_keys=True, default=str)
    except (RecursionError, ValueError):
        text = _without_document(raw) or "cannot be written down"
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def _messages(failures: Sequence[Failure]) -> list[str]:
    """Ids of the SQS messages that hold a failed change, each once, in order."""
    return list(dict.fromkeys(failure.arrival.message for failure in failures if failure.arrival.message))
