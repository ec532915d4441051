"""Posts of the application; read only.

For example: {_id: ObjectId, author: {id: ObjectId, …}, type: "short", visibility: "publish",
payload: {message: "#goal"}, engagements: {like: {count: 3}, …}, createdAt: …, updatedAt: …}
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo.database import Database

from shared.change import ClusterTime, Order
from shared.clock import EPOCH
from shared.documents import Document
from shared.store import schema
from shared.store.batches import in_batches
from shared.store.cluster_time import cluster_time
from shared.store.decoding import as_moment, other_types, sound
from shared.store.expressions import (
    ENGAGEMENTS,
    changed_from,
    count,
    has_type,
    is_count,
    is_id,
    is_moment,
    moments,
    object_id,
    optional,
    optional_type,
    period,
)
from shared.store.malformed import name_malformed
from shared.store.tombstones import Tombstones
from shared.store.visibility import PUBLISHED

_STATE = {"visibility": 1, "payload.message": 1, "updatedAt": 1}

_COUNTS_SOUND = tuple(
    optional(f"$engagements.{kind}.count", is_count(f"$engagements.{kind}.count")) for kind in ENGAGEMENTS
)
_SOUND = (
    has_type("$_id", "objectId"),
    is_id("$author.id"),
    optional_type("$type", "string"),
    optional_type("$payload", "object"),
    optional_type("$payload.message", "string"),
    optional_type("$payload.photo", "object"),
    optional_type("$payload.photo.contents", "array"),
    optional_type("$originalPost", "object"),
    *_COUNTS_SOUND,
)


class Contents:
    def __init__(self, app: Database[Document], analytics: Database[Document]) -> None:
        self._contents = app[schema.CONTENTS.name]
        self._stats = analytics[schema.CONTENT_STATS.name]
        self._tombstones = Tombstones(app, analytics)

    def published(self, start: datetime, clock: str, *, now: datetime, changed_since: datetime | None = None) -> int:
        """How many published posts a window from `start` until now holds; `clock` is the date field that counts."""
        return self._contents.count_documents(in_window(start, clock, now, changed_since))

    def are_none(self) -> bool:
        """Whether there is no post at all."""
        return self._contents.find_one({}, {"_id": 1}) is None

    def malformed(self, changed_since: datetime | None, *, now: datetime) -> list[Any]:
        """Published posts with a field of the wrong type, an impossible count or a date ahead of now, and posts
        of which nothing says whether they are published."""
        sound = [*_SOUND, is_moment("$createdAt", now), is_moment("$updatedAt", now)]
        published = {"visibility": PUBLISHED, "$expr": {"$not": [{"$and": sound}]}}
        query: Document = {"$or": [published, {"visibility": other_types("string")}]}
        if changed_since is not None:
            query["updatedAt"] = changed_from(changed_since)
        return [post["_id"] for post in self._contents.find(query, {"_id": 1})]

    def withdrawn_since(self, moment: datetime) -> Iterator[list[ObjectId]]:
        """Posts touched since then that are not published, in batches."""
        query = {"updatedAt": changed_from(moment), "visibility": {"$ne": PUBLISHED}}
        return in_batches(post["_id"] for post in self._contents.find(query, {"_id": 1}))

    def now(self, posts: Iterable[ObjectId]) -> dict[ObjectId, tuple[Order, Document | None]]:
        """Each post as it is: in which state, and its visibility, message and date; None where there is no such post.

        The state has the cluster time of the moment before the read, so that no later change is taken for an older one.
        A date that is none is left out of the state; what stands in place of a message stays, as a change tells it.
        """
        found: dict[ObjectId, tuple[Order, Document | None]] = {}
        for ids in in_batches(posts):
            with self._contents.database.client.start_session() as session:
                before = cluster_time(session)
                at = ClusterTime(before.time, before.inc)
                read = self._contents.find({"_id": {"$in": ids}}, _STATE, session=session)
                rows = {row["_id"]: self._dated(row) for row in read}
            found |= {post: (Order.of(at, rows.get(post)), rows.get(post)) for post in ids}
        return found

    def popularity(self, ids: Iterable[ObjectId], *, now: datetime) -> dict[ObjectId, tuple[datetime, float]]:
        """When each of these posts was made, 1970 where that is not known, and how many engagements it has; of
        published ones only."""
        counts = {"$add": [count(f"$engagements.{kind}.count") for kind in ENGAGEMENTS]}
        dated = {"$ifNull": [moments(now)["createdAt"], EPOCH]}
        shown = {"createdAt": dated, "acts": counts, "sound": {"$and": [*_COUNTS_SOUND, is_moment("$createdAt", now)]}}
        found: dict[ObjectId, tuple[datetime, float]] = {}
        for some in in_batches(ids):
            rows = self._contents.find({"_id": {"$in": some}, "visibility": PUBLISHED}, shown)
            found |= dict(sound(self._contents, rows, self._popularity))
        return found

    def with_text(self, size: int, before: ObjectId | None) -> list[ObjectId]:
        """The next published posts that have a message, the newest first, but for those of who is erased."""
        query: Document = {"_id": {"$lt": before} if before else {"$type": "objectId"}}
        query |= {"visibility": PUBLISHED, "payload.message": {"$gt": ""}} | self._tombstones.authors("author.id")
        return [post["_id"] for post in self._contents.find(query, {"_id": 1}).sort("_id", -1).limit(size)]

    def authors_touched(self, since: datetime) -> set[ObjectId]:
        """Authors of posts that changed since then."""
        authors = {"$group": {"_id": object_id("$author.id")}}  # a cursor; `distinct` answers in one document of 16 MB
        found = self._contents.aggregate([{"$match": {"updatedAt": changed_from(since)}}, authors])
        return {group["_id"] for group in found} - {None}

    def _popularity(self, row: Document) -> tuple[ObjectId, tuple[datetime, float]]:
        if not row["sound"]:  # a count that is none counts as 0, and a date that is none as 1970
            name_malformed(self._contents.name, row["_id"])
        return row["_id"], (row["createdAt"], float(row["acts"]))

    def _dated(self, row: Document) -> Document:
        payload, updated_at = row.get("payload"), row.get("updatedAt")
        message = payload.get("message") if isinstance(payload, dict) else payload
        dated = updated_at is None or as_moment(updated_at) is not None
        if not dated or not isinstance(message, str | None):
            name_malformed(self._contents.name, row["_id"])
        return row if dated else {name: value for name, value in row.items() if name != "updatedAt"}


def in_window(start: datetime, clock: str, now: datetime, changed_since: datetime | None = None) -> Document:
    """The query for published posts of a window that ends now, and of those only what changed; without documents under
    ids of another type, which are none."""
    window: Document = {"visibility": PUBLISHED, clock: period(start, now), "_id": {"$type": "objectId"}}
    return window if changed_since is None else window | {"$and": [{"updatedAt": changed_from(changed_since)}]}
