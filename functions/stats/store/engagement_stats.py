"""Counts of each user's engagements, by kind and topic.

For example: {userId: ObjectId, countLikeContentTopic: {"6a01…": 3}, countCommentContentTopic: {},
countRecastContentTopic: {}, countQuoteContentTopic: {}, countReportContentTopic: {}, timestamp: "01/31/2026, 13:00:00",
computedAt: …, fresh: {countLikeContentTopic: {"6a01…": 1}}}

`fresh` holds the delta counts, the part of the counts that was added since the last full run; the others are the base
counts. `timestamp` is UTC, in the form that other programs read.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from bson import ObjectId
from pymongo import ReplaceOne

from shared.documents import Document, object_id
from shared.store import Store, schema
from shared.store.batches import in_batches
from shared.store.decoding import as_counts, as_document, needed, sound
from shared.store.write_behind import bulk_write_behind

LAYOUT: Final = "1"  # of the rows; raise it when their fields or formulas change, so that all are computed anew

Counts = dict[str, dict[str, int]]  # by field and topic

FIELDS = {
    "like": "countLikeContentTopic",
    "comment": "countCommentContentTopic",
    "recast": "countRecastContentTopic",
    "quote": "countQuoteContentTopic",
    "report": "countReportContentTopic",
}
ROWS_A_WRITE = 1_000


class EngagementStatistics:
    def __init__(self, store: Store) -> None:
        self._stats = store.analytics[schema.ENGAGEMENT_STATS.name]

    def put(self, rows: Iterable[tuple[ObjectId, Counts, Counts]], *, now: datetime) -> int:
        """Replace the row of each user; returns how many those were.

        rows  (user, counts, delta counts), the delta counts being part of the counts
        """
        writes = (self._replacement(*row, now) for row in rows)
        return bulk_write_behind(self._stats, writes, ROWS_A_WRITE, threads=2)

    def base_counts(self, users: Iterable[ObjectId]) -> Iterator[tuple[ObjectId, Counts]]:
        """The counts of the last full run, by user, for those of these users who have a row."""
        for user, (counts, delta_counts) in self.rows(users):
            yield user, changed(counts, delta_counts, -1) if delta_counts else counts

    def rows(self, users: Iterable[ObjectId]) -> Iterator[tuple[ObjectId, tuple[Counts, Counts]]]:
        """(counts, delta counts) by user, for those of these users who have a row, without fields without counts."""
        for ids in in_batches(users):
            yield from sound(self._stats, self._stats.find({"userId": {"$in": ids}}), _row)

    def users(self, after: ObjectId, last: ObjectId | None) -> set[ObjectId]:
        """The users with a row whose ids are above `after` and not above `last`; no upper limit for None."""
        query = {"userId": {"$gt": after} | ({"$lte": last} if last else {})}
        rows = self._stats.find(query, {"userId": 1})
        return set(sound(self._stats, rows, lambda row: needed(object_id(row.get("userId")))))

    def remove(self, users: Iterable[ObjectId]) -> int:
        """Delete the rows of these users; returns how many there were."""
        return sum(self._stats.delete_many({"userId": {"$in": ids}}).deleted_count for ids in in_batches(users))

    def prune(self, *, now: datetime) -> int:
        """Delete the rows that the full run of that moment did not write; returns how many."""
        return self._stats.delete_many({"computedAt": {"$ne": now}}).deleted_count

    def _replacement(self, user: ObjectId, counts: Counts, delta_counts: Counts, now: datetime) -> ReplaceOne[Document]:
        stamp = {"userId": user, "timestamp": now.strftime("%m/%d/%Y, %H:%M:%S"), "computedAt": now}
        row = stamp | {field: counts.get(field, {}) for field in FIELDS.values()} | {"fresh": delta_counts}
        return ReplaceOne({"userId": user}, row, upsert=True)


def _row(row: Document) -> tuple[ObjectId, tuple[Counts, Counts]]:
    counts = _counts({field: row.get(field) for field in FIELDS.values()})
    return needed(object_id(row.get("userId"))), (counts, _counts(row.get("fresh")))


def _counts(stored: Any) -> Counts:
    """The decoded counts, without empty fields; Malformed for anything else than documents of counts."""
    fields = {field: needed(as_document(topics)) for field, topics in needed(as_document(stored)).items()}
    return {field: needed(as_counts(topics)) for field, topics in fields.items() if topics}


def changed(counts: Mapping[str, Mapping[str, int]], by: Mapping[str, Mapping[str, int]], sign: int = 1) -> Counts:
    """The counts plus `by`, or minus `by` where `sign` is -1; counts that become 0 are left out.

    >>> changed({"a": {"x": 1}}, {"a": {"x": 2, "y": 1}})
    {'a': {'x': 3, 'y': 1}}
    >>> changed({"a": {"x": 3, "y": 1}}, {"a": {"y": 1}}, -1)
    {'a': {'x': 3}}
    """
    total = {field: dict(topics) for field, topics in counts.items()}
    for field, topics in by.items():
        into = total.setdefault(field, {})
        for topic, number in topics.items():
            count = into.get(topic, 0) + sign * number
            if count:
                into[topic] = count
            else:
                into.pop(topic, None)
    return total
