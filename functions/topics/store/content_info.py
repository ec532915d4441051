"""Annotations of posts: language, topics and embedding of each text, with the state of the post that they describe.

For example: {_id: ObjectId, contentId: ObjectId, language: "th", languageConfidence: 0.98, topics: [ObjectId, …],
topicScores: [{path: "sports/football", confidence: 0.71}, …], topicState: "named", vector: Binary(1024 bytes, float16),
topicEvidence: [{path: "sports/football", confidence: 0.71, phrase: "football match", similarity: 0.62, head: 0.9}, …],
textHash: "5b0c…", model: "…", clusterTime: Timestamp(1767225600, 1), contentUpdatedAt: …, updatedAt: …}

Where a person has corrected the topics, `topics`, `topicScores` and `topicState` are the person's, and `topicEvidence`
still says what the classifier found.

Of a post that is gone, withdrawn or without text, {contentId, clusterTime, contentUpdatedAt, removedAt, updatedAt}
stays until it expires, so that an older change which arrives late is recognised as older.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from bson import ObjectId, Timestamp
from pymongo import UpdateOne

from shared.change import ClusterTime, Order
from shared.documents import Document, either_form, object_id
from shared.store import Store, schema
from shared.store.batches import in_batches
from shared.store.cluster_time import has_passed
from shared.store.decoding import as_moment, as_text, needed, sound
from shared.store.expressions import NO_ARRAY, has_type
from shared.store.malformed import name_malformed
from shared.store.upserts import upsert_all


@dataclass(frozen=True, slots=True)
class StoredAnnotation:
    """The stored annotation of a post, as far as it decides whether the post has to be annotated again.

    text_hash  of the text that was annotated; None where it is missing or malformed
    model      version of the annotator; None where it is missing or malformed
    order      the state of the post that was annotated
    gone       whether the row only says that the post is gone
    """

    text_hash: str | None
    model: str | None
    order: Order
    gone: bool = False


@dataclass(frozen=True, slots=True)
class AnnotationRow:
    """A row to write: `fields` hold the annotation, the others identify the post and its state."""

    content: ObjectId
    text_hash: str
    model: str
    order: Order
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CorrectedRow:
    """Topics to write over those of the classifier, for as long as the text has this hash.

    paths  with all above them, parents before their children
    """

    content: ObjectId
    text_hash: str
    paths: Sequence[str]


class ContentInfo:
    def __init__(self, store: Store) -> None:
        self._info = store.app[schema.CONTENT_INFO.name]

    def known(self, contents: Iterable[ObjectId]) -> dict[ObjectId, StoredAnnotation]:
        """The stored annotations of these posts, by post; none for a post without a row."""
        fields = dict.fromkeys(("contentId", "textHash", "model", "clusterTime", "contentUpdatedAt", "removedAt"), 1)
        shown: Document = fields | {"isPast": has_passed("$clusterTime")}
        rows = (row for ids in in_batches(contents) for row in self._info.find({"contentId": {"$in": ids}}, shown))
        return dict(sound(self._info, rows, self._annotation))

    def put(self, rows: Sequence[AnnotationRow], *, now: datetime) -> int:
        """Write these annotations, except where the stored one is of the same or a newer state; returns how many."""
        return self._replace([(row.content, row.order, _annotated(row, now)) for row in rows])

    def correct(self, rows: Sequence[CorrectedRow], topic_ids: Mapping[str, ObjectId], *, now: datetime) -> int:
        """Write these topics where the stored annotation is of that text and has others; returns how many changed."""
        writes = []
        for row in rows:
            topics: Document = {
                "topics": [topic_ids[path] for path in row.paths],
                "topicScores": [{"path": path, "confidence": 1.0} for path in row.paths],
                "topicState": "named" if row.paths else "none",
            }
            query = {"contentId": row.content, "textHash": row.text_hash, "$nor": [topics]}
            writes.append(UpdateOne(query, {"$set": topics | {"updatedAt": now}}))
        return self._info.bulk_write(writes, ordered=False).modified_count if writes else 0

    def withdraw(self, posts: Mapping[ObjectId, Order], *, now: datetime) -> int:
        """Replace the annotations of these posts by a row that only says that they are gone, except where the stored
        row is of the same or a newer state; returns how many."""
        gone = {"removedAt": now, "updatedAt": now}
        return self._replace([(post, order, gone) for post, order in posts.items()])

    def confirm(self, posts: Mapping[ObjectId, tuple[str, Order]]) -> bool:
        """Record a later state of each post in which the text, by its hash, is still the same.

        Returns False where a stored text has changed meanwhile, so that the posts have to be annotated again.
        """
        writes = [
            UpdateOne({"contentId": post, "textHash": text_hash}, [{"$replaceWith": _if_newer(order, "$$ROOT", {})}])
            for post, (text_hash, order) in posts.items()
        ]
        return not writes or self._info.bulk_write(writes, ordered=False).matched_count == len(writes)

    def remove(self, posts: Iterable[ObjectId]) -> int:
        """Delete all rows of these posts, also those that only say that a post is gone; returns how many."""
        rows = (self._info.delete_many({"contentId": {"$in": either_form(ids)}}) for ids in in_batches(posts))
        return sum(deleted.deleted_count for deleted in rows)

    def kept(self, size: int, before: ObjectId | None) -> list[ObjectId]:
        """The next posts with an annotation, in descending order of their ids.

        size    posts at most
        before  ids below this one only; None to begin with the newest
        """
        query: Document = {"contentId": ({"$lt": before} if before else {"$type": "objectId"}) | NO_ARRAY}
        query |= {"removedAt": {"$exists": False}}
        rows = self._info.find(query, {"contentId": 1, "_id": 0}).sort("contentId", -1).limit(size)
        return list(sound(self._info, rows, _content))

    def under_text(self, size: int) -> list[ObjectId]:
        """At most `size` posts of which another program has written rows under their ids as text."""
        rows = self._info.find({"contentId": {"$type": "string"}}, {"contentId": 1})
        ids = (object_id(row["contentId"]) for row in rows)
        return list(islice((post for post in ids if post is not None), size))

    def remove_under_text(self, posts: Iterable[ObjectId]) -> int:
        """Delete the rows of these posts under their ids as text; returns how many."""
        batches = ([form for form in either_form(ids) if isinstance(form, str)] for ids in in_batches(posts))
        return sum(self._info.delete_many({"contentId": {"$in": forms}}).deleted_count for forms in batches)

    def _annotation(self, row: Document) -> tuple[ObjectId, StoredAnnotation]:
        """The post and its annotation; a malformed field becomes None, so that the post is annotated again."""
        time, updated_at = row.get("clusterTime"), as_moment(row.get("contentUpdatedAt"))
        at = ClusterTime(time.time, time.inc) if isinstance(time, Timestamp) and row["isPast"] else None
        text_hash, model = as_text(row.get("textHash")), as_text(row.get("model"))
        decoded = {"clusterTime": at, "contentUpdatedAt": updated_at, "textHash": text_hash, "model": model}
        if any(value is None and row.get(name) is not None for name, value in decoded.items()):
            name_malformed(self._info.name, row["_id"])
        return _content(row), StoredAnnotation(
            text_hash, model, Order(at or ClusterTime(0, 0), updated_at), "removedAt" in row
        )

    def _replace(self, rows: list[tuple[ObjectId, Order, Document]]) -> int:
        """Upsert each row by one guarded update inside the server, which may run twice, late and beside others.

        Rows that another program wrote of these posts, under their ids as text, are deleted. Returns how many rows
        changed.
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


def _annotated(row: AnnotationRow, now: datetime) -> Document:
    return {**row.fields, "textHash": row.text_hash, "model": row.model, "updatedAt": now}


def _if_newer(order: Order, base: Any, fields: Document) -> Document:
    """`base` with these fields and this state where the state is newer than the stored one, else the stored row."""
    state = {"clusterTime": Timestamp(*order.cluster_time), "contentUpdatedAt": order.updated_at}
    new = {"$mergeObjects": [base, {"$literal": fields | state}]}
    return {"$cond": [_is_newer(order), new, "$$ROOT"]}


def _is_newer(order: Order) -> Document:
    """`Order.is_after` inside the server: whether this state is surely newer than the stored one; true where the stored
    cluster time is malformed."""
    at, stored = Timestamp(*order.cluster_time), "$contentUpdatedAt"
    dated = [has_type(stored, "date"), {"$gt": [order.updated_at, stored]}]
    same = {"$and": [{"$eq": [at, "$clusterTime"]}, *dated]}
    return {"$or": [{"$not": [has_passed("$clusterTime")]}, {"$gt": [at, "$clusterTime"]}, same]}
