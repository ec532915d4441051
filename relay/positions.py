"""Where the relay stands in each collection: one document a collection.

For example: {_id: "contents", holder: "9f0c…", token: {_data: "8263…"}, startAt: null, clusterTime: Timestamp(…),
at: 2026-01-01T00:00:00Z, sent: 5120}, where `startAt` is a Timestamp while there is no token; and while it catches up
{…, reconciling: {from: …, start: Timestamp(…), after: a date or null, covered: 2000, reason: "…"}}

Everything that happened before `at` has been sent. Only the holder of the lease may write. Which fields are malformed
stands in `malformed` of what is read: an `at` is then 1970, and of the others none is there.
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
    """The position in one collection, as its holder keeps it."""

    def __init__(self, analytics: Database[Document], name: str, holder: str) -> None:
        self._positions = analytics[schema.RELAY_POSITIONS.name]
        self._mine = {"_id": name, "holder": holder}

    def claim(self) -> Document:
        """Become the only one who may write, and return what the last one left; nothing at the first time."""
        found = self._positions.find_one_and_update(
            {"_id": self._mine["_id"]},
            {"$set": {"holder": self._mine["holder"]}},
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        return _decoded(found or {})

    def load(self) -> Document:
        """What was saved last; Conflict where another copy has taken over."""
        found = self._positions.find_one(self._mine)
        if found is None:
            raise Conflict(f"another relay has taken over {self._mine['_id']}")
        return _decoded(found)

    def save(self, fields: Mapping[str, Any], *, sent: int = 0, now: bool = False) -> None:
        """Remember these fields; Conflict where another copy has taken over.

        sent  how many more were sent
        now   whether everything up to this moment, by the server's clock, has been sent
        """
        update: Document = {"$set": dict(fields), "$inc": {"sent": sent}}
        if now:
            update["$currentDate"] = {"at": True}
        if not self._positions.update_one(self._mine, update).matched_count:
            raise Conflict(f"another relay has taken over {self._mine['_id']}")


def _decoded(stored: Mapping[str, Any]) -> Document:
    """The fields that the relay goes by, with the names of those that are there and are not what they should be."""
    decoders: dict[str, Callable[[Any], Any]] = {
        "token": as_document,
        "startAt": _as_timestamp,
        "at": as_moment,
        "reconciling": _as_gap,
    }
    mark: Document = {name: decode(stored.get(name)) for name, decode in decoders.items()}
    malformed = [name for name in decoders if mark[name] is None and stored.get(name) is not None]
    return mark | {"at": mark["at"] or EPOCH, "malformed": malformed}


def _as_timestamp(value: Any) -> Timestamp | None:
    return value if isinstance(value, Timestamp) else None


def _as_gap(value: Any) -> Document | None:
    """What was missed, as `reconcile` notes it."""
    if not isinstance(value, dict):
        return None
    after, start = value.get("after"), _as_timestamp(value.get("start"))
    missed = {"from": as_moment(value.get("from")), "covered": as_count(value.get("covered")), "start": start}
    if None in missed.values() or (after is not None and as_moment(after) is None):
        return None
    return missed | {"after": after, "reason": str(value.get("reason"))}
