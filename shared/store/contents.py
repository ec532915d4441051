"""Posts of the application; read only.

For example: {_id: ObjectId, author: {id: ObjectId, …}, type: "short", visibility: "publish",
payload: {message: "#goal"}, engagements: {like: {count: 3}, …}, createdAt: …, updatedAt: …}
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, TypeVar

from bson import ObjectId
from pymongo.database import Database

from shared.change import ClusterTime, Order
from shared.store import schema
from shared.store.cluster_time import cluster_time
from shared.store.expressions import ENGAGEMENTS, LAST_DAY, count, has_type, is_count, is_moment, object_id, optional

Document = dict[str, Any]
Id = TypeVar("Id")

PUBLISHED = "publish"
IDS_A_BATCH = 10_000
_STATE = {"visibility": 1, "payload.message": 1, "updatedAt": 1}

_SOUND = (
    has_type("$_id", "objectId"),
    is_moment("$createdAt"),
    is_moment("$updatedAt"),
    has_type("$author.id", "objectId"),
    optional("$payload.message", has_type("$payload.message", "string")),
    optional("$payload.photo.contents", has_type("$payload.photo.contents", "array")),
    *(optional(f"$engagements.{kind}.count", is_count(f"$engagements.{kind}.count")) for kind in ENGAGEMENTS),
)


class Contents:
    def __init__(self, app: Database[Document], analytics: Database[Document]) -> None:
        self._contents = app[schema.CONTENTS.name]
        self._stats = analytics[schema.CONTENT_STATS.name]

    def published(self, start: datetime, clock: str, *, changed_since: datetime | None = None) -> int:
        """How many published posts a window that begins at `start` holds; `clock` is the date field that counts."""
        return self._contents.count_documents(in_window(start, clock, changed_since))

    def malformed(self, changed_since: datetime | None) -> list[Any]:
        """Published posts with a field of the wrong type or an impossible count."""
        changed = {} if changed_since is None else {"updatedAt": {"$gte": changed_since}}
        query = {"visibility": PUBLISHED, "$expr": {"$not": [{"$and": _SOUND}]}} | changed
        return [post["_id"] for post in self._contents.find(query, {"_id": 1})]

    def withdrawn_since(self, moment: datetime) -> Iterator[list[ObjectId]]:
        """Posts touched since then that are not published, in batches."""
        query = {"updatedAt": {"$gte": moment}, "visibility": {"$ne": PUBLISHED}}
        return in_batches(post["_id"] for post in self._contents.find(query, {"_id": 1}))

    def now(self, posts: Iterable[ObjectId]) -> dict[ObjectId, tuple[Order, Document | None]]:
        """Each post as it is: in which state, and its visibility, message and date; None where there is no such post.

        The state has the cluster time of the moment before the read, so that no later change is taken for an older one.
        """
        found: dict[ObjectId, tuple[Order, Document | None]] = {}
        for ids in in_batches(posts):
            with self._contents.database.client.start_session() as session:
                before = cluster_time(session)
                at = ClusterTime(before.time, before.inc)
                rows = {row["_id"]: row for row in self._contents.find({"_id": {"$in": ids}}, _STATE, session=session)}
            found |= {post: (Order.of(at, rows.get(post)), rows.get(post)) for post in ids}
        return found

    def popularity(self, ids: Iterable[ObjectId]) -> dict[ObjectId, tuple[datetime, float]]:
        """When each of these posts was made and how many engagements it has; of published ones only."""
        counts = {"$add": [count(f"$engagements.{kind}.count") for kind in ENGAGEMENTS]}
        shown = {"createdAt": 1, "acts": counts}
        found: dict[ObjectId, tuple[datetime, float]] = {}
        for some in in_batches(ids):
            query = {"_id": {"$in": some}, "visibility": PUBLISHED, "createdAt": {"$type": "date"}}
            rows = self._contents.find(query, shown)
            found |= {row["_id"]: (row["createdAt"], float(row["acts"])) for row in rows}
        return found

    def with_text(self, size: int, before: ObjectId | None) -> list[ObjectId]:
        """The next published posts that have a message, the newest first."""
        query: Document = {"_id": {"$lt": before} if before else {"$type": "objectId"}}
        query |= {"visibility": PUBLISHED, "payload.message": {"$gt": ""}}
        return [post["_id"] for post in self._contents.find(query, {"_id": 1}).sort("_id", -1).limit(size)]

    def authors_touched(self, since: datetime) -> set[ObjectId]:
        """Authors of posts that changed since then."""
        authors = {"$group": {"_id": object_id("$author.id")}}  # a cursor; `distinct` answers in one document of 16 MB
        found = self._contents.aggregate([{"$match": {"updatedAt": {"$gte": since}}}, authors])
        return {group["_id"] for group in found} - {None}


def in_window(start: datetime, clock: str, changed_since: datetime | None = None) -> Document:
    """The query for published posts of a window, and of those only what changed."""
    window: Document = {"visibility": PUBLISHED, clock: {"$gte": start, "$lt": LAST_DAY}}
    return window if changed_since is None else window | {"$and": [{"updatedAt": {"$gte": changed_since}}]}


def in_batches(ids: Iterable[Id]) -> Iterator[list[Id]]:
    """Lists short enough to stand in one command."""
    batch: list[Id] = []
    for one in ids:
        batch.append(one)
        if len(batch) == IDS_A_BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
