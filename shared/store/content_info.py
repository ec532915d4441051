"""What is known of the text of each post, and which state of the post that is.

For example: {_id: ObjectId, contentId: ObjectId, language: "th", languageConfidence: 0.98, topics: [ObjectId, …],
topicScores: [{path: "sports/football", confidence: 0.71}, …], topicState: "named", vector: Binary(1024 bytes, float16),
textHash: "5b0c…", model: "…", clusterTime: Timestamp(1767225600, 1), contentUpdatedAt: …, updatedAt: …}

A post that is gone, withdrawn or without text leaves {contentId, clusterTime, contentUpdatedAt, removedAt, updatedAt},
so that an older change which comes late finds out; it ages out.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from bson import ObjectId, Timestamp
from pymongo import UpdateOne
from pymongo.database import Database

from shared.change import ClusterTime, Order
from shared.documents import Document, either_form, object_id
from shared.store import schema
from shared.store.batches import in_batches
from shared.store.cluster_time import has_passed
from shared.store.decoding import as_moment, as_text, needed, sound
from shared.store.expressions import NO_ARRAY, has_type
from shared.store.malformed import name_malformed
from shared.store.upserts import upsert_all


@dataclass(frozen=True, slots=True)
class StoredAnnotation:
    """What was made of a post: of which text, in which state of the post, by which model; or that it is gone."""

    text_hash: str | None
    model: str | None
    order: Order
    gone: bool = False


@dataclass(frozen=True, slots=True)
class AnnotationRow:
    """A row to write: `fields` are those of the description, beside what identifies the state of the post."""

    content: ObjectId
    text_hash: str
    model: str
    order: Order
    fields: Mapping[str, Any]


class ContentInfo:
    def __init__(self, app: Database[Document]) -> None:
        self._info = app[schema.CONTENT_INFO.name]

    def known(self, contents: Iterable[ObjectId]) -> dict[ObjectId, StoredAnnotation]:
        """What is known of these posts."""
        fields = dict.fromkeys(("contentId", "textHash", "model", "clusterTime", "contentUpdatedAt", "removedAt"), 1)
        shown: Document = fields | {"isPast": has_passed("$clusterTime")}
        found = (row for ids in in_batches(contents) for row in self._info.find({"contentId": {"$in": ids}}, shown))
        return dict(sound(self._info, found, self._known))

    def put(self, rows: Sequence[AnnotationRow], *, now: datetime) -> int:
        """Write what was found out, but for posts of which a state is known that is not older; returns how many."""
        return self._replace([(row.content, row.order, _described(row, now)) for row in rows])

    def withdraw(self, posts: Mapping[ObjectId, Order], *, now: datetime) -> int:
        """Leave nothing of these posts but that they are gone, unless a state is known that is not older; returns how
        many."""
        gone = {"removedAt": now, "updatedAt": now}
        return self._replace([(post, order, gone) for post, order in posts.items()])

    def confirm(self, posts: Mapping[ObjectId, tuple[str, Order]]) -> bool:
        """The text, by its hash, is still the same in this later state of each post; False where one has changed
        meanwhile, so that it must be looked at again."""
        writes = [
            UpdateOne({"contentId": post, "textHash": text_hash}, [{"$replaceWith": _if_newer(order, "$$ROOT", {})}])
            for post, (text_hash, order) in posts.items()
        ]
        return not writes or self._info.bulk_write(writes, ordered=False).matched_count == len(writes)

    def remove(self, posts: Iterable[ObjectId]) -> int:
        """Keep nothing of these posts, not even that they are gone; returns how many rows there were."""
        rows = (self._info.delete_many({"contentId": {"$in": either_form(ids)}}) for ids in in_batches(posts))
        return sum(deleted.deleted_count for deleted in rows)

    def kept(self, size: int, before: ObjectId | None) -> list[ObjectId]:
        """The next posts of which something is kept, in order of their ids, the newest first."""
        query: Document = {"contentId": ({"$lt": before} if before else {"$type": "objectId"}) | NO_ARRAY}
        query |= {"removedAt": {"$exists": False}}
        found = self._info.find(query, {"contentId": 1, "_id": 0}).sort("contentId", -1).limit(size)
        return list(sound(self._info, found, _content))

    def under_text(self, size: int) -> list[ObjectId]:
        """Posts of which another program keeps something under their ids as text; at most so many."""
        found = self._info.find({"contentId": {"$type": "string"}}, {"contentId": 1})
        ids = (object_id(row["contentId"]) for row in found)
        return list(islice((one for one in ids if one is not None), size))

    def remove_under_text(self, posts: Iterable[ObjectId]) -> int:
        """Keep nothing of these posts under their ids as text; returns how many rows there were."""
        forms = ([form for form in either_form(ids) if isinstance(form, str)] for ids in in_batches(posts))
        return sum(self._info.delete_many({"contentId": {"$in": some}}).deleted_count for some in forms)

    def _known(self, row: Document) -> tuple[ObjectId, StoredAnnotation]:
        """What is not what it should be counts as unknown, so that the post is described anew."""
        time, updated_at = row.get("clusterTime"), as_moment(row.get("contentUpdatedAt"))
        at = ClusterTime(time.time, time.inc) if isinstance(time, Timestamp) and row["isPast"] else None
        text_hash, model = as_text(row.get("textHash")), as_text(row.get("model"))
        said = {"clusterTime": at, "contentUpdatedAt": updated_at, "textHash": text_hash, "model": model}
        if any(value is None and row.get(name) is not None for name, value in said.items()):
            name_malformed(self._info.name, row["_id"])
        return _content(row), StoredAnnotation(
            text_hash, model, Order(at or ClusterTime(0, 0), updated_at), "removedAt" in row
        )

    def _replace(self, rows: list[tuple[ObjectId, Order, Document]]) -> int:
        """One guarded upsert each, decided and done inside the server: it may run twice, late and beside others.

        What another program wrote of these posts, under their ids as text, goes.
        """
        writes = [
            UpdateOne(
                {"contentId": post},
                [{"$replaceWith": _if_newer(order, {"_id": "$_id"}, {"contentId": post, **fields})}],
                upsert=True,
            )
            for post, order, fields in rows
        ]
        changed = upsert_all(self._info, writes)
        if writes:
            self.remove_under_text(post for post, *_ in rows)
        return changed


def _content(row: Document) -> ObjectId:
    return needed(object_id(row.get("contentId")))


def _described(row: AnnotationRow, now: datetime) -> Document:
    return {**row.fields, "textHash": row.text_hash, "model": row.model, "updatedAt": now}


def _if_newer(order: Order, base: Any, fields: Document) -> Document:
    """These fields of this state over `base`, or the row as it is."""
    state = {"clusterTime": Timestamp(*order.cluster_time), "contentUpdatedAt": order.updated_at}
    new = {"$mergeObjects": [base, {"$literal": fields | state}]}
    return {"$cond": [_is_newer(order), new, "$$ROOT"]}


def _is_newer(order: Order) -> Document:
    """`Order.is_after` inside the server: whether this state is surely newer than the one that is kept, or than one
    whose time is damaged."""
    at, kept = Timestamp(*order.cluster_time), "$contentUpdatedAt"
    dated = [has_type(kept, "date"), {"$gt": [order.updated_at, kept]}]
    same = {"$and": [{"$eq": [at, "$clusterTime"]}, *dated]}
    return {"$or": [{"$not": [has_passed("$clusterTime")]}, {"$gt": [at, "$clusterTime"]}, same]}
