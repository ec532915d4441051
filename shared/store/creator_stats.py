"""Engagement of every creator with a published post in the window.

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
from pymongo.database import Database

from shared.config import CreatorStats
from shared.store import schema
from shared.store.contents import PUBLISHED, in_batches, in_window
from shared.store.decoding import own_id, sound
from shared.store.expressions import (
    Expression,
    age_score,
    count,
    fingerprint,
    has_type,
    is_count,
    is_id,
    is_moment,
    moment,
    moments,
    object_id,
    optional,
    period,
    text,
    weighted,
)
from shared.store.identity import either_form
from shared.store.stored_totals import OF_CREATORS
from shared.store.tombstones import Tombstones

Document = dict[str, Any]

LAYOUT: Final = "2"  # of the rows: raised with what stands in them or how it is computed, so that all are made anew

TOTALS = {
    "like": "creatorLikedCount",
    "comment": "creatorCommentedCount",
    "recast": "creatorRecastedCount",
    "quote": "creatorQuotedCount",
}
_LAST = {"createdAt": "lastContentCreatedAt", "updatedAt": "lastContentUpdatedAt"}


class CreatorStatistics:
    def __init__(self, app: Database[Document], analytics: Database[Document]) -> None:
        self._contents, self._users = app[schema.CONTENTS.name], app[schema.USERS.name]
        self._accounts = app[schema.ACCOUNTS.name]
        self._stats = analytics[schema.CREATOR_STATS.name]
        self._target = {"db": analytics.name, "coll": schema.CREATOR_STATS.name}
        self._tombstones = Tombstones(app, analytics)

    def refresh(self, options: CreatorStats, creators: Iterable[ObjectId] | None, *, now: datetime) -> None:
        """Compute these creators, or all."""
        query = in_window(now - options.window, options.age_from, now)
        if creators is None:
            self._merge(query, options, now)
            return
        for some in in_batches(creators):
            self._merge(query | {"author.id": {"$in": either_form(some)}}, options, now)

    def redate(self, options: CreatorStats, *, now: datetime) -> int:
        """Let time pass for every creator that this run did not compute; returns how many those were."""
        return self._stats.update_many({"scoredAt": {"$lt": now}} | OF_CREATORS, _scored(options, now)).modified_count

    def prune(self, creators: Iterable[ObjectId] | None, *, now: datetime) -> int:
        """Delete those of `creators` (None: of all) that this run did not compute again; returns how many."""
        stale: Document = {"scoredAt": {"$ne": now}}
        if creators is None:
            return self._stats.delete_many(stale).deleted_count
        batches = in_batches(creators)
        return sum(self._stats.delete_many(stale | {"_id": {"$in": some}}).deleted_count for some in batches)

    def outdated(self, options: CreatorStats, *, now: datetime) -> set[ObjectId]:
        """Creators with other posts in the window than their row is made of, however many, or with posts and no row."""
        query = in_window(now - options.window, options.age_from, now)
        window = {"$match": query | self._tombstones.authors("author.id")}
        by_author = {"$group": {"_id": object_id("$author.id"), "posts": {"$sum": fingerprint("$_id")}}}
        posts = {found["_id"]: found["posts"] for found in self._contents.aggregate([window, by_author])}
        rows = {row["_id"]: row.get("contentFingerprint") for row in self._stats.find({}, {"contentFingerprint": 1})}
        lacking = ({"_id": {"$in": some}, "visibility": PUBLISHED} for some in in_batches(posts.keys() - rows.keys()))
        published = {user["_id"] for query in lacking for user in self._users.find(query, {"_id": 1})}
        return published | {creator for creator, made_of in rows.items() if made_of != posts.get(creator)}

    def touched(self, since: datetime, *, now: datetime) -> set[ObjectId]:
        """Users whose own document, or whose account's, changed since then."""
        changed = {"updatedAt": period(since, now)}
        accounts = sound(self._accounts, self._accounts.find(changed, {"_id": 1}), own_id)
        queries = [changed, *({"ownerAccount": {"$in": either_form(some)}} for some in in_batches(accounts))]
        users = (self._users.find(query, {"_id": 1}) for query in queries)
        return {user for some in users for user in sound(self._users, some, own_id)}

    def malformed(self, since: datetime | None, *, now: datetime) -> list[Any]:
        """Published users with an impossible number of followers, or an account or a date that is none."""
        changed = {} if since is None else {"updatedAt": period(since, now)}
        wanted = [optional(number, is_count(number)) for number in ("$followerCount", "$followedCount")]
        wanted.append(optional("$ownerAccount", is_id("$ownerAccount")))
        wanted.append(optional("$createdAt", is_moment("$createdAt", now)))
        query = {"visibility": PUBLISHED, "$expr": {"$not": [{"$and": wanted}]}} | changed
        return [user["_id"] for user in self._users.find(query, {"_id": 1})]

    def written(self, now: datetime) -> int:
        """How many rows the run of that moment computed or redated."""
        return self._stats.count_documents({"scoredAt": now})

    def _merge(self, query: Document, options: CreatorStats, now: datetime) -> None:
        into = {"into": self._target, "on": "_id", "whenMatched": "replace", "whenNotMatched": "insert"}
        known = {"$match": query | self._tombstones.authors("author.id")}
        stages = [known, *_totals(options, now), *_profile(now), *_scored(options, now), {"$merge": into}]
        self._contents.aggregate(stages, allowDiskUse=True)


