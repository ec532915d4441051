"""Erasures so far, as their tombstones record them; for the documents see shared/store/tombstones.py."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bson import ObjectId

from shared.clock import epoch_ms, from_epoch_ms
from shared.documents import Document
from shared.store import Store, schema
from shared.store.decoding import as_moment, name_undated, needed, own_id, sound
from shared.store.expressions import FIRST_DAY, LAST_DAY, NO_ARRAY, array

_OF_ACCOUNTS: Document = {"_id": {"$type": "objectId"}}  # without the further documents of tombstones
_NUMBER_OF_POSTS: Document = {"$size": array("$posts")}


@dataclass(frozen=True, slots=True)
class ErasureRecord:
    """One erasure.

    erased_at     when the account was erased last
    completed_at  when that had come to its end; None where it is under way, or was cut short
    posts         number of the account's posts that stay erased
    """

    account: ObjectId
    erased_at: datetime
    completed_at: datetime | None
    posts: int


class ErasureRecords:
    """Read only."""

    def __init__(self, store: Store) -> None:
        self._notes = store.analytics[schema.ERASURES.name]

    def find(self, account: ObjectId) -> ErasureRecord | None:
        """The erasure of an account; None where there was none."""
        return next(iter(self._records([{"$match": {"_id": account}}])), None)

    def newest(self, limit: int, *, after: str = "") -> tuple[Sequence[ErasureRecord], str]:
        """At most `limit` erasures, the newest first, and the place behind which the next page begins; empty at the
        end.

        after  the place behind which the list begins: a moment [ms since 1970], and how many of that moment were shown
        """
        if not after:
            name_undated(self._notes, "erasedAt")
        milliseconds, shown = map(int, after.split(".")) if after else (epoch_ms(LAST_DAY) - 1, 0)
        dated = {"erasedAt": {"$gte": FIRST_DAY, "$lte": from_epoch_ms(milliseconds)} | NO_ARRAY}
        ordered: list[Document] = [{"$match": _OF_ACCOUNTS | dated}, {"$sort": {"erasedAt": -1, "_id": -1}}]
        records = self._records([*ordered, {"$skip": shown}, {"$limit": limit + 1}])
        if len(records) <= limit:
            return records, ""
        last = epoch_ms(records[limit - 1].erased_at)
        of_last = sum(epoch_ms(record.erased_at) == last for record in records[:limit])
        return records[:limit], f"{last}.{of_last + (shown if last == milliseconds else 0)}"

    def _records(self, stages: Sequence[Document]) -> Sequence[ErasureRecord]:
        fields = {"erasedAt": 1, "completedAt": 1, "posts": _NUMBER_OF_POSTS}
        rows = self._notes.aggregate([*stages, {"$project": fields}])
        records = list(sound(self._notes, rows, _record))
        more = self._in_further_documents([record.account for record in records])
        return [
            ErasureRecord(each.account, each.erased_at, each.completed_at, each.posts + more[each.account])
            for each in records
        ]

    def _in_further_documents(self, accounts: Sequence[ObjectId]) -> Counter[ObjectId]:
        """The number of posts in the further documents of these accounts' tombstones."""
        further = {"_id": {"$in": [re.compile(f"^{account} ") for account in accounts]}}
        rows = self._notes.aggregate([{"$match": further}, {"$project": {"posts": _NUMBER_OF_POSTS}}])
        numbers = Counter[ObjectId]()
        for row in rows:
            numbers[ObjectId(row["_id"].partition(" ")[0])] += row["posts"]
        return numbers


def _record(row: Document) -> ErasureRecord:
    erased_at = needed(as_moment(row.get("erasedAt")))
    return ErasureRecord(own_id(row), erased_at, as_moment(row.get("completedAt")), int(row["posts"]))
