"""Positions of the relay in the change streams: one document for each collection.

For example: {_id: "contents", holder: "9f0c…", token: {_data: "8263…"}, startAt: null, clusterTime: Timestamp(…),
at: 2026-01-01T00:00:00Z, sent: 5120}, where `startAt` is a Timestamp while there is no token; and while it catches up
{…, reconciling: {from: …, start: Timestamp(…), after: a date or null, covered: 2000, reason: "…"}}

Everything that happened before `at` has been sent. Only the holder of the lease may write. A position that is read has
the names of its malformed fields in `malformed`: a malformed `at` reads as 1970, any other malformed field as None.
"""

from collections.abc import Callable, Mapping
from typing import Any

from bson import Timestamp
from pymongo import ReturnDocument
from pymongo.database import Database

from shared.clock import EPOCH
from shared.documents import Document
from shared.errors import Conflict
from shared.store import schema
from shared.store.decoding import as_count, as_document, as_moment


class Position:
    """The position in one collection, for one holder of its lease."""

    def __init__(self, analytics: Database[Document], name: str, holder: str) -> None:
        self._positions = analytics[schema.RELAY_POSITIONS.name]
        self._own = {"_id": name, "holder": holder}

    def claim(self) -> Document:
        """Make this holder the only one that may write, and return the position that the last one has left; its fields
        are None where there was none."""
        stored = self._positions.find_one_and_update(
            {"_id": self._own["_id"]},
            {"$set": {"holder": self._own["holder"]}},
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        return _decoded(stored or {})

    def load(self) -> Document:
        """The position that was saved last; Conflict where another copy has taken over."""
        stored = self._positions.find_one(self._own)
        if stored is None:
            raise Conflict(f"another relay has taken over {self._own['_id']}")
        return _decoded(stored)

    def save(self, fields: Mapping[str, Any], *, sent: int = 0, now: bool = False) -> None:
        """Save these fields; Conflict where another copy has taken over.

        sent  number of changes that were sent since the last save
        now   whether everything up to this moment has been sent; `at` is then the server's present time
        """
        update: Document = {"$set": dict(fields), "$inc": {"sent": sent}}
        if now:
            update["$currentDate"] = {"at": True}
        if not self._positions.update_one(self._own, update).matched_count:
            raise Conflict(f"another relay has taken over {self._own['_id']}")


def _decoded(stored: Mapping[str, Any]) -> Document:
    """The fields that the relay uses, and in `malformed` the names of those that are present and malformed."""
    decoders: dict[str, Callable[[Any], Any]] = {
        "token": as_document,
        "startAt": _as_timestamp,
        "at": as_moment,
        "reconciling": _as_gap,
    }
    position: Document = {name: decode(stored.get(name)) for name, decode in decoders.items()}
    malformed = [name for name in decoders if position[name] is None and stored.get(name) is not None]
    return position | {"at": position["at"] or EPOCH, "malformed": malformed}


def _as_timestamp(value: Any) -> Timestamp | None:
    return value if isinstance(value, Timestamp) else None


def _as_gap(value: Any) -> Document | None:
    """A gap as `reconcile` saves it; None where it is malformed."""
    if not isinstance(value, dict):
        return None
    after, start = value.get("after"), _as_timestamp(value.get("start"))
    missed = {"from": as_moment(value.get("from")), "covered": as_count(value.get("covered")), "start": start}
    if None in missed.values() or (after is not None and as_moment(after) is None):
        return None
    return missed | {"after": after, "reason": str(value.get("reason"))}
