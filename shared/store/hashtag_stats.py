"""Use of every hashtag by the published posts of the window, whoever wrote them: counters, shown to nobody. Whether a
post may be shown is asked of `visibility` by whoever shows it.

For example: {_id: "goal", name: "goal", __v: 0, createdAt: …, updatedAt: …, lastContentCreatedAt: …, useCount: 7,
contributorCount: 5, contentFingerprint: "5b0c…", aggregator: {contributions: [{_id: ObjectId, contributionCount: 2,
contents: [ObjectId, …]}, …], hastagDiversityScore: 0.71, engagementScore: 12.0, ageScore: 0.5}, score: 4.6,
scoredAt: …}

`hastagDiversityScore` is spelt as other programs read it.
"""

import hashlib
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

from bson import encode
from pymongo import UpdateOne
from pymongo.database import Database

from shared.config import HashtagStats
from shared.documents import Document
from shared.store import schema
from shared.store.batches import in_batches
from shared.store.contents import in_window
from shared.store.decoding import as_text, needed, sound
from shared.store.expressions import ENGAGEMENTS, age_score, count, has_type, moments, object_id, weighted
from shared.store.post_hashtags import MAY_HAVE_HASHTAGS, MESSAGE, with_hashtags
from shared.store.stored_totals import OF_HASHTAGS
from shared.store.tombstones import Tombstones

LAYOUT: Final = "4"  # of the rows: raised with what stands in them or how it is computed, so that all are made anew


def fingerprint(row: Document) -> str:
    """Changes with anything that stands in a row."""
    return hashlib.blake2b(encode(row), digest_size=8).hexdigest()


class HashtagStatistics:
    def __init__(self, app: Database[Document], analytics: Database[Document]) -> None:
        self._contents = app[schema.CONTENTS.name]
        self._stats = analytics[schema.HASHTAG_STATS.name]
        self._tombstones = Tombstones(app, analytics)

    def posts(self, options: HashtagStats, *, now: datetime) -> Iterator[Document]:
        """Every post of the window with hashtags: {_id, author, names: each once, points, createdAt, updatedAt}."""
        query = in_window(now - options.window, options.age_from, now) | self._tombstones.authors("author.id")
        return with_hashtags(self._contents.aggregate([{"$match": query}, *_with_hash_signs(options, now)]))

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

    def remove_foreign(self) -> int:
        """Delete what is no row of a hashtag, or has the name of another, which is unique; returns how many there
        were."""
        own = {"$and": [has_type("$_id", "string"), {"$eq": ["$_id", "$name"]}]}
        return self._stats.delete_many({"$expr": {"$not": [own]}}).deleted_count

    def fingerprints(self) -> dict[str, str | None]:
        """What stands in the row of each hashtag, as `contentFingerprint` tells; None where it does not."""
        rows = self._stats.find({}, {"contentFingerprint": 1})
        return dict(sound(self._stats, rows, _fingerprint))


def _fingerprint(row: Document) -> tuple[str, str | None]:
    return needed(as_text(row["_id"])), as_text(row.get("contentFingerprint"))


def _with_hash_signs(options: HashtagStats, now: datetime) -> list[Document]:
    points = weighted(options.weights, {kind: count(f"$engagements.{kind}.count") for kind in ENGAGEMENTS})
    return [
        {"$match": {"_id": {"$type": "objectId"}} | MAY_HAVE_HASHTAGS},
        {"$project": moments(now) | {"author": object_id("$author.id"), "message": MESSAGE, "points": points}},
        {"$match": {"author": {"$ne": None}, "createdAt": {"$ne": None}}},
    ]


def _scored(options: HashtagStats, now: datetime) -> Document:
    """score = diversity · (engagementScore + 1) · ageScore, at `now`."""
    clock = "$lastContentCreatedAt" if options.age_from == "createdAt" else "$updatedAt"
    age = age_score(clock, now, options.half_life_hours)
    points = {"$add": ["$aggregator.engagementScore", 1]}
    score = {"$multiply": ["$aggregator.hastagDiversityScore", points, age]}
    return {"$set": {"aggregator.ageScore": age, "score": score, "scoredAt": now}}
