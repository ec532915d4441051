"""Runs of functions in this process, and what came of them."""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from local.functions import PIPELINE, Function, function
from local.terminal import console, say
from shared.errors import AppError, Unavailable
from shared.store import Store, schema
from shared.store.leases import lost, under_way

MAX_TEXT_LENGTH = 300
FIRST_RUNS = "firstRuns"  # collection of the analytics database: what a new network still needs
PIPELINE_RECORD = {"_id": "pipeline"}


@dataclass(frozen=True, slots=True)
class Run:
    """One call of a handler.

    stem      the function
    fired_by  "schedule", "call", "change ×3", "queue"
    at        when it began
    seconds   how long it took
    result    what the handler answered; empty where it failed
    failure   what went wrong, of the kinds that we foresaw
    """

    stem: str
    fired_by: str
    at: datetime
    seconds: float
    result: Mapping[str, Any]
    failure: AppError | None = None

    @property
    def told(self) -> str:
        """What came of it, for people to read."""
        if self.failure:
            return f"FAILED: {type(self.failure).__name__}: {self.failure}"
        return "  ".join(f"{name} {_short(value)}" for name, value in self.result.items())


def _short(value: Any) -> str:
    """Of a list or an object only how much there is in it, of a text only its beginning."""
    if isinstance(value, Mapping | list):
        return f"of {len(value)}"
    text = str(value)
    return text if len(text) <= MAX_TEXT_LENGTH else f"{text[:MAX_TEXT_LENGTH]}…"


def fire(one: Function, due: datetime, payload: Mapping[str, Any] | None = None) -> Run:
    """Run a function as its schedule would at that moment, or as a call would with its payload; a failure that we
    foresaw is in what it returns."""
    at, began, failure = datetime.now(UTC), time.perf_counter(), None
    result: Mapping[str, Any] = {}
    try:
        result = one.invoke(at=due, payload=payload)
    except AppError as error:
        failure = error
    return Run(one.stem, "schedule" if payload is None else "call", at, time.perf_counter() - began, result, failure)


def deliver() -> Iterator[Run]:
    """Hand what waits in the queue of this process to its function, a message at a time, as SQS does."""
    from shared.runtime import queue  # not before the settings are: loggers look as soon as they are imported
    from shared.runtime.changes import QUEUE

    one = function("train_personal")
    while queue.waiting:
        at, began = datetime.now(UTC), time.perf_counter()
        body = json.dumps(queue.waiting.pop(0))
        record = {"messageId": uuid4().hex, "body": body, "attributes": {}, "eventSource": QUEUE}
        returned = one.handler({"Records": [record]}, None)["batchItemFailures"]
        failure = Unavailable("a message was returned; the log says why") if returned else None
        yield Run(one.stem, "queue", at, time.perf_counter() - began, {"messages": 1}, failure)


def run_and_say(stem: str, now: datetime, payload: Mapping[str, Any] | None = None) -> set[str]:
    """Run a function, and what it queues, say what they did, and return the stems of those that ran; a failure is
    raised. A function has not run where another run of it is under way."""
    with console.status(stem):
        done = fire(function(stem), now, payload)
    if done.failure:
        raise done.failure
    say(stem, done.seconds, done.told)
    with console.status("train_personal"):
        queued = list(deliver())
    for one in queued:
        if one.failure:
            raise one.failure
    if queued:
        say(queued[0].stem, sum(one.seconds for one in queued), f"messages {len(queued)}")
    ran = {run.stem for run in queued}
    return ran if done.result.get("skipped") in (under_way(stem), lost(stem)) else ran | {stem}


def run_pipeline(store: Store, now: datetime, *, anew: bool) -> set[str]:
    """Every scheduled function once, in the order that a new network needs; returns the stems of all that ran.

    anew  all of them; otherwise those that earlier calls did not come to, since they were cut short
    What is left is on record in the database, as long as something is. From the first function on that another process
    is running, all stay there, since those behind it read what it writes.
    """
    record, ran = store.analytics[FIRST_RUNS], set[str]()
    if anew:
        record.replace_one(PIPELINE_RECORD, {"left": list(PIPELINE)}, upsert=True)
    left = (record.find_one(PIPELINE_RECORD) or {}).get("left", ())
    if left and not anew:  # what it had queued when it was cut short is gone with the process: it looks at all again
        store.analytics[schema.WATERMARKS.name].update_one({"_id": left[0]}, {"$unset": {"options": 1}})
    for stem in left:
        ran |= run_and_say(stem, now)
        if ran.issuperset(left[: left.index(stem) + 1]):
            record.update_one(PIPELINE_RECORD, {"$pull": {"left": stem}})
    return ran
