"""Lists of the console made long, for tests and benchmarks of what a page reads of them."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from pymongo.collection import Collection

from console.store.audit_log import AuditLog
from local.console_pages import a_version
from shared.artifacts import TrainingOutcome, TrainingOutcomes
from shared.documents import Document
from shared.errors import Refused
from shared.store import Store
from shared.store.job_runs import JobRun, key_of

AT_ONCE = 10_000  # documents of an insert


def start_lists(store: Store, now: datetime) -> None:
    """Give a few rows to each list that is empty until something happens: runs, acts, parked changes, outcomes."""
    moments = [now - timedelta(hours=hours) for hours in range(5)]
    store.job_runs.record(
        JobRun("build_guest_feed", "schedule", "done", at, at, 1.0, key_of(at, "build_guest_feed", "1"))
        for at in moments
    )
    for number in range(5):
        AuditLog(store).append("a lead", "lead", "act", {"object": str(number)}, now=now)
        store.parked_changes.park(f"{number}", "classify_content", None, "documentKey: no", now=now)
    TrainingOutcomes(store.analytics).add([TrainingOutcome("topics", "all", "v1", now, "not better", None)])


def lengthen(store: Store, rows: int, now: datetime) -> None:
    """Add so many rows to each list that has no end, like a row of it; Refused where it has none.

    The entries that are added to the audit log are none of its chain.
    """
    app, analytics = store.app, store.analytics

    def earlier(number: int) -> datetime:
        return now - timedelta(seconds=number)

    def function(number: int) -> str:
        return ("build_guest_feed", "train_topics")[number % 2]

    def key(number: int) -> str:
        return key_of(earlier(number), function(number), str(number))

    def multiply(collection: Collection[Document], row: Document, **varied: Callable[[int], Any]) -> None:
        """Insert the row so often, each time with other values of some fields."""
        for start in range(0, rows, AT_ONCE):
            numbers = range(start, min(start + AT_ONCE, rows))
            values = ({name: value(number) for name, value in varied.items()} for number in numbers)
            collection.insert_many([{**row, **fields} for fields in values], ordered=False)

    multiply(
        analytics.jobRuns, _first(analytics.jobRuns), function=function, startedAt=earlier, endedAt=earlier, _id=key
    )
    multiply(analytics.auditLog, _first(analytics.auditLog), _id=lambda number: 100 + number)
    parked = _first(analytics.parkedChanges)
    multiply(analytics.parkedChanges, parked, _id=lambda number: f"parked-{number}", firstAt=earlier)
    member = _first(analytics.consoleMembers)
    multiply(analytics.consoleMembers, member, _id=lambda number: f"{number}@example.org")
    outcome = _first(analytics.trainingOutcomes)
    multiply(analytics.trainingOutcomes, outcome, _id=lambda number: f"outcome {number}", at=earlier)
    multiply(
        analytics.artifactVersions,
        a_version(store),
        _id=lambda _: ObjectId(),
        version=lambda number: f"2025{number:07d}T000000Z",
    )
    erasure = {"erasedAt": now, "completedAt": now, "users": [], "posts": [], "credentials": []}
    multiply(analytics.erasures, erasure, _id=lambda _: ObjectId(), erasedAt=earlier)
    multiply(analytics.feedperformances, _first(analytics.feedperformances), _id=earlier)
    suspect = {"model": "v1", "sampled": False, "reasons": [], "score": 0.5, "createdAt": now}
    suspect |= {"firstSeenAt": now, "lastSeenAt": now}
    multiply(app.suspiciouscredentials, suspect, seenCredential=lambda number: f"device {number}")
    multiply(app.contentinfo, _first(app.contentinfo), _id=lambda _: ObjectId(), contentId=lambda _: ObjectId())


def _first(collection: Collection[Document]) -> Document:
    document = collection.find_one({})
    if document is None:
        raise Refused(f"{collection.name}: needs a document to be like")
    return document
