"""Engagement counts and scores of every creator with a published post in the window.

For example: {_id: ObjectId, creatorId: ObjectId, ownerAccount: ObjectId, displayId: "ann", userCreatedAt: …,
geolocation: {countryCode: "th", continentCode: "AS"}, followerCount: 9, followedCount: 4, contentCount: 2,
creatorLikedCount: 5, creatorCommentedCount: 0, creatorRecastedCount: 1, creatorQuotedCount: 0,
lastContentCreatedAt: …, lastContentUpdatedAt: …, points: 6.0, contentFingerprint: 1734293858130,
aggregator: {ageScore: 0.5, engagementScore: 6.0, followedScore: 0.09}, score: 2.59,
summary: [{type: "short", typeCount: 2, typeWeight: 1.0, aggregator: {…}, score: 0.59, …}], scoredAt: …}
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from bson import ObjectId

from functions.stats.options import CreatorStats
from functions.stats.store.creator_pipeline import profile, scored, totals
from functions.stats.store.stored_totals import OF_CREATORS
from shared.documents import Document, either_form
from shared.store import Store, schema
from shared.store.batches import in_batches
from shared.store.contents import in_window, newest_first
from shared.store.decoding import as_count, own_id, sound
from shared.store.expressions import (
    changed_from,
    fingerprint,
    is_count,
    is_id,
    is_moment,
    object_id,
    optional,
    optional_type,
)
from shared.store.visibility import PUBLISHED

LAYOUT: Final = "3"  # of the rows; raise it when their fields or formulas change, so that all are computed anew


class CreatorStatistics:
    def __init__(self, store: Store) -> None:
        self._contents, self._users = store.app[schema.CONTENTS.name], store.app[schema.USERS.name]
        self._accounts, self._visibility = store.app[schema.ACCOUNTS.name], store.visibility
        self._stats = store.analytics[schema.CREATOR_STATS.name]
        self._target = {"db": store.analytics.name, "coll": schema.CREATOR_STATS.name}
        self._tombstones = store.tombstones

    def refresh(self, options: CreatorStats, creators: Iterable[ObjectId] | None, *, now: datetime) -> None:
        """Compute the rows of these creators, or of all for None."""
        query = in_window(now - options.window, options.age_from, now)
        if creators is None:
            self._merge(query, newest_first(options.age_from), options, now)
            return
        for batch in in_batches(creators):
            self._merge(query | {"author.id": {"$in": either_form(batch)}}, [], options, now)

    def apply_decay(self, options: CreatorStats, *, now: datetime) -> int:
        """Score again, at `now`, every row that this run did not compute; returns how many those were."""
        return self._stats.update_many({"scoredAt": {"$lt": now}} | OF_CREATORS, scored(options, now)).modified_count

    def prune(self, creators: Iterable[ObjectId] | None, *, now: datetime) -> int:
        """Delete the rows of these creators, or of all for None, that this run did not compute; returns how many."""
        stale: Document = {"scoredAt": {"$ne": now}}
        if creators is None:
            return self._stats.delete_many(stale).deleted_count
        batches = in_batches(creators)
        return sum(self._stats.delete_many(stale | {"_id": {"$in": batch}}).deleted_count for batch in batches)

    def outdated(self, options: CreatorStats, *, now: datetime) -> set[ObjectId]:
        """Creators whose row was made from other posts than the window has now, or who have posts and no row."""
        query = in_window(now - options.window, options.age_from, now)
        window = {"$match": query | self._tombstones.authors("author.id")}
        by_author = {"$group": {"_id": object_id("$author.id"), "posts": {"$sum": fingerprint("$_id")}}}
        posts = {
            group["_id"]: group["posts"]
            for group in self._contents.aggregate([window, *newest_first(options.age_from), by_author])
        }
        stored = self._stats.find({}, {"contentFingerprint": 1})
        rows = dict(sound(self._stats, stored, lambda row: (own_id(row), row.get("contentFingerprint"))))
        shown = self._visibility.users(posts.keys() - rows.keys() - {None})
        return shown | {creator for creator, made_of in rows.items() if made_of != posts.get(creator)}

    def in_turn(self, after: ObjectId, posts: int) -> tuple[set[ObjectId], ObjectId | None]:
        """The next creators with a row, in the order of their ids, and the last of them, None where no more are left.

        after  creators behind this id
        posts  about how many posts they have together; there is at least one creator
        """
        rows = self._stats.find({"_id": {"$gt": after}}, {"contentCount": 1}).sort("_id", 1).limit(posts)
        creators, n_posts = set[ObjectId](), 0
        for row in rows:
            creators.add(row["_id"])
            n_posts += max(as_count(row.get("contentCount")) or 0, 1)
            if n_posts >= posts:
                return creators, row["_id"]
        return creators, None

    def changed_users(self, since: datetime) -> set[ObjectId]:
        """Users whose own document, or that of their account, changed since then."""
        changed = {"updatedAt": changed_from(since)}
        accounts = sound(self._accounts, self._accounts.find(changed, {"_id": 1}), own_id)
        queries = [changed, *({"ownerAccount": {"$in": either_form(batch)}} for batch in in_batches(accounts))]
        cursors = (self._users.find(query, {"_id": 1}) for query in queries)
        return {user for rows in cursors for user in sound(self._users, rows, own_id)}

    def malformed(self, since: datetime | None, *, now: datetime) -> list[Any]:
        """Ids of published users with an impossible number of followers, or a malformed account, date or name; of users
        and accounts with a malformed visibility, and of accounts with a malformed location."""
        changed = {} if since is None else {"updatedAt": changed_from(since)}
        checks = [optional(number, is_count(number)) for number in ("$followerCount", "$followedCount")]
        checks.append(optional("$ownerAccount", is_id("$ownerAccount")))
        checks.append(optional("$createdAt", is_moment("$createdAt", now)))
        checks.append(optional_type("$displayId", "string"))
        visible = optional_type("$visibility", "string")
        published = {"$and": [visible, {"$or": [{"$ne": ["$visibility", PUBLISHED]}, {"$and": checks}]}]}
        location, code = "$geolocation", "$geolocation.countryCode"
        located = [optional_type(location, "object"), optional_type(code, "string")]
        conditions = ((self._users, published), (self._accounts, {"$and": [visible, *located]}))
        cursors = (rows.find({"$expr": {"$not": [is_sound]}} | changed, {"_id": 1}) for rows, is_sound in conditions)
        return [row["_id"] for rows in cursors for row in rows]

    def written(self, now: datetime) -> int:
        """How many rows the run of that moment computed or scored again."""
        return self._stats.count_documents({"scoredAt": now})

    def _merge(self, query: Document, in_order: list[Document], options: CreatorStats, now: datetime) -> None:
        into = {"into": self._target, "on": "_id", "whenMatched": "replace", "whenNotMatched": "insert"}
        not_erased = {"$match": query | self._tombstones.authors("author.id")}
        rows = [*totals(options, now), *profile(now), *scored(options, now)]
        self._contents.aggregate([not_erased, *in_order, *rows, {"$merge": into}], allowDiskUse=True)
