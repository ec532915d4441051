"""Where the relay stands in each collection: one document a collection.

For example: {_id: "contents", holder: "9f0c…", token: {_data: "8263…"}, startAt: null, clusterTime: Timestamp(…),
at: 2026-01-01T00:00:00Z, sent: 5120}, where `startAt` is a Timestamp while there is no token; and while it catches up
{…, reconciling: {from: …, start: Timestamp(…), after: a date or null, covered: 2000, reason: "…"}}

Everything that happened before `at` has been sent. Only the holder of the lease may write.
"""

from collections.abc import Mapping
from typing import Any

from pymongo import ReturnDocument
from pymongo.database import Database

from shared.errors import Conflict
from shared.store import schema

Document = dict[str, Any]


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
        return dict(found or {})

    def load(self) -> Document:
        """What was saved last; Conflict where another copy has taken over."""
        found = self._positions.find_one(self._mine)
        if found is None:
            raise Conflict(f"another relay has taken over {self._mine['_id']}")
        return found

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
