"""The state of the documents that a model learns from: the same state gives the same model."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo.collection import Collection

from shared.clock import EPOCH
from shared.documents import Document
from shared.store.expressions import NO_ARRAY, fingerprint, period


@dataclass(frozen=True, slots=True)
class CollectionVersion:
    """The number of documents, the moment of the latest change, None without any, and a fingerprint of all."""

    count: int
    until: datetime | None
    fingerprint: int

    @classmethod
    def read(
        cls, collection: Collection[Document], query: Document, clock: str, values: Any, *, now: datetime
    ) -> "CollectionVersion":
        """The present state of the documents of a query.

        clock   date field that says when a document changed; a date ahead of now is ignored: it would hide every change
                before it
        values  expression that the fingerprint covers
        """
        newest = collection.find_one(query | {clock: period(EPOCH, now) | NO_ARRAY}, {clock: 1}, sort=[(clock, -1)])
        total = {"_id": None, "count": {"$sum": 1}, "fingerprint": {"$sum": fingerprint(values)}}
        group = next(iter(collection.aggregate([{"$match": query}, {"$group": total}])), {})
        return cls(group.get("count", 0), newest[clock] if newest else None, group.get("fingerprint", 0))
