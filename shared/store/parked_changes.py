"""Changes whose processing failed for good, and which their source cannot deliver again.

For example: {_id: "9f0c… (SHA-256 of the payload)", function: "classify_content", times: 1, firstAt: …, lastAt: …,
reason: "documentKey._id: needs an id", replayedAt: …,
event: '{"operationType": "insert", "ns": {…}, "documentKey": {…}, "clusterTime": {…}}',
replayRequested: {at: …, by: "ana@example.org"}, replay: {at: …, outcome: "sent", sentAs: "41d8…"}}

`event` is without the document, which is read again when the change is replayed; it is null where it names none.
`replayRequested` is there from when the console asks for a replay until its outcome is in `replay`: "sent", or why it
was not. What was sent, and fails once more, is parked under the key in `sentAs`,
with `lastAt` not before the replay.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from pymongo.database import Database

from shared.documents import Document
from shared.store import schema
from shared.store.decoding import as_text, needed, sound
from shared.store.expressions import FIRST_DAY, NO_ARRAY

MAX_REASON_LENGTH = 500  # characters; pages have addresses with a reason in them
NOT_REPLAYED: Document = {"replayedAt": {"$exists": False}}
# Outcomes of a replay; any other is why the receiver did not take it.
SENT, NAMES_NO_DOCUMENT, NOT_FOLLOWED = "sent", "names no document", "is of no collection and function that is followed"


class ParkedChanges:
    def __init__(self, analytics: Database[Document]) -> None:
        self._parked = analytics[schema.PARKED_CHANGES.name]

    def park(self, digest: str, function: str, event: str | None, reason: str, *, now: datetime) -> None:
        """Store a change; the same payload again only increments `times`.

        digest  SHA-256 of the payload
        event   as JSON text without the document; None where it names none
        """
        fields = {"function": function, "event": event, "reason": reason[:MAX_REASON_LENGTH], "lastAt": now}
        update = {"$set": fields, "$setOnInsert": {"firstAt": now}, "$inc": {"times": 1}, "$unset": {"replayedAt": ""}}
        self._parked.update_one({"_id": digest}, update, upsert=True)

    def waiting(self) -> Iterator[Document]:
        """The changes that were not replayed since they were parked last, the oldest first."""
        return sound(self._parked, self._parked.find(NOT_REPLAYED).sort("firstAt", 1), _waiting)

    def requested(self, functions: Sequence[str], limit: int) -> list[Document]:
        """At most `limit` changes of these functions whose replay was asked for, the oldest request first. Malformed
        ones are not asked for, so that none of them stands in front of the others for ever."""
        text = {"$gt": ""} | NO_ARRAY
        sound_ones = {"function": {"$in": functions} | NO_ARRAY, "reason": text, "_id": text}
        rows = (
            self._parked.find(sound_ones | {"replayRequested.at": {"$gte": FIRST_DAY}})
            .sort("replayRequested.at", 1)
            .limit(limit)
        )
        return list(sound(self._parked, rows, _waiting))

    def replayed(self, digest: str, outcome: str, sent_as: str | None, *, now: datetime) -> None:
        """Record the outcome of a replay that began at that moment, which ends the request for it. A change that was
        sent waits no more, unless it has been parked again since.

        sent_as  the key under which what was sent is parked if it fails; None where nothing was sent
        """
        replay: Document = {"at": now, "outcome": outcome[:MAX_REASON_LENGTH], "sentAs": sent_as}
        fields: Document = {"replay": {"$literal": replay}}
        if outcome == SENT:
            fields["replayedAt"] = {"$cond": [{"$lt": ["$lastAt", now]}, now, "$replayedAt"]}
        self._parked.update_one({"_id": digest}, [{"$set": fields}, {"$unset": "replayRequested"}])


def _waiting(row: Document) -> Document:
    return row | {name: needed(as_text(row.get(name))) for name in ("_id", "function", "reason")}
