"""Leases: which run of a job may work now; one document for each job.

For example: {_id: "build_guest_feed", holder: "9f0c…", until: 2026-01-01T00:15:00Z}
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

from pymongo import ReturnDocument
from pymongo.database import Database

from shared.clock import SKEW
from shared.errors import Conflict
from shared.store import schema
from shared.store.deadline import with_fresh_deadline
from shared.store.expressions import has_type

# Longer than a Lambda function can run, so that a lease only ends by itself when its holder was killed.
MAX_RUN_TIME = timedelta(minutes=16)

GIVE_BACK_S = 2.0  # at most, to release a lease; else it ends by itself


def under_way(name: str) -> str:
    """The message for a run that did not get the lease."""
    return f"another run of {name} is under way"


def lost(name: str) -> str:
    """The message for a run that no longer has the lease."""
    return f"the lease of {name} has passed to another run"


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to run a job, which its holder can check again before it does what cannot be undone."""

    leases: "Leases"
    name: str
    holder: str

    def renew(self) -> None:
        """Extend the lease; Conflict when another run has it now."""
        if not self.leases.extend(self.name, self.holder):
            raise Conflict(lost(self.name))


class Leases:
    """Leases by the server's clock, so that clients whose clocks differ agree on the holder of each."""

    def __init__(self, analytics: Database[dict[str, Any]], lasts: timedelta = MAX_RUN_TIME) -> None:
        self._leases = analytics[schema.LEASES.name]
        self._lasts_ms = _ms(lasts)

    @contextmanager
    def hold(self, name: str, holder: str | None = None) -> Iterator[Lease]:
        """Run the body as the only holder of `name`; Conflict when another run holds it.

        holder  an id of the run, for one that may lose the database and return: it gets back its own lease at once
        """
        lease = Lease(self, name, holder or uuid4().hex)
        if not self._take(name, lease.holder):
            raise Conflict(under_way(name))
        try:
            yield lease
        finally:
            with_fresh_deadline(GIVE_BACK_S, self._leases.delete_one, {"_id": name, "holder": lease.holder})

    def extend(self, name: str, holder: str) -> bool:
        """Extend the lease by a full term; False when `holder` does not have it any more."""
        return (
            self._leases.update_one({"_id": name, "holder": holder}, [{"$set": self._term(holder)}]).matched_count == 1
        )

    def _take(self, name: str, holder: str) -> bool:
        """Take the lease when no other run has it, by one atomic update that is safe to retry; returns whether it is
        taken.

        A document that ends later than any lease can, or at no date, holds no lease. The latest possible end includes
        SKEW: a lease may come from a command that began after this one, or from a primary whose clock is ahead.
        """
        latest_end = {"$add": ["$$NOW", max(self._lasts_ms, _ms(MAX_RUN_TIME)) + _ms(SKEW)]}
        held = [has_type("$until", "date"), {"$gte": ["$until", "$$NOW"]}, {"$lte": ["$until", latest_end]}]
        free = {"$or": [{"$not": [{"$and": held}]}, {"$eq": ["$holder", {"$literal": holder}]}]}
        term = {field: {"$cond": [free, value, f"${field}"]} for field, value in self._term(holder).items()}
        lease = self._leases.find_one_and_update(
            {"_id": name}, [{"$set": term}], upsert=True, return_document=ReturnDocument.AFTER
        )
        return lease is not None and bool(lease["holder"] == holder)

    def _term(self, holder: str) -> dict[str, Any]:
        return {"holder": {"$literal": holder}, "until": {"$add": ["$$NOW", self._lasts_ms]}}


def _ms(span: timedelta) -> int:
    return int(span.total_seconds() * 1000)
