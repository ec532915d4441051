"""Engagement of every creator with a published post in the window.

For example: {_id: ObjectId, creatorId: ObjectId, ownerAccount: ObjectId, displayId: "ann", userCreatedAt: …,
geolocation: {countryCode: "th", continentCode: "AS"}, followerCount: 9, followedCount: 4, contentCount: 2,
creatorLikedCount: 5, creatorCommentedCount: 0, creatorRecastedCount: 1, creatorQuotedCount: 0,
lastContentCreatedAt: …, lastContentUpdatedAt: …, aggregator: {ageScore: 0.5, engagementScore: 6.0, followedScore: 0.09},
score: 2.59, summary: [{type: "short", typeCount: 2, typeWeight: 1.0, aggregator: {…}, score: 0.59, …}], scoredAt: …}
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo.database import Database

from shared.config import CreatorStats
from shared.store import schema
from shared.store.contents import PUBLISHED, in_window
from shared.store.expressions import MOMENTS, Expression, age_score, count, object_id, text, weighted

Document = dict[str, Any]

TOTALS = {
    "like": "creatorLikedCount",
    "comment": "creatorCommentedCount",
    "recast": "creatorRecastedCount",
    "quote": "creatorQuotedCount",
}
_LAST = {"createdAt": "lastContentCreatedAt", "updatedAt": "lastContentUpdatedAt"}


class CreatorStatistics:
    def __init__(self, app: Database[Document], analytics: Database[Document]) -> None:
        self._app = app
        self._stats = analytics[schema.CREATOR_STATS.name]
        self._target = {"db": analytics.name, "coll": schema.CREATOR_STATS.name}

    def refresh(self, options: CreatorStats, creators: Iterable[ObjectId] | None, *, now: datetime) -> None:
        """Compute these creators, or all."""
        query = in_window(now - options.window, options.age_from)
        if creators is not None:
            query["author.id"] = {"$in": list(creators)}
        into = {"into": self._target, "on": "_id", "whenMatched": "replace", "whenNotMatched": "insert"}
        stages = [{"$match": query}, *_totals(options), *_profile(), *_scored(options, now), {"$merge": into}]
        self._app[schema.CONTENTS.name].aggregate(stages, allowDiskUse=True)

    def redate(self, options: CreatorStats, *, now: datetime) -> int:
        """Let time pass for every creator that this run did not compute; returns how many those were."""
        return self._stats.update_many({"scoredAt": {"$lt": now}}, _scored(options, now)).modified_count

    def prune(self, creators: Iterable[ObjectId] | None, *, now: datetime) -> int:
        """Delete those of `creators` (None: of all) that this run did not compute again; returns how many."""
        stale: Document = {"scoredAt": {"$lt": now}}
        if creators is not None:
            stale["_id"] = {"$in": list(creators)}
        return self._stats.delete_many(stale).deleted_count

    def touched(self, since: datetime) -> set[ObjectId]:
        """Users whose own document, or whose account's, changed since then."""
        changed = {"updatedAt": {"$gte": since}}
        accounts = [a["_id"] for a in self._app[schema.ACCOUNTS.name].find(changed, {"_id": 1})]
        query = {"$or": [changed, {"ownerAccount": {"$in": accounts}}]}
        return {user["_id"] for user in self._app[schema.USERS.name].find(query, {"_id": 1})}

    def written(self, now: datetime) -> int:
        """How many rows the run of that moment computed or redated."""
        return self._stats.count_documents({"scoredAt": now})


def _totals(options: CreatorStats) -> list[Document]:
    """One document a creator: totals over the window, and the same by type of post."""
    kinds = tuple(TOTALS)
    last = {name: {"$max": f"${clock}"} for clock, name in _LAST.items()}
    return [
        {
            "$project": {kind: count(f"$engagements.{kind}.count") for kind in kinds}
            | MOMENTS
            | {"author": object_id("$author.id"), "type": text("$type")}
        },
        {"$match": {"author": {"$ne": None}}},
        {
            "$group": {"_id": {"author": "$author", "type": "$type"}, "typeCount": {"$sum": 1}}
            | {kind: {"$sum": f"${kind}"} for kind in kinds}
            | last
        },
        {"$set": {"points": weighted(options.weights, {kind: f"${kind}" for kind in kinds})}},
        {"$sort": {"_id": 1}},
        {
            "$group": {"_id": "$_id.author", "contentCount": {"$sum": "$typeCount"}, "points": {"$sum": "$points"}}
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


def _profile() -> list[Document]:
    """A creator counts while its user is published and its account, where there is one, is not withdrawn."""
    return [
        {"$lookup": {"from": schema.USERS.name, "localField": "_id", "foreignField": "_id", "as": "user"}},
        {"$set": {"user": {"$first": "$user"}}},
        {"$match": {"user.visibility": PUBLISHED}},
        {
            "$lookup": {
                "from": schema.ACCOUNTS.name,
                "localField": "user.ownerAccount",
                "foreignField": "_id",
                "as": "account",
            }
        },
        {"$set": {"account": {"$first": "$account"}}},
        {"$match": {"account.visibility": {"$in": [PUBLISHED, None]}}},
        {
            "$set": {
                "creatorId": "$_id",
                "ownerAccount": "$user.ownerAccount",
                "displayId": "$user.displayId",
                "userCreatedAt": "$user.createdAt",
                "followerCount": count("$user.followerCount"),
                "followedCount": count("$user.followedCount"),
                "geolocation": {"$ifNull": ["$account.geolocation", None]},
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
