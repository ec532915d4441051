"""Posts of the application; read only.

For example: {_id: ObjectId, author: {id: ObjectId, …}, type: "short", visibility: "publish", payload: {message: "#goal"},
engagements: {like: {count: 3}, …}, createdAt: …, updatedAt: …}
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo.database import Database

from shared.store import schema
from shared.store.expressions import ENGAGEMENTS

Document = dict[str, Any]

PUBLISHED = "publish"
IDS_A_BATCH = 10_000


def _not(kind: str, path: str) -> Document:
    """Present, not null, and not of that BSON type."""
    return {path: {"$ne": None, "$not": {"$type": kind}}}


_MALFORMED: list[Document] = [
    {"createdAt": {"$not": {"$type": "date"}}},
    {"updatedAt": {"$not": {"$type": "date"}}},
    {"author.id": {"$not": {"$type": "objectId"}}},
    _not("string", "payload.message"),
    {"payload.photo.contents": {"$exists": True}, "$expr": {"$not": [{"$isArray": "$payload.photo.contents"}]}},
    *(_not("number", f"engagements.{kind}.count") for kind in ENGAGEMENTS),
    *({f"engagements.{kind}.count": {"$lt": 0}} for kind in ENGAGEMENTS),
    *({f"engagements.{kind}.count": float("nan")} for kind in ENGAGEMENTS),
]


class Contents:
    def __init__(self, app: Database[Document], analytics: Database[Document]) -> None:
        self._contents = app[schema.CONTENTS.name]
        self._stats = analytics[schema.CONTENT_STATS.name]

    def published(self, start: datetime, clock: str, *, changed_since: datetime | None = None) -> int:
        """How many published posts a window that begins at `start` holds; `clock` is the date field that counts."""
        return self._contents.count_documents(in_window(start, clock, changed_since))

    def malformed(self, changed_since: datetime | None) -> list[ObjectId]:
        """Published posts with a field of the wrong type or an impossible count."""
        changed = {} if changed_since is None else {"updatedAt": {"$gte": changed_since}}
        query = {"visibility": PUBLISHED, "$or": _MALFORMED} | changed
        return [post["_id"] for post in self._contents.find(query, {"_id": 1})]

    def withdrawn_since(self, moment: datetime) -> Iterator[list[ObjectId]]:
        """Posts touched since then that are not published, in batches."""
        query = {"updatedAt": {"$gte": moment}, "visibility": {"$ne": PUBLISHED}}
        return in_batches(post["_id"] for post in self._contents.find(query, {"_id": 1}))

    def authors_touched(self, since: datetime, gone_from: datetime, gone_to: datetime, clock: str) -> set[ObjectId]:
        """Authors of posts that changed since then, or whose age left the window between the last run and this one."""
        touched = [
            {"updatedAt": {"$gte": since}},
            {"visibility": PUBLISHED, clock: {"$gte": gone_from, "$lt": gone_to}},
        ]
        found = set()
        for query in touched:
            found.update(group["_id"] for group in self._contents.aggregate(_distinct("author.id", query)))
        return {author for author in found if isinstance(author, ObjectId)}


def _distinct(path: str, query: Document) -> list[Document]:
    """As a cursor: the driver's `distinct` answers in one document and fails above 16 MB."""
    return [{"$match": query}, {"$group": {"_id": f"${path}"}}]


def in_window(start: datetime, clock: str, changed_since: datetime | None = None) -> Document:
    """The query for published posts of a window, and of those only what changed."""
    query: Document = {"visibility": PUBLISHED, clock: {"$gte": start}}
    return query if changed_since is None else query | {"updatedAt": {"$gte": changed_since}}


def in_batches(ids: Iterable[ObjectId]) -> Iterator[list[ObjectId]]:
    """Lists short enough to stand in one command."""
    batch: list[ObjectId] = []
    for one in ids:
        batch.append(one)
        if len(batch) == IDS_A_BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
