"""Engagement counts and scores of every published post of the window, whoever its author is. Readers that show a post
ask `visibility` whether they may.

For example: {_id: ObjectId, contentId: ObjectId, authorId: ObjectId, createdAt: …, updatedAt: …, likeCount: 3,
commentCount: 1, recastCount: 0, quoteCount: 0, photoCount: 2, characterLength: 80,
aggregator: {ageScore: 0.5, engagementScore: 4.0}, score: 2.5, scoredAt: …}
"""

import math
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final

from bson import ObjectId
from pymongo.collection import Collection

from functions.stats.options import ContentStats
from functions.stats.store.stored_totals import OF_CONTENTS
from shared.clock import SKEW
from shared.documents import Document
from shared.store import Store, schema
from shared.store.batches import in_batches
from shared.store.contents import in_window, newest_first
from shared.store.deadline import DeadlineExecutor
from shared.store.decoding import other_types
from shared.store.expressions import age_score, count, fingerprint, moments, object_id, period, text, weighted

LAYOUT: Final = "1"  # of the rows; raise it when their fields or formulas change, so that all are computed anew

MIN_SCORE_DECAYED: Final = 0.001  # lower stored scores are left to the next full run

COUNTS = {"like": "$likeCount", "comment": "$commentCount", "recast": "$recastCount", "quote": "$quoteCount"}


class ContentStatistics:
    def __init__(self, store: Store) -> None:
        self._contents = store.app[schema.CONTENTS.name]
        self._stats = store.analytics[schema.CONTENT_STATS.name]
        self._target = {"db": store.analytics.name, "coll": schema.CONTENT_STATS.name}
        self._tombstones = store.tombstones

    def rebuild(self, options: ContentStats, *, now: datetime) -> int:
        """Compute the rows of all posts of the window and replace the collection in one step; its indexes stay.

        Returns how many posts the collection holds now. A reader sees the old or the new collection, never a mixture.
        """
        query = in_window(now - options.window, options.age_from, now)
        not_erased = {"$match": query | self._tombstones.authors("author.id")}
        in_order = newest_first(options.age_from)
        self._contents.aggregate([not_erased, *in_order, *_statistics(options, now), {"$out": self._target}])
        return self._stats.estimated_document_count()

    def refresh(self, options: ContentStats, since: datetime, *, now: datetime) -> None:
        """Compute the rows of the posts of the window that changed since then."""
        self._merge(in_window(now - options.window, options.age_from, now, since), options, now)

    def apply_decay(self, options: ContentStats, *, now: datetime) -> int:
        """Score again, at `now`, the rows whose score may lag behind its decay by more than `lag_ratio`.

        Returns how many those were. Scores below `MIN_SCORE_DECAYED` wait for the next full run.
        """
        min_ratio = max(1 - options.lag_ratio, 1e-9)
        allowed = timedelta(hours=-options.half_life_hours * math.log2(min_ratio))
        lagging: Document = {"score": {"$gte": MIN_SCORE_DECAYED}, "scoredAt": {"$lt": now - allowed}}
        # An update tests the totals of every row of the window, which takes twice as long where none lags.
        if self._stats.find_one(lagging, {"_id": 1}) is None:
            return 0
        return self._stats.update_many(lagging | OF_CONTENTS, [_scored(options, now)]).modified_count

    def remove(self, batches: Iterable[list[ObjectId]]) -> int:
        """Delete the rows of these posts; returns how many there were."""
        return sum(self._stats.delete_many({"_id": {"$in": ids}}).deleted_count for ids in batches)

    def reconcile(
        self, options: ContentStats, *, before: datetime | None, posts_compared: int, now: datetime
    ) -> tuple[int, datetime | None]:
        """Make the rows exactly those of the published posts of the window; returns how many were deleted, and the
        `before` of the next run.

        Rows that are too old, or dated ahead of now, are deleted first. Where the numbers of posts and rows then
        differ, posts were deleted, hidden or added without a new `updatedAt`: both collections are merged once in the
        order of `_id`. Equal numbers may be of different posts: the ids of the next `posts_compared` posts, from the
        moment `before` downwards, are compared by their fingerprint.
        """
        start, clock = now - options.window, options.age_from
        outside = [{clock: {"$not": {"$gte": start}}}, {clock: {"$gt": now + SKEW}}]  # each a range of an index
        published = in_window(start, clock, now) | self._tombstones.authors("author.id")
        with DeadlineExecutor(2) as aside:  # the count takes as long as all the rest
            posts = aside.submit(self._count, published)
            removed = self._stats.delete_many({"$or": outside}).deleted_count
            is_within = before is not None and start < before <= now
            part: Document = {clock: period(start, now) | ({"$lt": before} if is_within else {})}
            dates = self._contents.find({"$and": [published, part]}, {"_id": 0, clock: 1})
            last = next(dates.sort(clock, -1).skip(posts_compared - 1).limit(1), None)
            if last:
                part[clock]["$gte"] = last[clock]
            part_published = {"$and": [published, part]}
            rows = aside.submit(_fingerprint, self._stats, part, clock)
            same = _fingerprint(self._contents, part_published, clock) == rows.result()
            if posts.result() != self._stats.estimated_document_count():
                return removed + self._replace_differing(published, {}, options, now), None
        if not same:
            removed += self._replace_differing(part_published, part, options, now)
        return removed, last[clock] if last else None

    def _count(self, published: Document) -> int:
        """How many of these posts there are, counted in the index of dates, less those whose `_id` is no ObjectId."""
        dated = {name: value for name, value in published.items() if name != "_id"}
        other_ids: Document = {"_id": {"$type": [*other_types("objectId")["$type"], "null"]}}
        with_other_ids = self._contents.count_documents(dated | other_ids, hint=[("_id", 1)])
        return self._contents.count_documents(dated) - with_other_ids

    def _replace_differing(self, posts: Document, rows: Document, options: ContentStats, now: datetime) -> int:
        """Compute the rows of posts that have none, delete the rows without a post; returns how many were deleted."""
        surplus, lacking = _difference(_ids(self._stats, rows), _ids(self._contents, posts))
        for ids in in_batches(lacking):
            self._merge({"$and": [posts, {"_id": {"$in": ids}}]}, options, now)
        return self.remove(in_batches(surplus))

    def _merge(self, query: Document, options: ContentStats, now: datetime) -> None:
        into = {"into": self._target, "on": "_id", "whenMatched": "replace", "whenNotMatched": "insert"}
        not_erased = {"$match": query | self._tombstones.authors("author.id")}
        self._contents.aggregate([not_erased, *_statistics(options, now), {"$merge": into}])


