"""Rows of a guest feed, be it live or being built: their ids, and whether their posts may be shown or chosen again.

For example: {_id: ObjectId, content: ObjectId, countryCode: "th", …}
"""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo.collection import Collection
from pymongo.errors import OperationFailure

from shared.documents import Document, either_form, object_id
from shared.store.batches import in_batches
from shared.store.decoding import as_text
from shared.store.expressions import NO_ARRAY, is_id
from shared.store.visibility import Visibility

LAST_MOMENT = 2**32 - 1  # seconds since 1970
QUERY_PLAN_KILLED = 175  # by the server, since the collection was renamed or dropped


def row_id(rank: int, country: str, at: datetime) -> ObjectId:
    """The `_id` of a row.

    >>> from datetime import UTC
    >>> now = datetime(2026, 1, 1, tzinfo=UTC)
    >>> row_id(0, "th", now) < row_id(1, "th", now)
    True
    """
    left = LAST_MOMENT - int(at.timestamp())
    return ObjectId(rank.to_bytes(4, "big") + country.encode("ascii") + left.to_bytes(4, "big") + b"\0\0")


def young_by_country(
    rows: Collection[Document], posts: Collection[Document], start: datetime, clock: str
) -> dict[str, int]:
    """How many rows each country has, but for those of posts dated before `start`; `clock` is the date that counts."""
    young = _by_country(rows, {})
    for ids in in_batches(post for content in _contents(rows) if (post := object_id(content))):
        old = posts.find({"_id": {"$in": either_form(ids)}, clock: {"$lt": start} | NO_ARRAY}, {"_id": 1})
        young -= _by_country(rows, {"content": {"$in": [object_id(post["_id"]) for post in old]}})
    return dict(young)


def remove_withdrawn(rows: Collection[Document], visibility: Visibility) -> int:
    """Delete every row of a post that may not be shown, or of none; returns how many that were."""
    try:
        return _remove_withdrawn(rows, visibility)
    except OperationFailure as error:
        if error.code != QUERY_PLAN_KILLED:
            raise
        return _remove_withdrawn(rows, visibility)  # another generation was published meanwhile


def _remove_withdrawn(rows: Collection[Document], visibility: Visibility) -> int:
    return sum(rows.delete_many(withdrawn).deleted_count for withdrawn in _withdrawn(rows, visibility))


def _withdrawn(rows: Collection[Document], visibility: Visibility) -> Iterator[Document]:
    """Queries that find every row of a post that may not be shown, or of none, each by one of them."""
    contents = _contents(rows)
    posts = [(content, post) for content in contents if (post := object_id(content))]
    shown = visibility.posts({post for _, post in posts})
    for withdrawn in in_batches(content for content, post in posts if post not in shown):
        yield {"content": {"$in": withdrawn, "$not": {"$type": "array"}}}
    if len(posts) < len(contents):
        yield {"$expr": {"$not": [is_id("$content")]}}


def _contents(rows: Collection[Document]) -> list[Any]:
    """What the rows hold as their posts, each once."""
    return [group["_id"] for group in rows.aggregate([{"$group": {"_id": "$content"}}])]  # out of an index


def _by_country(rows: Collection[Document], query: Document) -> Counter[str]:
    counted = rows.aggregate([{"$match": query}, {"$group": {"_id": "$countryCode", "rows": {"$sum": 1}}}])
    return Counter({code: group["rows"] for group in counted if (code := as_text(group["_id"]))})
