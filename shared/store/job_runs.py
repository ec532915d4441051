"""Runs of functions: when due, when run, how long, what they told, why they failed.

For example: {_id: "2026-01-31T12:00:02.125Z build_guest_feed 9f0c…", function: "build_guest_feed",
trigger: "schedule", outcome: "done", due: 2026-01-31T12:00:00Z, startedAt: …, endedAt: …, seconds: 14.2, runs: 1,
report: {read: 50000, written: 24000, countries: 12}, malformed: {contents: 2}, error: null, reason: null,
requestId: "b1e2…", memoryMb: 412.5}

`report.malformed` and `malformed` are counts: no document is named, and ids in texts are left out. A document of
several `runs` has the sums of their seconds, of the numbers of their reports and of their malformed documents, and the
last of their texts. `_id` begins with `startedAt`, so that its order is that of time.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import Literal

from pymongo import UpdateOne
from pymongo.database import Database

from shared.documents import ID_IN_TEXT, Document
from shared.report import Detail, added
from shared.store import schema
from shared.store.decoding import (
    as_count,
    as_document,
    as_moment,
    as_number,
    as_text,
    first_sound,
    needed,
    optional,
    sound,
)
from shared.store.upserts import upsert_all

Trigger = Literal["schedule", "call", "queue", "change", "answer", "request"]
Outcome = Literal["done", "skipped", "failed"]

MAX_PAGE = 200  # runs that one query returns
MAX_ENTRIES = 40  # of a report; further ones are left out, the counts of documents being the first
MAX_COLLECTIONS = 16  # of which malformed documents are counted
MAX_NAME, MAX_TEXT, MAX_REASON = 40, 100, 400  # bytes
MAX_NUMBER = 2**53  # in absolute value; a larger one is left out, since sums of them would be inexact or overflow

_NOT_OF_A_NAME = re.compile(r"[^\w @:/-]", re.ASCII)


@dataclass(frozen=True, slots=True)
class JobRun:
    """One run of a function, or the sum of several with the same outcome.

    due         moment for which a schedule asked; None for every other trigger
    seconds     duration [s], summed over the runs
    report      counts and details
    malformed   number of malformed documents that were read, by collection
    error       class of the last failure, "" where there was none
    reason      its text, which is that of an AppError
    request_id  of the last run, "" where it is not known
    memory_mb   largest resident memory of the process until the end of the run, earlier runs included [MB]
    key         the `_id`
    """

    function: str
    trigger: str
    outcome: str
    started_at: datetime
    ended_at: datetime
    seconds: float
    key: str
    due: datetime | None = None
    report: Mapping[str, Detail] = field(default_factory=dict)
    malformed: Mapping[str, Detail] = field(default_factory=dict)
    error: str = ""
    reason: str = ""
    request_id: str = ""
    memory_mb: float = 0.0
    runs: int = 1

    def plus(self, later: "JobRun") -> "JobRun":
        """The sum of these runs and later ones under the same key."""
        return replace(
            later,
            started_at=self.started_at,
            seconds=self.seconds + later.seconds,
            report=added([self.report, later.report]),
            malformed=added([self.malformed, later.malformed]),
            memory_mb=max(self.memory_mb, later.memory_mb),
            runs=self.runs + later.runs,
        )


def key_of(started_at: datetime, function: str, of_its_own: str) -> str:
    """The `_id` of a run, by which runs sort in the order of time.

    of_its_own  what no other run of this function at this moment has
    """
    return f"{started_at.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z {function} {of_its_own}"


class JobRuns:
    def __init__(self, analytics: Database[Document]) -> None:
        self._runs = analytics[schema.JOB_RUNS.name]

    def record(self, runs: Iterable[JobRun]) -> None:
        """Store runs, at most 8 kB each; one whose key is stored is added to the stored ones."""
        upsert_all(self._runs, [UpdateOne({"_id": run.key}, _update(run), upsert=True) for run in runs])

    def newest(self, limit: int, *, function: str = "", failed: bool = False, before: str = "") -> list[JobRun]:
        """Runs, the newest first, `limit` or MAX_PAGE of them at most.

        function  whose runs; of all functions where it is empty
        failed    whether to leave out those that did not fail
        before    key of the last run of the page before
        """
        query: Document = {"function": function} if function else {}
        query |= {"outcome": "failed"} if failed else {}
        query |= {"_id": {"$lt": before}} if before else {}
        rows = self._runs.find(query).sort("_id", -1)
        return first_sound(self._runs, rows, _decoded, max(1, min(limit, MAX_PAGE)))

    def latest(self) -> list[JobRun]:
        """The latest run of each function, in the order of their names; of one whose latest is malformed, the one
        before."""
        first = {"$group": {"_id": "$function", "run": {"$first": "$$ROOT"}}}
        order = {"$sort": {"function": 1, "_id": -1}}
        rows = self._runs.aggregate([order, first, {"$replaceRoot": {"newRoot": "$run"}}, {"$sort": {"function": 1}}])
        return [run for row in rows for run in self._latest_or_before(row)]

    def _latest_or_before(self, row: Document) -> list[JobRun]:
        """The run of a document; where that is malformed, the latest sound one of its function, if there is any."""
        function = as_text(row.get("function"))
        latest = list(sound(self._runs, [row], _decoded))
        return latest if latest or function is None else self.newest(1, function=function)


def _update(run: JobRun) -> Document:
    """The update that stores a run, or adds it to those that are stored under its key."""
    report = dict(_entries(run.report, MAX_ENTRIES))
    malformed = dict(_entries(run.malformed, MAX_COLLECTIONS))
    texts = {f"report.{name}": value for name, value in report.items() if isinstance(value, str)}
    numbers = {f"report.{name}": value for name, value in report.items() if not isinstance(value, str)}
    counts = {f"malformed.{name}": count for name, count in malformed.items()}
    error, reason = _cut(run.error, MAX_TEXT) or None, _cut(run.reason, MAX_REASON) or None
    first = {"function": run.function, "trigger": run.trigger, "outcome": run.outcome, "due": run.due}
    return {
        "$setOnInsert": first | {"startedAt": run.started_at},
        "$set": {"error": error, "reason": reason, "requestId": _cut(run.request_id, MAX_TEXT) or None, **texts},
        "$inc": {"runs": run.runs, "seconds": run.seconds, **numbers, **counts},
        "$max": {"endedAt": run.ended_at, "memoryMb": run.memory_mb},
    }


def _entries(values: Mapping[str, Detail], limit: int) -> Iterator[tuple[str, Detail]]:
    """The first entries, with names that a path may have, texts cut, and only numbers that can be added up."""
    for name, value in islice(values.items(), limit):
        path = _NOT_OF_A_NAME.sub("_", _cut(name, MAX_NAME)) or "_"
        if isinstance(value, str):
            yield path, _cut(value, MAX_TEXT)
        elif abs(value) <= MAX_NUMBER:
            yield path, float(value) if isinstance(value, float) else int(value)


def _cut(text: str, limit: int) -> str:
    """The text without ids of documents and what is not Unicode, and not longer than `limit` bytes.

    >>> _cut("there is no account 5f0000000000000000000001", 100), _cut("ดีมาก", 7)
    ('there is no account …', 'ดี')
    """
    return ID_IN_TEXT.sub("…", text).encode(errors="replace")[:limit].decode(errors="ignore")


def _decoded(row: Document) -> JobRun:
    return JobRun(
        function=needed(as_text(row.get("function"))),
        trigger=needed(as_text(row.get("trigger"))),
        outcome=needed(as_text(row.get("outcome"))),
        started_at=needed(as_moment(row.get("startedAt"))),
        ended_at=needed(as_moment(row.get("endedAt"))),
        seconds=needed(as_number(row.get("seconds"))),
        key=needed(as_text(row["_id"])),
        due=optional(row.get("due"), as_moment),
        report=optional(row.get("report"), as_document) or {},
        malformed=optional(row.get("malformed"), as_document) or {},
        error=optional(row.get("error"), as_text) or "",
        reason=optional(row.get("reason"), as_text) or "",
        request_id=optional(row.get("requestId"), as_text) or "",
        memory_mb=needed(as_number(row.get("memoryMb"))),
        runs=needed(as_count(row.get("runs")) or None),
    )
