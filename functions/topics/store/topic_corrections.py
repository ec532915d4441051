"""Topics that people have chosen for posts: `topicCorrections`.

For example: {_id: ObjectId, contentId: ObjectId, topics: ["sports/football"], textHash: "5b0c…", language: "en",
by: "lee@example.org", reason: "is about the match", updatedAt: …}

The text itself is not stored: it is read from the post as long as it may be shown and its hash is the same.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from bson import ObjectId
from pymongo import ASCENDING, DESCENDING, UpdateOne

from shared.clock import EPOCH
from shared.documents import Document, object_id
from shared.store import Store, schema
from shared.store.batches import in_batches
from shared.store.decoding import as_list, as_moment, as_text, needed, optional, sound
from shared.store.expressions import period
from shared.store.upserts import guarded_upsert


@dataclass(frozen=True, slots=True)
class Correction:
    """The topics of a post as a person chose them.

    topics     paths of the taxonomy, none of which is above another; none for a post that is about no topic
    text_hash  of the text that was read
    language   ISO 639-1 code; None where it is not known
    by         member of the console
    reason     as it was typed; empty for none
    """

    post: ObjectId
    topics: tuple[str, ...]
    text_hash: str
    language: str | None
    by: str
    reason: str
    updated_at: datetime

    def says_the_same(self, other: "Correction | None") -> bool:
        """Whether the other one is the same choice of the same person for the same text."""
        return other is not None and (self.topics, self.text_hash, self.by) == (other.topics, other.text_hash, other.by)


class TopicCorrections:
    """One correction for each post, the last one."""

    def __init__(self, store: Store) -> None:
        self._corrections = store.analytics[schema.TOPIC_CORRECTIONS.name]

    def put(self, correction: Correction, *, instead_of: Correction | None) -> bool:
        """Write a correction; whether that of its post still was `instead_of`, so that it was written."""
        fields = {
            "topics": list(correction.topics),
            "textHash": correction.text_hash,
            "language": correction.language,
            "by": correction.by,
            "reason": correction.reason,
            "updatedAt": correction.updated_at,
        }
        # One without a date is malformed, and as good as none.
        stamp = instead_of.updated_at if instead_of else {"$not": {"$type": "date"}}
        query = {"contentId": correction.post, "updatedAt": stamp}
        write = UpdateOne(query, {"$set": fields}, upsert=instead_of is None)
        return guarded_upsert(self._corrections, [write]) > 0

    def of(self, posts: Iterable[ObjectId]) -> dict[ObjectId, Correction]:
        """The corrections of these posts, by post; none for a post that nobody has corrected."""
        rows = (row for ids in in_batches(posts) for row in self._corrections.find({"contentId": {"$in": ids}}))
        return {correction.post: correction for correction in sound(self._corrections, rows, _correction)}

    def newest(self, limit: int, *, now: datetime) -> list[Correction]:
        """At most `limit` corrections until now, the last one first."""
        rows = (
            self._corrections.find({"updatedAt": period(EPOCH, now)})
            .sort([("updatedAt", DESCENDING), ("_id", ASCENDING)])
            .limit(limit)
        )
        return list(sound(self._corrections, rows, _correction))

    def posts(self) -> Iterator[ObjectId]:
        """The posts that have a correction."""
        rows = self._corrections.find({}, {"contentId": 1, "_id": 0}).sort("contentId", ASCENDING)
        return (post for row in rows if (post := object_id(row.get("contentId"))) is not None)

    def remove(self, posts: Iterable[ObjectId]) -> int:
        """Delete the corrections of these posts; returns how many."""
        rows = (self._corrections.delete_many({"contentId": {"$in": ids}}) for ids in in_batches(posts))
        return sum(deleted.deleted_count for deleted in rows)


def _correction(row: Document) -> Correction:
    return Correction(
        post=needed(object_id(row.get("contentId"))),
        topics=tuple(needed(as_text(path)) for path in needed(as_list(row.get("topics")))),
        text_hash=needed(as_text(row.get("textHash"))),
        language=optional(row.get("language"), as_text),
        by=needed(as_text(row.get("by"))),
        reason=as_text(row.get("reason")) or "",
        updated_at=needed(as_moment(row.get("updatedAt"))),
    )