def _statistics(options: ContentStats, now: datetime) -> list[Document]:
    counts = {path.removeprefix("$"): count(f"$engagements.{kind}.count") for kind, path in COUNTS.items()}
    photos = "$payload.photo.contents"
    return [
        {
            "$project": counts
            | moments(now)
            | {
                "contentId": "$_id",
                "authorId": object_id("$author.id"),
                "photoCount": {"$cond": [{"$isArray": photos}, {"$size": photos}, 0]},
                "characterLength": {"$strLenCP": text("$payload.message")},
            }
        },
        _scored(options, now),
    ]


def _scored(options: ContentStats, now: datetime) -> Document:
    """The stage that scores a row at `now`: score = (engagementScore + bias) · ageScore."""
    age = age_score(f"${options.age_from}", now, options.half_life_hours)
    points = weighted(options.weights, COUNTS)
    return {
        "$set": {
            "aggregator": {"ageScore": age, "engagementScore": points},
            "score": {"$multiply": [{"$add": [points, options.bias]}, age]},
            "scoredAt": now,
        }
    }


def _fingerprint(collection: Collection[Document], query: Document, clock: str) -> int:
    """A fingerprint of the ids of the documents of a query, whatever their order."""
    summed: Document = {"$group": {"_id": None, "sum": {"$sum": fingerprint("$_id")}}}
    stages = [{"$match": query}, *newest_first(clock), summed]
    return next((int(group["sum"]) for group in collection.aggregate(stages)), 0)


def _ids(collection: Collection[Document], query: Document) -> Iterator[ObjectId]:
    query = query | {"_id": {"$type": "objectId"}}  # ids of other types are in another order in Python
    return (document["_id"] for document in collection.find(query, {"_id": 1}).sort("_id", 1))


def _difference(left: Iterator[ObjectId], right: Iterator[ObjectId]) -> tuple[list[ObjectId], list[ObjectId]]:
    """The ids that only the left and those that only the right has.

    left, right  in ascending order

    >>> a, b, c = (ObjectId(f"{n:024x}") for n in (1, 2, 3))
    >>> _difference(iter([a, b]), iter([b, c])) == ([a], [c])
    True
    """
    only_left: list[ObjectId] = []
    only_right: list[ObjectId] = []
    a, b = next(left, None), next(right, None)
    while a is not None or b is not None:
        if b is None or (a is not None and a < b):
            only_left.append(a)  # type: ignore[arg-type]
            a = next(left, None)
        elif a is None or b < a:
            only_right.append(b)
            b = next(right, None)
        else:
            a, b = next(left, None), next(right, None)
    return only_left, only_right
