"""Who may run a job now: one document a job.

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

# Longer than a Lambda function can run, so that a holder that was killed is the only one that is ever overtaken.
MAX_RUN_TIME = timedelta(minutes=16)

GIVE_BACK_S = 2.0  # that giving back may take; else the lease ends by itself


def under_way(name: str) -> str:
    """The sentence of a run that did not get the lease."""
    return f"another run of {name} is under way"


def lost(name: str) -> str:
    """The sentence of a run that no longer has the lease."""
    return f"the lease of {name} has passed to another run"


@dataclass(frozen=True, slots=True)
class Lease:
    """A right to run that its holder can check again before an act that cannot be undone."""

    leases: "Leases"
    name: str
    holder: str

    def renew(self) -> None:
        """Extend the lease; Conflict when it has passed to someone else."""
        if not self.leases.extend(self.name, self.holder):
            raise Conflict(lost(self.name))


class Leases:
    """Leases by the server's clock, so that clients whose clocks differ agree on who holds one."""

    def __init__(self, analytics: Database[dict[str, Any]], lasts: timedelta = MAX_RUN_TIME) -> None:
        self._leases = analytics[schema.LEASES.name]
        self._lasts_ms = _ms(lasts)

    @contextmanager
    def hold(self, name: str, holder: str | None = None) -> Iterator[Lease]:
        """Run the body as the only holder of `name`; Conflict when another run holds it.

        holder  who it is, for one that may lose the database and come back: what was its own it takes again at once
        """
        lease = Lease(self, name, holder or uuid4().hex)
        if not self._take(name, lease.holder):
            raise Conflict(under_way(name))
        try:
            yield lease
        finally:
            with_fresh_deadline(GIVE_BACK_S, self._leases.delete_one, {"_id": name, "holder": lease.holder})

    def extend(self, name: str, holder: str) -> bool:
        """True when `holder` still had the lease and keeps it for another full term."""
        return (
            self._leases.update_one({"_id": name, "holder": holder}, [{"$set": self._term(holder)}]).matched_count == 1
        )

    def _take(self, name: str, holder: str) -> bool:
        """Taken when nobody else has it: decided inside one atomic update, which is safe to retry.

        What ends later than any lease can, or at no date at all, nobody has taken. One that was taken in this moment
        may end a little later: by a command that began after this one, or by a primary whose clock is ahead.
        """
        longest = {"$add": ["$$NOW", max(self._lasts_ms, _ms(MAX_RUN_TIME)) + _ms(SKEW)]}
        held = [has_type("$until", "date"), {"$gte": ["$until", "$$NOW"]}, {"$lte": ["$until", longest]}]
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
