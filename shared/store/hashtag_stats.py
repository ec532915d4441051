"""Use of every hashtag by the published posts of the window.

For example: {_id: "goal", name: "goal", __v: 0, createdAt: …, updatedAt: …, lastContentCreatedAt: …, useCount: 7,
contributorCount: 5, aggregator: {contributions: [{_id: ObjectId, contributionCount: 2, contents: [ObjectId, …]}, …],
hastagDiversityScore: 0.71, engagementScore: 12.0, ageScore: 0.5}, score: 4.6, scoredAt: …}

`hastagDiversityScore` is spelt as other programs read it.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo import UpdateOne
from pymongo.database import Database

from shared.config import HashtagStats
from shared.store import schema
from shared.store.contents import PUBLISHED, in_batches, in_window
from shared.store.expressions import ENGAGEMENTS, MOMENTS, age_score, count, object_id, text, weighted

Document = dict[str, Any]

# Letters and digits of every script, with the marks that Thai, Hindi and others write above and below them.
HASHTAG = r"#([\p{L}\p{M}\p{N}_]+)"


class HashtagStatistics:
    def __init__(self, app: Database[Document], analytics: Database[Document]) -> None:
        self._contents = app[schema.CONTENTS.name]
        self._stats = analytics[schema.HASHTAG_STATS.name]

    def uses(self, options: HashtagStats, *, now: datetime) -> Iterator[Document]:
        """What each author made of each hashtag as written, over the window.

        {name, author, uses, points, contents: [newest first], createdAt: first, lastContentCreatedAt, updatedAt}
        """
        query = in_window(now - options.window, options.age_from)
        return self._contents.aggregate([{"$match": query}, *_names(), *_by_author(options)], allowDiskUse=True)

    def touched(self, options: HashtagStats, since: datetime, last: datetime, *, now: datetime) -> Iterator[str]:
        """Hashtags of the posts that changed since then, before and after the change, or that have left the window."""
        gone = {"$gte": last - options.window, "$lt": now - options.window}
        query = {"$or": [{"updatedAt": {"$gte": since}}, {"visibility": PUBLISHED, options.age_from: gone}]}
        for group in self._contents.aggregate([{"$match": query}, *_names(), {"$group": {"_id": "$name"}}]):
            yield group["_id"]
        for ids in in_batches(post["_id"] for post in self._contents.find(query, {"_id": 1})):
            listed = {"aggregator.contributions.contents": {"$in": ids}}
            yield from (row["_id"] for row in self._stats.find(listed, {"_id": 1}))

    def put(self, rows: Iterable[Document], options: HashtagStats, *, now: datetime) -> int:
        """Write and score these hashtags, let time pass for the others; returns how many rows are up to date now."""
        scored = _scored(options, now)
        writes = [
            UpdateOne({"_id": row["_id"]}, [{"$replaceWith": {"$literal": row}}, scored], upsert=True) for row in rows
        ]
        if writes:
            self._stats.bulk_write(writes, ordered=False)
        return len(writes) + self._stats.update_many({"scoredAt": {"$lt": now}}, [scored]).modified_count

    def remove(self, names: Iterable[str]) -> int:
        """Delete the rows of these hashtags and return how many there were."""
        return self._stats.delete_many({"_id": {"$in": list(names)}}).deleted_count

    def names(self) -> set[str]:
        """Every hashtag that has a row."""
        return {row["_id"] for row in self._stats.find({}, {"_id": 1})}


def _names() -> list[Document]:
    """One document per post and distinct hashtag in its message."""
    found = {"$regexFindAll": {"input": text("$payload.message"), "regex": HASHTAG}}
    names = {"$map": {"input": found, "in": {"$first": "$$this.captures"}}}
    return [
        {"$match": {"payload.message": {"$regex": "#"}}},
        {
            "$project": {kind: count(f"$engagements.{kind}.count") for kind in ENGAGEMENTS}
            | MOMENTS
            | {"author": object_id("$author.id"), "name": {"$setUnion": [names, []]}}
        },
        {"$match": {"author": {"$ne": None}}},
        {"$unwind": "$name"},
    ]


def _by_author(options: HashtagStats) -> list[Document]:
    points = weighted(options.weights, {kind: f"${kind}" for kind in ENGAGEMENTS})
    moments = {"createdAt": {"$min": "$createdAt"}, "updatedAt": {"$max": "$updatedAt"}}
    totals = {"uses": {"$sum": 1}, "points": {"$sum": points}, "contents": {"$push": "$_id"}}
    newest = {"$slice": [{"$sortArray": {"input": "$contents", "sortBy": -1}}, options.max_contents]}
    last = {"lastContentCreatedAt": {"$max": "$createdAt"}}
    return [
        {"$group": {"_id": {"name": "$name", "author": "$author"}} | totals | moments | last},
        {"$set": {"name": "$_id.name", "author": "$_id.author", "contents": newest}},
        {"$unset": "_id"},
    ]


def _scored(options: HashtagStats, now: datetime) -> Document:
    """score = diversity · (engagementScore + 1) · ageScore, at `now`."""
    clock = "$lastContentCreatedAt" if options.age_from == "createdAt" else "$updatedAt"
    age = age_score(clock, now, options.half_life_hours)
    points = {"$add": ["$aggregator.engagementScore", 1]}
    score = {"$multiply": ["$aggregator.hastagDiversityScore", points, age]}
    return {"$set": {"aggregator.ageScore": age, "score": score, "scoredAt": now}}
