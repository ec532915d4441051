"""Watermarks: how far each job has come; one document for each job.

For example: {_id: "refresh_content_stats", until: 2026-01-01T00:05:00Z, fullAt: 2026-01-01T00:00:00Z, options: "5b0c…",
madeFrom: {layout: "2"}}
or, for a job that reads a collection in parts, {_id: "reclassify_contents", until: 2026-01-01T00:00:00Z,
cursor: ObjectId}
or, for a job that checks the whole state, {_id: "remove_withdrawn", clusterTime: Timestamp(1767225600, 3)}
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Protocol, TypeVar

from bson import ObjectId, Timestamp
from pymongo.database import Database

from shared.change import ClusterTime
from shared.clock import MAX_AHEAD
from shared.documents import Document
from shared.provenance import MadeFrom, digest
from shared.store import schema
from shared.store.cluster_time import cluster_time, has_passed
from shared.store.decoding import as_document, as_moment, as_text, needed, optional, sound
from shared.store.tombstones import LISTS_OF_POSTS

Cursor = datetime | ObjectId | None
T = TypeVar("T")

NOTHING: Final[MadeFrom] = {}  # no inputs beside the options and the changes


class Incremental(Protocol):
    """Options of a job that computes what changed, and everything from time to time.

    overlap     how far a run reads back before the end of the last one
    full_every  how long until everything is computed again
    """

    @property
    def overlap(self) -> timedelta: ...
    @property
    def full_every(self) -> timedelta: ...


@dataclass(frozen=True, slots=True)
class Period:
    """What a run has to compute.

    since      changes from this moment on; None for everything
    full_at    when everything was last computed, this run included
    late       whether a run of a later moment is already done, so that there is nothing to do
    cursor     where the comparison in parts goes on, a date or an id; None at its beginning
    made_from  the inputs of the results beside what changes, by name
    """

    since: datetime | None
    full_at: datetime
    late: bool
    cursor: Cursor = None
    made_from: MadeFrom = field(default_factory=dict)


class Watermarks:
    def __init__(self, analytics: Database[dict[str, Any]]) -> None:
        self._marks, self._notes = analytics[schema.WATERMARKS.name], analytics[schema.ERASURES.name]

    def period(self, job: str, options: Incremental, made_from: MadeFrom = NOTHING, *, now: datetime) -> Period:
        """What the run of `now` has to compute: everything at the first run, when `full_every` has passed, or when an
        option or an input in `made_from` has changed; else what changed since the last run.

        A mark that is malformed, or dated ahead by more than MAX_AHEAD, is ignored.
        """
        mark = next(sound(self._marks, self._marks.find({"_id": job}), _mark), None)
        if mark is None or max(mark[:2]) > now + MAX_AHEAD:
            return Period(None, now, late=False, made_from=made_from)
        until, full_at, options_key, inputs, cursor = mark
        is_full = now - full_at >= options.full_every or options_key != _key(options) or inputs != made_from
        since = None if is_full else until - options.overlap
        return Period(since, now if is_full else full_at, until > now, cursor, made_from)

    def advance(self, job: str, options: Incremental, period: Period, *, now: datetime, cursor: Cursor = None) -> None:
        """Record that everything up to `now` is done, and where the next run goes on comparing."""
        done = {"until": now, "fullAt": period.full_at, "options": _key(options)}
        done |= {"madeFrom": dict(period.made_from), "cursor": cursor}
        self._set(job, done)

    def cursor(self, job: str, decode: Callable[[Any], T | None]) -> T | None:
        """Where a job that reads a collection in parts goes on; None at its beginning, and where that is malformed."""
        marks = self._marks.find({"_id": job}, {"cursor": 1})
        return next(sound(self._marks, marks, lambda mark: optional(mark.get("cursor"), decode)), None)

    def move(self, job: str, cursor: Any, *, now: datetime) -> None:
        """Record where such a job goes on; None for the beginning."""
        self._set(job, {"cursor": cursor, "until": now})

    def covers(self, job: str, change: ClusterTime) -> bool:
        """Whether the last check of the whole state by a job began after that change; false for a malformed mark."""
        at = Timestamp(change.seconds, change.increment)
        covered = {"_id": job, "$expr": {"$and": [has_passed("$clusterTime"), {"$gte": ["$clusterTime", at]}]}}
        return self._marks.count_documents(covered, limit=1) > 0

    @contextmanager
    def covering(self, job: str) -> Iterator[None]:
        """Run a body that checks the whole state; then record that it covers all changes up to its beginning."""
        with self._marks.database.client.start_session() as session:
            began = cluster_time(session)
        yield
        before = {"$cond": [has_passed("$clusterTime"), "$clusterTime", began]}
        update = {"$set": {"clusterTime": {"$max": [before, began]}}}
        self._marks.update_one({"_id": job}, [update], upsert=True)

    def _set(self, job: str, fields: Document) -> None:
        """Write the fields of a mark; a cursor that a tombstone names gives way to the next id, which nothing has.

        The job goes on there, also where the user or post counts as erased no longer: without the cursor it would
        begin anew each time it came there. An erasure removes the cursors that it finds, behind its tombstone: one of
        the two sees what the other wrote.
        """
        self._marks.update_one({"_id": job}, {"$set": fields}, upsert=True)
        cursor = fields["cursor"]
        while isinstance(cursor, ObjectId) and self._notes.find_one(
            {"$or": [{name: cursor} for name in ("users", *LISTS_OF_POSTS)]}, {"_id": 1}
        ):
            following = _following(cursor)
            self._marks.update_one({"_id": job, "cursor": cursor}, {"$set": {"cursor": following}})
            cursor = following


def _mark(mark: dict[str, Any]) -> tuple[datetime, datetime, str | None, MadeFrom, Cursor]:
    until, full_at = (needed(as_moment(mark.get(name))) for name in ("until", "fullAt"))
    options, made_from = optional(mark.get("options"), as_text), optional(mark.get("madeFrom"), as_document)
    return until, full_at, options, made_from or {}, _cursor(mark.get("cursor"))


def _cursor(value: Any) -> Cursor:
    return value if isinstance(value, ObjectId) else optional(value, as_moment)


def _following(cursor: ObjectId) -> ObjectId:
    """The next id in their order; behind the last one the first."""
    return ObjectId(((int.from_bytes(cursor.binary) + 1) % 2**96).to_bytes(12))


def _key(options: object) -> str:
    """A digest of the options, which changes with any of them."""
    return digest(options)
