"""The hierarchy of topics.

For example: {_id: ObjectId, path: "sports/football", slug: "football", name: "Football", iab: "533",
parents: [{_id: ObjectId, slug: "sports"}], children: [], createdAt: …, updatedAt: …}

The key is the path: one slug may have two parents. Readers follow the ids. A topic is among the children of its parent
as long as it is stored at all.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo import UpdateOne

from shared.documents import Document, object_id
from shared.store import Store, schema
from shared.store.decoding import as_text, needed, sound
from shared.store.expressions import fingerprint
from shared.store.upserts import upsert_all


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
