"""How far each job has come: one document a job.

For example: {_id: "refresh_content_stats", until: 2026-01-01T00:05:00Z, fullAt: 2026-01-01T00:00:00Z, options: "5b0c…",
madeFrom: {layout: "2"}}
or, for one that walks over a collection, {_id: "reclassify_contents", until: 2026-01-01T00:00:00Z, cursor: ObjectId}
or, for one that looks at a state as a whole, {_id: "remove_withdrawn", clusterTime: Timestamp(1767225600, 3)}
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
from shared.provenance import MadeFrom, digest
from shared.store import schema
from shared.store.cluster_time import cluster_time, has_passed
from shared.store.decoding import as_document, as_moment, as_text, needed, optional, sound

Cursor = datetime | ObjectId | None
T = TypeVar("T")

NOTHING: Final[MadeFrom] = {}


class Incremental(Protocol):
    """Options of a job that recomputes what changed."""

    @property
    def overlap(self) -> timedelta: ...
    @property
    def full_every(self) -> timedelta: ...


@dataclass(frozen=True, slots=True)
class Period:
    """What a run has to look at.

    since    changes from this moment on; None means everything
    full_at  when everything was last computed, this run included
    late     a run of a later moment is already done, so that there is nothing to do
    cursor   how far the last run had come of what is compared part by part, as a date or an id; None at its beginning
    made_from  what this run makes its results from, beside what changes
    """

    since: datetime | None
    full_at: datetime
    late: bool
    cursor: Cursor = None
    made_from: MadeFrom = field(default_factory=dict)


class Watermarks:
    def __init__(self, analytics: Database[dict[str, Any]]) -> None:
        self._marks = analytics[schema.WATERMARKS.name]

    def period(self, job: str, options: Incremental, made_from: MadeFrom = NOTHING, *, now: datetime) -> Period:
        """Everything at the first run, when `full_every` has passed, or when an option or something else that the
        results are made from was changed; else what is new.

        A mark that is damaged, or dated more than a day ahead, is none.
        """
        mark = next(sound(self._marks, self._marks.find({"_id": job}), _mark), None)
        if mark is None or max(mark[:2]) > now + MAX_AHEAD:
            return Period(None, now, late=False, made_from=made_from)
        until, full_at, chosen, inputs, cursor = mark
        full = now - full_at >= options.full_every or chosen != _key(options) or inputs != made_from
        since = None if full else until - options.overlap
        return Period(since, now if full else full_at, until > now, cursor, made_from)

    def advance(self, job: str, options: Incremental, period: Period, *, now: datetime, cursor: Cursor = None) -> None:
        """Remember that everything up to `now` is done, and where the next run goes on comparing."""
        done = {"until": now, "fullAt": period.full_at, "options": _key(options)}
        done |= {"madeFrom": dict(period.made_from), "cursor": cursor}
        self._marks.update_one({"_id": job}, {"$set": done}, upsert=True)

    def cursor(self, job: str, decode: Callable[[Any], T | None]) -> T | None:
        """Where a walk over a collection has come to; None at its beginning, and where that is malformed."""
        marks = self._marks.find({"_id": job}, {"cursor": 1})
        return next(sound(self._marks, marks, lambda mark: optional(mark.get("cursor"), decode)), None)

    def move(self, job: str, cursor: Any, *, now: datetime) -> None:
        """Remember where the walk goes on; None where it begins anew."""
        self._marks.update_one({"_id": job}, {"$set": {"cursor": cursor, "until": now}}, upsert=True)

    def covers(self, job: str, change: ClusterTime) -> bool:
        """Whether the last look of a job at the whole state began after that change; a damaged mark says nothing."""
        at = Timestamp(change.seconds, change.increment)
        met = {"_id": job, "$expr": {"$and": [has_passed("$clusterTime"), {"$gte": ["$clusterTime", at]}]}}
        return self._marks.count_documents(met, limit=1) > 0

    @contextmanager
    def covering(self, job: str) -> Iterator[None]:
        """The body looks at the whole state; once it has, all changes up to its beginning are met."""
        with self._marks.database.client.start_session() as session:
            began = cluster_time(session)
        yield
        before = {"$cond": [has_passed("$clusterTime"), "$clusterTime", began]}
        looked = {"$set": {"clusterTime": {"$max": [before, began]}}}
        self._marks.update_one({"_id": job}, [looked], upsert=True)


def _mark(mark: dict[str, Any]) -> tuple[datetime, datetime, str | None, MadeFrom, Cursor]:
    until, full_at = (needed(as_moment(mark.get(name))) for name in ("until", "fullAt"))
    options, made_from = optional(mark.get("options"), as_text), optional(mark.get("madeFrom"), as_document)
    return until, full_at, options, made_from or {}, _cursor(mark.get("cursor"))


def _cursor(value: Any) -> Cursor:
    return value if isinstance(value, ObjectId) else optional(value, as_moment)


def _key(options: object) -> str:
    """Changes when any option changes."""
    return digest(options)