def _totals(options: CreatorStats, now: datetime) -> list[Document]:
    """One document a creator: totals over the window, and the same by type of post."""
    kinds = tuple(TOTALS)
    last = {name: {"$max": f"${clock}"} for clock, name in _LAST.items()}
    return [
        {
            "$project": {kind: count(f"$engagements.{kind}.count") for kind in kinds}
            | moments(now)
            | {"author": object_id("$author.id"), "type": text("$type"), "fingerprint": fingerprint("$_id")}
        },
        {"$match": {"author": {"$ne": None}}},
        {
            "$group": {"_id": {"author": "$author", "type": "$type"}, "typeCount": {"$sum": 1}}
            | {"fingerprint": {"$sum": "$fingerprint"}}
            | {kind: {"$sum": f"${kind}"} for kind in kinds}
            | last
        },
        {"$set": {"points": weighted(options.weights, {kind: f"${kind}" for kind in kinds})}},
        {"$sort": {"_id": 1}},
        {
            "$group": {"_id": "$_id.author", "contentCount": {"$sum": "$typeCount"}, "points": {"$sum": "$points"}}
            | {"contentFingerprint": {"$sum": "$fingerprint"}}
            | {total: {"$sum": f"${kind}"} for kind, total in TOTALS.items()}
            | {name: {"$max": f"${name}"} for name in _LAST.values()}
            | {
                "summary": {
                    "$push": {"type": "$_id.type", "typeCount": "$typeCount", "points": "$points"}
                    | {name: f"${name}" for name in _LAST.values()}
                }
            }
        },
    ]


def _profile(now: datetime) -> list[Document]:
    """A creator counts while its user is published and its account, where there is one, is not withdrawn."""
    return [
        {"$lookup": {"from": schema.USERS.name, "localField": "_id", "foreignField": "_id", "as": "user"}},
        {"$set": {"user": {"$first": "$user"}}},
        {"$match": {"user.visibility": PUBLISHED}},
        {"$set": {"ownerAccount": object_id("$user.ownerAccount")}},
        {
            "$lookup": {
                "from": schema.ACCOUNTS.name,
                "localField": "ownerAccount",
                "foreignField": "_id",
                "as": "account",
            }
        },
        {"$set": {"account": {"$first": "$account"}}},
        {"$match": {"account.visibility": {"$in": [PUBLISHED, None]}}},
        {
            "$set": {
                "creatorId": "$_id",
                "displayId": text("$user.displayId"),
                "userCreatedAt": moment("$user.createdAt", "$user.createdAt", now),
                "followerCount": count("$user.followerCount"),
                "followedCount": count("$user.followedCount"),
                "geolocation": {"$cond": [has_type("$account.geolocation", "object"), "$account.geolocation", None]},
            }
        },
        {"$unset": ["user", "account"]},
    ]


def _scored(options: CreatorStats, now: datetime) -> list[Document]:
    """Scores at `now`, out of the stored totals alone.

    ageScore = the youngest type's; followedScore = follower_weight · followers
    score = ageScore · engagementScore / contentCount + followedScore + bias
    summary.score = typeWeight · ageScore of the type · its part of the engagement + followedScore
    """
    clock = _LAST[options.age_from]
    followed = {"$multiply": ["$followerCount", options.follower_weight]}
    age = age_score(f"${clock}", now, options.half_life_hours)
    average = {"$divide": ["$points", "$contentCount"]}
    return [
        {
            "$set": {
                "aggregator": {"ageScore": age, "engagementScore": "$points", "followedScore": followed},
                "score": {"$add": [{"$multiply": [age, average]}, followed, options.bias]},
                "scoredAt": now,
                "summary": {
                    "$map": {"input": "$summary", "as": "type", "in": _type_scored(options, clock, followed, now)}
                },
            }
        }
    ]


def _type_scored(options: CreatorStats, clock: str, followed: Expression, now: datetime) -> Expression:
    weight = {"$divide": ["$$type.typeCount", "$contentCount"]}
    age = age_score(f"$$type.{clock}", now, options.half_life_hours)
    part = {"$cond": [{"$gt": ["$points", 0]}, {"$divide": ["$$type.points", {"$max": ["$points", 1e-9]}]}, 0]}
    scores = {
        "typeWeight": weight,
        "aggregator": {"ageScore": age, "engagementScore": "$$type.points", "followedScore": followed},
        "score": {"$add": [{"$multiply": [weight, age, part]}, followed]},
    }
    return {"$mergeObjects": ["$$type", scores]}
