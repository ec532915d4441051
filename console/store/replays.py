"""Which changes are parked, and the requests to replay them, which the relay obeys.

For the documents see shared/store/parked_changes.py.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice

from console.store.parked import ParkedChange, ParkedReason, change_of, reason_of
from shared.clock import EPOCH, epoch_ms, from_epoch_ms
from shared.documents import Document
from shared.errors import BadEvent
from shared.store import Store, schema
from shared.store.decoding import first_sound, sound
from shared.store.expressions import FIRST_DAY, LAST_DAY, is_moment, period
from shared.store.parked_changes import NOT_REPLAYED, SENT

MAX_NUMBER = 5_000  # of changes of a reason that are counted, and that one request asks for
MAX_COUNTED = 2_000  # of changes that wait, whatever their reason
NOT_REQUESTED: Document = {"replayRequested.at": {"$not": {"$type": "date"}}}


class Replays:
    """Parked changes, and the requests to replay them."""

    def __init__(self, store: Store) -> None:
        self._parked = store.analytics[schema.PARKED_CHANGES.name]

    def number_waiting(self, limit: int) -> int:
        """How many changes wait to be replayed; at most `limit` are counted."""
        return self._parked.count_documents(NOT_REPLAYED, limit=limit)

    def reasons(self, limit: int, *, now: datetime) -> list[ParkedReason]:
        """At most `limit` reasons for which changes wait to be replayed, the most frequent first; of the changes, the
        first MAX_COUNTED are looked at."""
        last_at = {"$max": {"$cond": [is_moment("$lastAt", now), "$lastAt", None]}}
        stages: list[Document] = [
            {"$match": NOT_REPLAYED},
            {"$limit": MAX_COUNTED},
            {"$group": {"_id": {"function": "$function", "reason": "$reason"}, "number": {"$sum": 1}, "last": last_at}},
            {"$sort": {"number": -1, "_id": 1}},
        ]
        return list(islice(sound(self._parked, self._parked.aggregate(stages), reason_of), limit))

    def waiting(self, function: str, reason: str, *, after: str, limit: int, now: datetime) -> list[ParkedChange]:
        """At most `limit` changes parked for this reason that wait to be replayed, the oldest first.

        after  the place of a change: those before it in this order, and itself, are left out; BadEvent for no place
        """
        base: Document = {"function": function, "reason": reason, **NOT_REPLAYED}
        query: Document = base | {"firstAt": period(EPOCH, now)}
        if after:
            at, key = _place(after)
            # Each alternative names every field of the index, so that the server merges what it reads in order.
            query = {
                "$or": [base | {"firstAt": at, "_id": {"$gt": key}}, base | {"firstAt": period(at, now) | {"$gt": at}}]
            }
        rows = self._parked.find(query).sort([("firstAt", 1), ("_id", 1)])
        return self._with_reasons(first_sound(self._parked, rows, change_of, limit))

    def replayed(self, limit: int, *, now: datetime, of: tuple[str, str] | None = None) -> list[ParkedChange]:
        """At most `limit` changes that were replayed since they were parked last, the latest replay first.

        of  the function and the reason; all where it is None
        """
        query: Document = {} if of is None else {"function": of[0], "reason": of[1]}
        order = [("replayedAt", -1), ("firstAt", -1), *([("_id", -1)] if of else [])]
        rows = self._parked.find(query | {"replayedAt": period(EPOCH, now)}).sort(order)
        return self._with_reasons(first_sound(self._parked, rows, change_of, limit))

    def find(self, key: str) -> ParkedChange | None:
        """One parked change; None where there is none, or its document is malformed."""
        rows = self._parked.find({"_id": key})
        return next(iter(self._with_reasons(sound(self._parked, rows, change_of))), None)

    def number_requested(self, function: str, reason: str) -> int:
        """For how many changes of this reason a replay was asked for and has no outcome yet; at most MAX_NUMBER are
        counted."""
        query = {"function": function, "reason": reason, "replayRequested.at": {"$gte": FIRST_DAY}}
        return self._parked.count_documents(query, limit=MAX_NUMBER)

    def number_to_request(self, function: str, reason: str, *, now: datetime) -> int:
        """How many changes of this reason wait without a request to replay them; at most MAX_NUMBER are counted."""
        query = _without_request(function, reason) | {"firstAt": period(EPOCH, now)}
        return self._parked.count_documents(query, limit=MAX_NUMBER)

    def to_request(self, function: str, reason: str, *, now: datetime) -> list[str]:
        """The keys of these changes, of MAX_NUMBER at most, the oldest first."""
        query = _without_request(function, reason) | {"firstAt": period(EPOCH, now)}
        rows = self._parked.find(query, {"_id": 1})
        return [str(row["_id"]) for row in rows.sort([("firstAt", 1), ("_id", 1)]).limit(MAX_NUMBER)]

    def request(self, keys: Sequence[str], *, by: str, now: datetime) -> int:
        """Ask the relay to replay those of these changes that wait, and for which nobody has asked; returns how many
        they are."""
        query = {"_id": {"$in": keys}} | NOT_REPLAYED | NOT_REQUESTED
        return self._parked.update_many(query, {"$set": {"replayRequested": {"at": now, "by": by}}}).modified_count

    def _with_reasons(self, changes: Iterable[ParkedChange]) -> list[ParkedChange]:
        """The changes; those that were parked once more since they were sent, with the reason."""
        listed = list(changes)
        sent_as = [change.replay.sent_as for change in listed if change.replay and change.replay.sent_as]
        rows = self._parked.find({"_id": {"$in": sent_as}}, {"event": 0}) if sent_as else ()
        parked = {change.key: change for change in sound(self._parked, rows, change_of)}
        return [_with_reason(change, parked) for change in listed]


def _with_reason(change: ParkedChange, parked: Mapping[str, ParkedChange]) -> ParkedChange:
    replay = change.replay
    again = parked.get(replay.sent_as) if replay and replay.outcome == SENT else None
    if replay is None or again is None or again.last_at < replay.at:
        return change
    return replace(change, replay=replace(replay, why_parked=again.reason))


def _without_request(function: str, reason: str) -> Document:
    return {"function": function, "reason": reason, "_id": {"$gt": ""}} | NOT_REPLAYED | NOT_REQUESTED


def _place(text: str) -> tuple[datetime, str]:
    """The date and the key in the place of a change."""
    milliseconds, _, key = text.partition("_")
    if not key or not milliseconds.isdecimal() or int(milliseconds) >= epoch_ms(LAST_DAY):
        raise BadEvent("after: is no place in the list of parked changes")
    return from_epoch_ms(int(milliseconds)), key
