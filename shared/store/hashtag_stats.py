"""Use of every hashtag by the published posts of the window.

For example: {_id: "goal", name: "goal", __v: 0, createdAt: …, updatedAt: …, lastContentCreatedAt: …, useCount: 7,
contributorCount: 5, aggregator: {contributions: [{_id: ObjectId, contributionCount: 2, contents: [ObjectId, …]}, …],
hastagDiversityScore: 0.71, engagementScore: 12.0, ageScore: 0.5}, score: 4.6, scoredAt: …}

`hastagDiversityScore` is spelt as other programs read it.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from pymongo import UpdateOne
from pymongo.database import Database

from shared.config import HashtagStats
from shared.store import schema
from shared.store.contents import in_batches, in_window
from shared.store.decoding import as_count, needed, sound
from shared.store.expressions import ENGAGEMENTS, MOMENTS, age_score, count, object_id, text, weighted
from shared.store.stored_totals import OF_HASHTAGS

Document = dict[str, Any]

# Letters and digits of every script, with the marks that Thai, Hindi and others write above and below them.
HASHTAG = r"#([\p{L}\p{M}\p{N}_]+)"


class HashtagStatistics:
    def __init__(self, app: Database[Document], analytics: Database[Document]) -> None:
        self._contents = app[schema.CONTENTS.name]
        self._stats = analytics[schema.HASHTAG_STATS.name]

    def posts(self, options: HashtagStats, *, now: datetime) -> Iterator[Document]:
        """Every post of the window with hashtags: {_id, author, names: as written, points, createdAt, updatedAt}."""
        query = in_window(now - options.window, options.age_from)
        return self._contents.aggregate([{"$match": query}, *_tagged(options)])

    def put(self, rows: Iterable[Document], options: HashtagStats, *, now: datetime) -> int:
        """Write and score these hashtags, let time pass for the others; returns how many rows are up to date now."""
        scored = _scored(options, now)
        writes = [
            UpdateOne({"_id": row["_id"]}, [{"$replaceWith": {"$literal": row}}, scored], upsert=True) for row in rows
        ]
        if writes:
            self._stats.bulk_write(writes, ordered=False)
        return len(writes) + self._stats.update_many({"scoredAt": {"$lt": now}} | OF_HASHTAGS, [scored]).modified_count

    def remove(self, names: Iterable[str]) -> int:
        """Delete the rows of these hashtags and return how many there were."""
        return sum(self._stats.delete_many({"_id": {"$in": some}}).deleted_count for some in in_batches(names))

    def counts(self) -> dict[str, tuple[int, int]]:
        """How many uses and contributors the row of each hashtag tells of."""
        rows = self._stats.find({}, {"useCount": 1, "contributorCount": 1})
        return dict(sound(self._stats, rows, _counted))


def _counted(row: Document) -> tuple[str, tuple[int, int]]:
    uses, contributors = (as_count(row.get(name)) or 0 for name in ("useCount", "contributorCount"))
    key = needed(None if isinstance(row["_id"], dict) else row["_id"])
    return key, (uses, contributors)  # counts that are none differ, and are counted anew


def _tagged(options: HashtagStats) -> list[Document]:
    found = {"$regexFindAll": {"input": text("$payload.message"), "regex": HASHTAG}}
    names = {"$map": {"input": found, "in": {"$first": "$$this.captures"}}}
    points = weighted(options.weights, {kind: count(f"$engagements.{kind}.count") for kind in ENGAGEMENTS})
    return [
        # Leaves out invalid UTF-8 as well, which would stop $regexFindAll and with it everything.
        {"$match": {"_id": {"$type": "objectId"}, "payload.message": {"$regex": "#"}}},
        {"$project": MOMENTS | {"author": object_id("$author.id"), "names": names, "points": points}},
        {"$match": {"author": {"$ne": None}, "createdAt": {"$ne": None}}},
    ]


def _scored(options: HashtagStats, now: datetime) -> Document:
    """score = diversity · (engagementScore + 1) · ageScore, at `now`."""
    clock = "$lastContentCreatedAt" if options.age_from == "createdAt" else "$updatedAt"
    age = age_score(clock, now, options.half_life_hours)
    points = {"$add": ["$aggregator.engagementScore", 1]}
    score = {"$multiply": ["$aggregator.hastagDiversityScore", points, age]}
    return {"$set": {"aggregator.ageScore": age, "score": score, "scoredAt": now}}
