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
from shared.engagement_kinds import POSITIVE_KINDS
from shared.store import schema
from shared.store.batches import in_batches
from shared.store.cluster_time import cluster_time
from shared.store.decoding import as_moment, other_types, sound
from shared.store.expressions import (
    FIRST_DAY,
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
    optional(f"$engagements.{kind}.count", is_count(f"$engagements.{kind}.count")) for kind in POSITIVE_KINDS
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
        """How many published posts a window from `start` until now holds, by the date field `clock`."""
        window: Document = {"$match": in_window(start, clock, now, changed_since)}
        in_order = [] if changed_since else newest_first(clock)
        return next((row["posts"] for row in self._contents.aggregate([window, *in_order, {"$count": "posts"}])), 0)

    def are_none(self) -> bool:
        """Whether the collection is empty."""
        return self._contents.find_one({}, {"_id": 1}) is None

    def malformed(self, start: datetime, clock: str, *, now: datetime, changed_since: datetime | None) -> list[Any]:
        """Ids of published posts with a field of the wrong type, an impossible count or a date ahead of now, and of
        posts without a valid visibility.

        start, clock   only published posts whose date field `clock` is from `start` on, or is not a date from 1970 on
        changed_since  only posts that changed from then on, whatever their `clock`; None for all
        """
        conditions = [*_SOUND, is_moment("$createdAt", now), is_moment("$updatedAt", now)]
        published: Document = {"visibility": PUBLISHED, "$expr": {"$not": [{"$and": conditions}]}}
        not_visible: Document = {"visibility": other_types("string") | {"$ne": PUBLISHED}}
        if changed_since is None:
            dates: list[Document] = [{"$gte": start}, {"$not": {"$gte": FIRST_DAY}}]
            queries = [not_visible, *(published | {clock: date} for date in dates)]
        else:
            changed = {"updatedAt": changed_from(changed_since)}
            queries = [not_visible | changed, published | changed]
        cursors = (self._contents.find(query, {"_id": 1}) for query in queries)  # one `$or` of them takes twice as long
        return [post["_id"] for posts in cursors for post in posts]

    def withdrawn_since(self, moment: datetime) -> Iterator[list[ObjectId]]:
        """Posts that changed since then and are not published, in batches."""
        query = {"updatedAt": changed_from(moment), "visibility": {"$ne": PUBLISHED}}
        return in_batches(post["_id"] for post in self._contents.find(query, {"_id": 1}))

    def now(self, posts: Iterable[ObjectId]) -> dict[ObjectId, tuple[Order, Document | None]]:
        """The present state of each post, and its visibility, message and date, None where there is no such post.

        The state has the cluster time of the moment before the read, so that no later change is taken for an older one.
        A malformed date is left out; a malformed message stays, as an event of a change has it too.
        """
        states: dict[ObjectId, tuple[Order, Document | None]] = {}
        for ids in in_batches(posts):
            with self._contents.database.client.start_session() as session:
                before = cluster_time(session)
                at = ClusterTime(before.time, before.inc)
                documents = self._contents.find({"_id": {"$in": ids}}, _STATE, session=session)
                rows = {row["_id"]: self._dated(row) for row in documents}
            states |= {post: (Order.of(at, rows.get(post)), rows.get(post)) for post in ids}
        return states

    def popularity(self, ids: Iterable[ObjectId], *, now: datetime) -> dict[ObjectId, tuple[datetime, float]]:
        """When each of the published ones among these posts was created, 1970 where that is unknown, and the number of
        its engagements, without reports."""
        counts = {"$add": [count(f"$engagements.{kind}.count") for kind in POSITIVE_KINDS]}
        dated = {"$ifNull": [moments(now)["createdAt"], EPOCH]}
        shown = {"createdAt": dated, "acts": counts, "sound": {"$and": [*_COUNTS_SOUND, is_moment("$createdAt", now)]}}
        popularity: dict[ObjectId, tuple[datetime, float]] = {}
        for batch in in_batches(ids):
            rows = self._contents.find({"_id": {"$in": batch}, "visibility": PUBLISHED}, shown)
            popularity |= dict(sound(self._contents, rows, self._popularity))
        return popularity

    def with_text(self, size: int, before: ObjectId | None) -> list[ObjectId]:
        """The next published posts that have a message, in descending order of their ids, without erased authors.

        size    posts at most
        before  ids below this one only; None to begin with the newest
        """
        query: Document = {"_id": {"$lt": before} if before else {"$type": "objectId"}}
        query |= {"visibility": PUBLISHED, "payload.message": {"$gt": ""}} | self._tombstones.authors("author.id")
        return [post["_id"] for post in self._contents.find(query, {"_id": 1}).sort("_id", -1).limit(size)]

    def changed_authors(self, since: datetime) -> set[ObjectId]:
        """Authors of the posts that changed since then."""
        authors = {"$group": {"_id": object_id("$author.id")}}  # a cursor; `distinct` answers in one document of 16 MB
        groups = self._contents.aggregate([{"$match": {"updatedAt": changed_from(since)}}, authors])
        return {group["_id"] for group in groups} - {None}

    def _popularity(self, row: Document) -> tuple[ObjectId, tuple[datetime, float]]:
        if not row["sound"]:  # a malformed count is read as 0, a malformed date as 1970
            name_malformed(self._contents.name, row["_id"])
        return row["_id"], (row["createdAt"], float(row["acts"]))

    def _dated(self, row: Document) -> Document:
        payload, updated_at = row.get("payload"), row.get("updatedAt")
        message = payload.get("message") if isinstance(payload, dict) else payload
        is_dated = updated_at is None or as_moment(updated_at) is not None
        if not is_dated or not isinstance(message, str | None):
            name_malformed(self._contents.name, row["_id"])
        return row if is_dated else {name: value for name, value in row.items() if name != "updatedAt"}


def in_window(start: datetime, clock: str, now: datetime, changed_since: datetime | None = None) -> Document:
    """The query for the published posts of a window that ends now, by the date field `clock`.

    changed_since  only posts that changed from then on
    Documents whose `_id` is no ObjectId are no posts.
    """
    window: Document = {"visibility": PUBLISHED, clock: period(start, now), "_id": {"$type": "objectId"}}
    return window if changed_since is None else window | {"$and": [{"updatedAt": changed_from(changed_since)}]}


def window_order(clock: str) -> dict[str, int] | None:
    """The order in which a window is read, the `sort` of a `find`: that of the index of its clock. Without an order the
    planner may take any index of published posts, if the first hundred posts of each fulfil the conditions, and then
    all posts are read that were ever published.

    None for `updatedAt`: a post that changes meanwhile would move past a reader that follows this index, and be missed.
    """
    return {"createdAt": -1} if clock == "createdAt" else None


def newest_first(clock: str) -> list[Document]:
    """The stages behind the `$match` of a window that read it in its `window_order`."""
    order = window_order(clock)
    return [{"$sort": order}] if order else []
