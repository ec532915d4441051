"""How often each user engaged with each topic, by kind of engagement.

For example: {userId: ObjectId, countLikeContentTopic: {"6a01…": 3}, countCommentContentTopic: {},
countRecastContentTopic: {}, countQuoteContentTopic: {}, countReportContentTopic: {}, timestamp: "01/31/2026, 13:00:00",
computedAt: …, fresh: {countLikeContentTopic: {"6a01…": 1}}}

`fresh` is the part of the counts that came since the last full run; all else is settled. `timestamp` is UTC, in
the form that other programs read.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any, Final

from bson import ObjectId
from pymongo import ReplaceOne
from pymongo.database import Database

from shared.documents import Document, object_id
from shared.store import schema
from shared.store.batches import in_batches
from shared.store.decoding import as_counts, as_document, needed, sound
from shared.store.write_behind import WriteBehind

LAYOUT: Final = "1"  # of the rows: raised with what stands in them or how it is computed, so that all are made anew
Counts = dict[str, dict[str, int]]

FIELDS = {
    "like": "countLikeContentTopic",
    "comment": "countCommentContentTopic",
    "recast": "countRecastContentTopic",
    "quote": "countQuoteContentTopic",
    "report": "countReportContentTopic",
}
ROWS_A_WRITE = 1_000


class EngagementStatistics:
    def __init__(self, analytics: Database[Document]) -> None:
        self._stats = analytics[schema.ENGAGEMENT_STATS.name]

    def put(self, rows: Iterable[tuple[ObjectId, Counts, Counts]], *, now: datetime) -> int:
        """Replace the row of each (user, counts, fresh counts) and return how many those were."""
        ahead, written = WriteBehind(threads=2), 0
        rows = iter(rows)
        while batch := [self._replacement(*row, now) for row in islice(rows, ROWS_A_WRITE)]:
            ahead(self._stats.bulk_write, batch, ordered=False)
            written += len(batch)
        ahead.finish()
        return written

    def settled(self, users: Iterable[ObjectId]) -> Iterator[tuple[ObjectId, Counts]]:
        """What the last full run counted, for those of `users` who have a row."""
        for user, (counts, fresh) in self.rows(users):
            yield user, changed(counts, fresh, -1) if fresh else counts

    def rows(self, users: Iterable[ObjectId]) -> Iterator[tuple[ObjectId, tuple[Counts, Counts]]]:
        """(counts, fresh counts) of those of `users` who have a row, without fields that count nothing."""
        for ids in in_batches(users):
            yield from sound(self._stats, self._stats.find({"userId": {"$in": ids}}), _row)

    def users(self, after: ObjectId, last: ObjectId | None) -> set[ObjectId]:
        """Who has a row, of the users behind the one and up to the other, all of them for None."""
        query = {"userId": {"$gt": after} | ({"$lte": last} if last else {})}
        return {row["userId"] for row in self._stats.find(query, {"_id": 0, "userId": 1})}

    def remove(self, users: Iterable[ObjectId]) -> int:
        """Delete the rows of these users and return how many there were."""
        return sum(self._stats.delete_many({"userId": {"$in": ids}}).deleted_count for ids in in_batches(users))

    def prune(self, *, now: datetime) -> int:
        """Delete the rows that the full run of that moment did not write; returns how many."""
        return self._stats.delete_many({"computedAt": {"$ne": now}}).deleted_count

    def _replacement(self, user: ObjectId, counts: Counts, fresh: Counts, now: datetime) -> ReplaceOne[Document]:
        stamp = {"userId": user, "timestamp": now.strftime("%m/%d/%Y, %H:%M:%S"), "computedAt": now}
        row = stamp | {field: counts.get(field, {}) for field in FIELDS.values()} | {"fresh": fresh}
        return ReplaceOne({"userId": user}, row, upsert=True)


def _row(row: Document) -> tuple[ObjectId, tuple[Counts, Counts]]:
    counts = _counts({field: row.get(field) for field in FIELDS.values()})
    return needed(object_id(row.get("userId"))), (counts, _counts(row.get("fresh")))


def _counts(stored: Any) -> Counts:
    """By field and topic; Malformed for anything else."""
    topics = {field: needed(as_document(of)) for field, of in needed(as_document(stored)).items()}
    return {field: needed(as_counts(of)) for field, of in topics.items() if of}


def changed(counts: Mapping[str, Mapping[str, int]], by: Mapping[str, Mapping[str, int]], sign: int = 1) -> Counts:
    """The counts with others added, or taken away where `sign` is -1; what comes to nothing is left out.

    >>> changed({"a": {"x": 1}}, {"a": {"x": 2, "y": 1}})
    {'a': {'x': 3, 'y': 1}}
    >>> changed({"a": {"x": 3, "y": 1}}, {"a": {"y": 1}}, -1)
    {'a': {'x': 3}}
    """
    total = {field: dict(topics) for field, topics in counts.items()}
    for field, topics in by.items():
        into = total.setdefault(field, {})
        for topic, number in topics.items():
            left = into.get(topic, 0) + sign * number
            if left:
                into[topic] = left
            else:
                into.pop(topic, None)
    return total
