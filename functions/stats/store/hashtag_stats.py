"""Use of every hashtag by the published posts of the window, whoever their authors are. Readers that show a post ask
`visibility` whether they may.

For example: {_id: "goal", name: "goal", __v: 0, createdAt: …, updatedAt: …, lastContentCreatedAt: …, useCount: 7,
contributorCount: 5, contentFingerprint: "5b0c…", aggregator: {contributions: [{_id: ObjectId, contributionCount: 2,
contents: [ObjectId, …]}, …], hastagDiversityScore: 0.71, engagementScore: 12.0, ageScore: 0.5}, score: 4.6,
scoredAt: …}

`hastagDiversityScore` is spelt as other programs read it.
"""

import hashlib
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import partial
from typing import Final

from bson import encode
from pymongo import UpdateOne

from functions.stats.options import HashtagStats
from functions.stats.store.stored_totals import OF_HASHTAGS
from shared.documents import Document
from shared.engagement_kinds import POSITIVE_KINDS
from shared.store import Store, schema
from shared.store.batches import in_batches
from shared.store.contents import in_window, window_order
from shared.store.decoding import as_text, needed, sound
from shared.store.expressions import age_score, count, has_type, moments, object_id, weighted
from shared.store.post_hashtags import MAY_HAVE_HASHTAGS, MESSAGE, with_hashtags
from shared.store.write_behind import bulk_write_behind, read_ahead

POSTS_A_BATCH: Final = 1_000  # read while hashtags are searched in those before
ROWS_A_WRITE: Final = 50

LAYOUT: Final = "5"  # of the rows; raise it when their fields or formulas change, so that all are computed anew


def fingerprint(row: Document) -> str:
    """A digest of a row, as hex digits."""
    return hashlib.blake2b(encode(row), digest_size=8).hexdigest()


class HashtagStatistics:
    def __init__(self, store: Store) -> None:
        self._contents = store.app[schema.CONTENTS.name]
        self._stats = store.analytics[schema.HASHTAG_STATS.name]
        self._tombstones = store.tombstones

    def posts(self, options: HashtagStats, *, now: datetime) -> Iterator[Document]:
        """The posts of the window that have hashtags: {_id, author, names: each once, points, createdAt, updatedAt}.

        createdAt, updatedAt  milliseconds since 1970, which are decoded and compared faster than dates
        In any order. By `find`, which sends posts while it reads on; an aggregation reads 4 MB of them before it sends
        any. Both halves of the window are read at the same time, unless a post that changes could move between them.
        """
        clock, window = options.age_from, in_window(now - options.window, options.age_from, now)
        points = weighted(options.weights, {kind: count(f"$engagements.{kind}.count") for kind in POSITIVE_KINDS})
        dates = {name: {"$toLong": date} for name, date in moments(now).items()}
        fields = dates | {"author": object_id("$author.id"), "message": MESSAGE, "points": points}
        order, recent = window_order(clock), {"$gte": now - options.window / 2}
        parts: list[Document] = [{clock: recent}, {clock: {"$not": recent}}] if order else [{}]
        query = window | self._tombstones.authors("author.id") | MAY_HAVE_HASHTAGS
        find = partial(self._contents.find, projection=fields, sort=order, batch_size=POSTS_A_BATCH)
        for posts in read_ahead(*(in_batches(find({"$and": [query, part]}), POSTS_A_BATCH) for part in parts)):
            yield from with_hashtags(post for post in posts if None not in (post["author"], post["createdAt"]))

    def put(self, rows: Iterable[Document], options: HashtagStats, *, now: datetime) -> int:
        """Write and score the rows of these hashtags, and score the others again; returns how many rows were scored."""
        scored = _scored(options, now)
        writes = (
            UpdateOne({"_id": row["_id"]}, [{"$replaceWith": {"$literal": row}}, scored], upsert=True) for row in rows
        )
        written = bulk_write_behind(self._stats, writes, ROWS_A_WRITE)
        return written + self._stats.update_many({"scoredAt": {"$lt": now}} | OF_HASHTAGS, [scored]).modified_count

    def remove(self, names: Iterable[str]) -> int:
        """Delete the rows of these hashtags; returns how many there were."""
        return sum(self._stats.delete_many({"_id": {"$in": batch}}).deleted_count for batch in in_batches(names))

    def remove_foreign(self) -> int:
        """Delete documents that are no row of a hashtag, or have the name of another, which is unique; returns how
        many."""
        own = {"$and": [has_type("$_id", "string"), {"$eq": ["$_id", "$name"]}]}
        return self._stats.delete_many({"$expr": {"$not": [own]}}).deleted_count

    def fingerprints(self) -> dict[str, str | None]:
        """The stored `contentFingerprint` of each hashtag's row; None where it is missing or malformed."""
        rows = self._stats.find({}, {"contentFingerprint": 1})
        return dict(sound(self._stats, rows, _fingerprint))


def _fingerprint(row: Document) -> tuple[str, str | None]:
    return needed(as_text(row["_id"])), as_text(row.get("contentFingerprint"))


def _scored(options: HashtagStats, now: datetime) -> Document:
    """The stage that scores a row at `now`: score = diversity · (engagementScore + 1) · ageScore."""
    clock = "$lastContentCreatedAt" if options.age_from == "createdAt" else "$updatedAt"
    age = age_score(clock, now, options.half_life_hours)
    points = {"$add": ["$aggregator.engagementScore", 1]}
    score = {"$multiply": ["$aggregator.hastagDiversityScore", points, age]}
    return {"$set": {"aggregator.ageScore": age, "score": score, "scoredAt": now}}
