"""How far each job has come: one document a job.

For example: {_id: "refresh_content_stats", until: 2026-01-01T00:05:00Z, fullAt: 2026-01-01T00:00:00Z, options: "5b0c…"}
or, for one that walks over a collection, {_id: "reclassify_contents", until: 2026-01-01T00:00:00Z, cursor: ObjectId}
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeGuard

from pymongo.database import Database

from shared.clock import EPOCH, MOST_AHEAD
from shared.store import schema


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
    """

    since: datetime | None
    full_at: datetime
    late: bool


class Watermarks:
    def __init__(self, analytics: Database[dict[str, Any]]) -> None:
        self._marks = analytics[schema.WATERMARKS.name]

    def period(self, job: str, options: Incremental, *, now: datetime) -> Period:
        """Everything at the first run, when `full_every` has passed or when an option was changed; else what is new.

        A mark that is damaged, or dated more than a day ahead, is none.
        """
        mark = self._marks.find_one({"_id": job}) or {}
        until, full_at = mark.get("until"), mark.get("fullAt")
        if not _is_past(until, now) or not _is_past(full_at, now):  # none yet, or damaged
            return Period(None, now, late=False)
        full = now - full_at >= options.full_every or mark.get("options") != _key(options)
        since = None if full else until - options.overlap
        return Period(since, now if full else full_at, late=until > now)

    def advance(self, job: str, options: Incremental, period: Period, *, now: datetime) -> None:
        """Remember that everything up to `now` is done."""
        done = {"until": now, "fullAt": period.full_at, "options": _key(options)}
        self._marks.update_one({"_id": job}, {"$set": done}, upsert=True)

    def cursor(self, job: str) -> Any:
        """Where a walk over a collection has come to; None at its beginning."""
        mark = self._marks.find_one({"_id": job})
        return None if mark is None else mark.get("cursor")

    def move(self, job: str, cursor: Any, *, now: datetime) -> None:
        """Remember where the walk goes on; None where it begins anew."""
        self._marks.update_one({"_id": job}, {"$set": {"cursor": cursor, "until": now}}, upsert=True)


def _is_past(moment: Any, now: datetime) -> TypeGuard[datetime]:
    """Whether it is a moment that a run of ours, this or a slightly later one, can have noted."""
    return isinstance(moment, datetime) and EPOCH <= moment <= now + MOST_AHEAD


def _key(options: object) -> str:
    """Changes when any option changes."""
    return hashlib.sha256(repr(options).encode()).hexdigest()[:12]
