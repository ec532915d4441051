"""Runs of functions in this process, and their results."""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from local.functions import Function, function, pipeline
from local.terminal import console, say
from shared.errors import AppError, Unavailable
from shared.store import Store, schema
from shared.store.leases import lost, under_way

MAX_TEXT_LENGTH = 300  # characters of a shown value
FIRST_RUNS = "firstRuns"  # collection of the analytics database: the functions that a new network still needs
PIPELINE_RECORD = {"_id": "pipeline"}


@dataclass(frozen=True, slots=True)
class Run:
    """One call of a handler.

    stem      the function
    fired_by  "schedule", "call", "change ×3", "queue" or "request"
    at        moment when it began
    seconds   duration [s]
    result    the handler's answer; empty where it failed
    failure   expected error; None where there was none
    """

    stem: str
    fired_by: str
    at: datetime
    seconds: float
    result: Mapping[str, Any]
    failure: AppError | None = None

    @property
    def summary(self) -> str:
        """The result or the failure as text."""
        if self.failure:
            return f"FAILED: {type(self.failure).__name__}: {self.failure}"
        return "  ".join(f"{name} {_short(value)}" for name, value in self.result.items())


def _short(value: Any) -> str:
    """A value as text: of a list or an object its length, of a long text its beginning."""
    if isinstance(value, Mapping | list):
        return f"of {len(value)}"
    text = str(value)
    return text if len(text) <= MAX_TEXT_LENGTH else f"{text[:MAX_TEXT_LENGTH]}…"


def fire(function: Function, due: datetime, payload: Mapping[str, Any] | None = None) -> Run:
    """Run a function as its schedule would at that moment, or as a call would with its payload.

    An expected failure is in the result.
    """
    at, began, failure = datetime.now(UTC), time.perf_counter(), None
    result: Mapping[str, Any] = {}
    try:
        result = function.invoke(at=due, payload=payload)
    except AppError as error:
        failure = error
    return Run(
        function.stem, "schedule" if payload is None else "call", at, time.perf_counter() - began, result, failure
    )


def deliver() -> Iterator[Run]:
    """Hand the messages in this process's queue to train_personal, one at a time, as SQS does."""
    from shared.runtime import queue  # not before the settings are made: loggers read them when they are imported
    from shared.runtime.change_events import QUEUE

    while queue.waiting:
        trainer = function("train_personal")
        at, began = datetime.now(UTC), time.perf_counter()
        body = json.dumps(queue.waiting.pop(0))
        record = {"messageId": uuid4().hex, "body": body, "attributes": {}, "eventSource": QUEUE}
        returned = trainer.handler({"Records": [record]}, None)["batchItemFailures"]
        failure = Unavailable("a message was returned; the log says why") if returned else None
        yield Run(trainer.stem, "queue", at, time.perf_counter() - began, {"messages": 1}, failure)


def run_and_say(stem: str, now: datetime, payload: Mapping[str, Any] | None = None) -> set[str]:
    """Run a function and the messages that it queues, print their results, and return the stems of those that ran.

    A function has not run where another run of it holds its lease. Raises the failure of a run.
    """
    with console.status(stem):
        run = fire(function(stem), now, payload)
    if run.failure:
        raise run.failure
    say(stem, run.seconds, run.summary)
    with console.status("train_personal"):
        queued = list(deliver())
    for delivered in queued:
        if delivered.failure:
            raise delivered.failure
    if queued:
        say(queued[0].stem, sum(delivered.seconds for delivered in queued), f"messages {len(queued)}")
    ran = {delivered.stem for delivered in queued}
    return ran if run.result.get("skipped") in (under_way(stem), lost(stem)) else ran | {stem}


def record_first_runs(store: Store) -> None:
    """Record that every scheduled function has to run on what the databases have."""
    store.analytics[FIRST_RUNS].replace_one(PIPELINE_RECORD, {"left": list(pipeline())}, upsert=True)


def run_pipeline(store: Store, now: datetime, *, anew: bool) -> set[str]:
    """Run every scheduled function once, in the order that a new network needs; return the stems of all that ran.

    The functions that remain are stored in the database. From the first one on that another process is running, all
    remain, since the later ones read what it writes.

    anew  run all functions; otherwise those that remain of an earlier call that was interrupted
    """
    record, ran = store.analytics[FIRST_RUNS], set[str]()
    if anew:
        record_first_runs(store)
    remaining = (record.find_one(PIPELINE_RECORD) or {}).get("left", ())
    if remaining and not anew:  # its queued messages were lost with the process: it considers everything again
        store.analytics[schema.WATERMARKS.name].update_one({"_id": remaining[0]}, {"$unset": {"options": 1}})
    for stem in remaining:
        ran |= run_and_say(stem, now)
        if ran.issuperset(remaining[: remaining.index(stem) + 1]):
            record.update_one(PIPELINE_RECORD, {"$pull": {"left": stem}})
    return ran
