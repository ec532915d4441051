"""Rows of a guest feed, live or being built: their ids, and whether their posts may be shown or are still young.

For example: {_id: ObjectId, content: ObjectId, countryCode: "th", …}
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo.collection import Collection
from pymongo.errors import OperationFailure

from shared.clock import MAX_AHEAD
from shared.documents import Document, either_form, object_id
from shared.store.batches import in_batches
from shared.store.decoding import as_moment, as_text
from shared.store.expressions import NO_ARRAY, is_id
from shared.store.visibility import Visibility

LAST_MOMENT = 2**32 - 1  # [s since 1970]
QUERY_PLAN_KILLED = 175  # the server's code for a query whose collection was renamed or dropped


def row_id(rank: int, country: str, at: datetime) -> ObjectId:
    """The `_id` of a row; the order of ids is that of ranks, 0 first.

    >>> from datetime import UTC
    >>> now = datetime(2026, 1, 1, tzinfo=UTC)
    >>> row_id(0, "th", now) < row_id(1, "th", now)
    True
    """
    remaining_s = LAST_MOMENT - int(at.timestamp())
    return ObjectId(rank.to_bytes(4, "big") + country.encode("ascii") + remaining_s.to_bytes(4, "big") + b"\0\0")


def generation(rows: Collection[Document], *, now: datetime) -> datetime | None:
    """The moment of the rows; None where there are none, or they are malformed or dated ahead."""
    row = rows.find_one({"createdAt": {"$type": "date", "$lte": now + MAX_AHEAD}}, {"createdAt": 1})
    return None if row is None else as_moment(row.get("createdAt"))


def young_by_country(
    rows: Collection[Document], posts: Collection[Document], start: datetime, clock: str
) -> dict[str, int]:
    """The number of rows by country, without those of posts whose date `clock` lies before `start`."""
    young = _by_country(rows, {})
    for ids in in_batches(post for content in _contents(rows) if (post := object_id(content))):
        old = posts.find({"_id": {"$in": either_form(ids)}, clock: {"$lt": start} | NO_ARRAY}, {"_id": 1})
        young -= _by_country(rows, {"content": {"$in": [object_id(post["_id"]) for post in old]}})
    return dict(young)


def min_rows(live: dict[str, int], countries: Iterable[str], ratio: float, limit: int) -> dict[str, int]:
    """Rows that each country must have: `ratio` times its rows in the live feed, of which at most `limit` count.

    >>> min_rows({"th": 9, "us": 90}, ["th", "us", "jp"], 0.5, 10)
    {'th': 5, 'us': 5, 'jp': 0}
    """
    return {country: math.ceil(ratio * min(live.get(country, 0), limit)) for country in countries}


def remove_withdrawn(rows: Collection[Document], visibility: Visibility) -> int:
    """Delete every row whose post may not be shown, or that holds no post; returns how many."""
    try:
        return _remove_withdrawn(rows, visibility)
    except OperationFailure as error:
        if error.code != QUERY_PLAN_KILLED:
            raise
        return _remove_withdrawn(rows, visibility)  # another generation was published meanwhile


def _remove_withdrawn(rows: Collection[Document], visibility: Visibility) -> int:
    return sum(rows.delete_many(withdrawn).deleted_count for withdrawn in _withdrawn(rows, visibility))


def _withdrawn(rows: Collection[Document], visibility: Visibility) -> Iterator[Document]:
    """Queries that together find each row whose post may not be shown, or that holds no post, once."""
    contents = _contents(rows)
    posts = [(content, post) for content in contents if (post := object_id(content))]
    shown = visibility.posts({post for _, post in posts})
    for withdrawn in in_batches(content for content, post in posts if post not in shown):
        yield {"content": {"$in": withdrawn, "$not": {"$type": "array"}}}
    if len(posts) < len(contents):
        yield {"$expr": {"$not": [is_id("$content")]}}


def _contents(rows: Collection[Document]) -> list[Any]:
    """The distinct values of the field `content` of the rows."""
    return [group["_id"] for group in rows.aggregate([{"$group": {"_id": "$content"}}])]  # read from an index


def _by_country(rows: Collection[Document], query: Document) -> Counter[str]:
    counted = rows.aggregate([{"$match": query}, {"$group": {"_id": "$countryCode", "rows": {"$sum": 1}}}])
    return Counter({code: group["rows"] for group in counted if (code := as_text(group["_id"]))})
