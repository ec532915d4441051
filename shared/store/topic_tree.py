"""The hierarchy of topics.

For example: {_id: ObjectId, path: "sports/football", slug: "football", name: "Football", iab: "533",
parents: [{_id: ObjectId, slug: "sports"}], children: [], createdAt: …, updatedAt: …}

The key is the path: one slug may stand under two parents. Readers follow the ids. A topic stands among the children of
its parent as long as it stands here at all.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo import UpdateOne
from pymongo.database import Database

from shared.documents import Document, object_id
from shared.store import schema
from shared.store.decoding import as_text, needed, sound
from shared.store.expressions import fingerprint
from shared.store.upserts import upsert_all


class TopicTree:
    def __init__(self, analytics: Database[Document]) -> None:
        self._topics = analytics[schema.TOPICS.name]

    def resolve(self, wanted: Mapping[str, Mapping[str, Any]], *, now: datetime) -> dict[str, ObjectId]:
        """Make the tree hold these topics, and return the id of each path, but for one that is there under no id.

        wanted  what each path, such as "sports/football", shall say beside its place: {"name": …, "iab": …}; every
                parent is a path too
        Only what differs is written, so repeating it writes nothing, and a run that was cut short is completed by the
        next. Topics that are there and not wanted stay children of their parents, so that processes of two taxonomies
        come to the same tree instead of writing it back and forth.
        """
        self._write({path: {"slug": _slug(path), **fields} for path, fields in wanted.items()}, now)
        ids = {path: key for path, topic in self._found().items() if (key := object_id(topic["_id"])) is not None}
        self._write({path: _relatives(path, ids) for path in wanted}, now)
        return {path: ids[path] for path in wanted if path in ids}

    def fingerprint(self) -> int:
        """Another number where a topic has come, gone, or got another path or id."""
        named = {"path": "$path", "id": "$_id"}
        total = {"$group": {"_id": None, "sum": {"$sum": fingerprint(named)}}}
        found = list(self._topics.aggregate([{"$match": {"path": {"$exists": True}}}, total]))
        return int(found[0]["sum"]) if found else 0

    def _write(self, wanted: Mapping[str, Document], now: datetime) -> None:
        found = self._found()
        writes = [
            UpdateOne({"path": path}, {"$set": {**fields, "updatedAt": now}, "$setOnInsert": {"createdAt": now}}, True)
            for path, fields in wanted.items()
            if any(found.get(path, {}).get(name) != value for name, value in fields.items())
        ]
        upsert_all(self._topics, writes)

    def _found(self) -> dict[str, Document]:
        topics = self._topics.find({"path": {"$exists": True}})
        return dict(sound(self._topics, topics, lambda topic: (needed(as_text(topic["path"])), topic)))


def _slug(path: str) -> str:
    return path.rpartition("/")[2]


def _relatives(path: str, ids: Mapping[str, ObjectId]) -> Document:
    above, _, _ = path.rpartition("/")
    below = sorted(one for one in ids if one.rpartition("/")[0] == path)
    return {
        "parents": [_named(above, ids)] if above in ids else [],
        "children": [_named(one, ids) for one in below],
    }


def _named(path: str, ids: Mapping[str, ObjectId]) -> Document:
    return {"_id": ids[path], "slug": _slug(path)}
