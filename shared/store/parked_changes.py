"""Changes whose processing failed for good, and which their source cannot deliver again.

For example: {_id: "9f0c… (SHA-256 of the payload)", function: "classify_content", times: 1, firstAt: …, lastAt: …,
reason: "documentKey._id: needs an id", replayedAt: …,
event: '{"operationType": "insert", "ns": {…}, "documentKey": {…}, "clusterTime": {…}}'}

`event` is without the document, which is read again when the change is replayed; it is null where it names none.
"""

from collections.abc import Iterator
from datetime import datetime

from pymongo.database import Database

from shared.documents import Document
from shared.store import schema
from shared.store.decoding import as_text, needed, sound


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
        rows = self._parked.find({"replayedAt": {"$exists": False}}).sort("firstAt", 1)
        return sound(self._parked, rows, _waiting)

    def replayed(self, digest: str, *, now: datetime) -> None:
        """Record that a change was replayed at that moment, unless it has been parked again since."""
        self._parked.update_one({"_id": digest, "lastAt": {"$lt": now}}, {"$set": {"replayedAt": now}})


def _waiting(row: Document) -> Document:
    return row | {name: needed(as_text(row.get(name))) for name in ("_id", "function", "reason")}
