"""Changes whose processing failed for good, and which their source cannot deliver again.

For example: {_id: "9f0c… (SHA-256 of the payload)", function: "classify_content", times: 1, firstAt: …, lastAt: …,
reason: "documentKey._id: needs an id", replayedAt: …,
event: '{"operationType": "insert", "ns": {…}, "documentKey": {…}, "clusterTime": {…}}'}

`event` is without the document, which is read again when the change is replayed; it is null where it names none.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from pymongo.database import Database

from shared.documents import Document
from shared.store import schema
from shared.store.decoding import as_moment, as_text, needed, sound

MAX_NUMBER = 10_000  # of parked changes that are counted
NOT_REPLAYED: Document = {"replayedAt": {"$exists": False}}


@dataclass(frozen=True, slots=True)
class ParkedReason:
    """Why changes were parked.

    number   of changes, counted up to MAX_NUMBER in all
    last_at  when one was parked last for this reason
    """

    function: str
    reason: str
    number: int
    last_at: datetime


class ParkedChanges:
    def __init__(self, analytics: Database[Document]) -> None:
        self._parked = analytics[schema.PARKED_CHANGES.name]

    def park(self, digest: str, function: str, event: str | None, reason: str, *, now: datetime) -> None:
        """Store a change; the same payload again only increments `times`.

        digest  SHA-256 of the payload
        event   as JSON text without the document; None where it names none
        """
        fields = {"function": function, "event": event, "reason": reason, "lastAt": now}
        update = {"$set": fields, "$setOnInsert": {"firstAt": now}, "$inc": {"times": 1}, "$unset": {"replayedAt": ""}}
        self._parked.update_one({"_id": digest}, update, upsert=True)

    def waiting(self) -> Iterator[Document]:
        """The changes that were not replayed since they were parked last, the oldest first."""
        return sound(self._parked, self._parked.find(NOT_REPLAYED).sort("firstAt", 1), _waiting)

    def number_waiting(self) -> int:
        """How many changes wait to be replayed; at most MAX_NUMBER are counted."""
        return self._parked.count_documents(NOT_REPLAYED, limit=MAX_NUMBER)

    def reasons(self, limit: int) -> list[ParkedReason]:
        """At most `limit` reasons for which changes wait to be replayed, the most frequent first."""
        group = {
            "_id": {"function": "$function", "reason": "$reason"},
            "number": {"$sum": 1},
            "last": {"$max": "$lastAt"},
        }
        stages: list[Document] = [
            {"$match": NOT_REPLAYED},
            {"$limit": MAX_NUMBER},
            {"$group": group},
            {"$sort": {"number": -1, "_id": 1}},
            {"$limit": limit},
        ]
        return list(sound(self._parked, self._parked.aggregate(stages), _reason))

    def replayed(self, digest: str, *, now: datetime) -> None:
        """Record that a change was replayed at that moment, unless it has been parked again since."""
        self._parked.update_one({"_id": digest, "lastAt": {"$lt": now}}, {"$set": {"replayedAt": now}})


def _waiting(row: Document) -> Document:
    return row | {name: needed(as_text(row.get(name))) for name in ("_id", "function", "reason")}


def _reason(row: Document) -> ParkedReason:
    function, reason = (needed(as_text(row["_id"].get(name))) for name in ("function", "reason"))
    return ParkedReason(function, reason, int(row["number"]), needed(as_moment(row["last"])))
