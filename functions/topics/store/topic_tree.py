"""The hierarchy of topics.

For example: {_id: ObjectId, path: "sports/football", slug: "football", name: "Football", iab: "533",
parents: [{_id: ObjectId, slug: "sports"}], children: [], createdAt: …, updatedAt: …,
posts: {recent: 120, before: 100, hours: 168, asOf: …}}; `posts` is written by `TopicCounts`.

The key is the path: one slug may have two parents. Readers follow the ids. A topic is among the children of its parent
as long as it is stored at all.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from bson import ObjectId
from pymongo import UpdateOne

from shared.documents import Document, object_id
from shared.store import Store, schema
from shared.store.decoding import as_count, as_document, as_moment, as_text, first_sound, needed, own_id, sound
from shared.store.expressions import fingerprint
from shared.store.upserts import upsert_all

MAX_TOPICS: Final = 1_000  # that are read at once; the taxonomy has fewer


@dataclass(frozen=True, slots=True)
class PostCounts:
    """How many posts a topic, with all below it, had in the window until `as_of`, and in the one before it.

    window  length of each
    """

    recent: int
    before: int
    window: timedelta
    as_of: datetime


@dataclass(frozen=True, slots=True)
class StoredTopic:
    """A topic.

    name    as people read it; its path where it has none
    counts  None where they were not counted yet
    """

    id: ObjectId
    path: str
    name: str
    counts: PostCounts | None

    @property
    def level(self) -> int:
        """How many topics are above it."""
        return self.path.count("/")


class TopicTree:
    def __init__(self, store: Store) -> None:
        self._topics = store.analytics[schema.TOPICS.name]

    def resolve(self, topics: Mapping[str, Mapping[str, Any]], *, now: datetime) -> dict[str, ObjectId]:
        """Write these topics into the tree; returns the id of each path, without one whose stored `_id` is no id.

        topics  by path, such as "sports/football", the fields beside its place: {"name": …, "iab": …}; every parent is
                a path too
        Only differences are written, so that repeating it writes nothing, and a run that was cut short is completed by
        the next. Stored topics that are not among these stay children of their parents, so that processes with two
        taxonomies agree on one tree instead of overwriting each other's.
        """
        self._write({path: {"slug": _slug(path), **fields} for path, fields in topics.items()}, now)
        ids = {path: key for path, topic in self._stored().items() if (key := object_id(topic["_id"])) is not None}
        self._write({path: _relatives(path, ids) for path in topics}, now)
        return {path: ids[path] for path in topics if path in ids}

    def all(self) -> list[StoredTopic]:
        """The topics in the order of their paths, each parent before its children."""
        rows = self._topics.find({"path": {"$exists": True}}).sort("path", 1)
        return sorted(first_sound(self._topics, rows, _topic, MAX_TOPICS), key=lambda topic: topic.path.split("/"))

    def fingerprint(self) -> int:
        """A number that changes when a topic is added or removed, or gets another path or id."""
        named = {"path": "$path", "id": "$_id"}
        total = {"$group": {"_id": None, "sum": {"$sum": fingerprint(named)}}}
        groups = list(self._topics.aggregate([{"$match": {"path": {"$exists": True}}}, total]))
        return int(groups[0]["sum"]) if groups else 0

    def _write(self, topics: Mapping[str, Document], now: datetime) -> None:
        """Set the fields of each path that differ from the stored ones."""
        stored = self._stored()
        writes = [
            UpdateOne({"path": path}, {"$set": {**fields, "updatedAt": now}, "$setOnInsert": {"createdAt": now}}, True)
            for path, fields in topics.items()
            if any(stored.get(path, {}).get(name) != value for name, value in fields.items())
        ]
        upsert_all(self._topics, writes)

    def _stored(self) -> dict[str, Document]:
        """The stored topics by path."""
        topics = self._topics.find({"path": {"$exists": True}})
        return dict(sound(self._topics, topics, lambda topic: (needed(as_text(topic["path"])), topic)))


def _topic(row: Document) -> StoredTopic:
    path = needed(as_text(row.get("path")))
    return StoredTopic(
        own_id(row), path, as_text(row.get("name")) or path, _counts(as_document(row.get("posts")) or {})
    )


def _counts(posts: Document) -> PostCounts | None:
    """None for counts that are missing or malformed."""
    recent, before, hours = (as_count(posts.get(name)) for name in ("recent", "before", "hours"))
    as_of = as_moment(posts.get("asOf"))
    if recent is None or before is None or hours is None or as_of is None:
        return None
    return PostCounts(recent, before, timedelta(hours=min(hours, 10_000)), as_of)


def _slug(path: str) -> str:
    return path.rpartition("/")[2]


def _relatives(path: str, ids: Mapping[str, ObjectId]) -> Document:
    parent, _, _ = path.rpartition("/")
    children = sorted(other for other in ids if other.rpartition("/")[0] == path)
    return {
        "parents": [_named(parent, ids)] if parent in ids else [],
        "children": [_named(child, ids) for child in children],
    }


def _named(path: str, ids: Mapping[str, ObjectId]) -> Document:
    return {"_id": ids[path], "slug": _slug(path)}
