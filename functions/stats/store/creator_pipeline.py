"""Stages of the aggregation that computes a row of `creatorStats` from a creator's posts.

In order: `totals`, `profile`, `scored`; the last one also scores a stored row again.
"""

from datetime import datetime

from functions.stats.options import CreatorStats
from shared.documents import Document
from shared.store import schema
from shared.store.expressions import (
    Expression,
    age_score,
    count,
    fingerprint,
    has_type,
    is_id,
    moment,
    moments,
    object_id,
    optional,
    text,
    weighted,
)
from shared.store.visibility import is_published, is_published_account

TOTALS = {
    "like": "creatorLikedCount",
    "comment": "creatorCommentedCount",
    "recast": "creatorRecastedCount",
    "quote": "creatorQuotedCount",
}
_LAST = {"createdAt": "lastContentCreatedAt", "updatedAt": "lastContentUpdatedAt"}


def totals(options: CreatorStats, now: datetime) -> list[Document]:
    """One document for each creator: totals over the posts, and the same by type of post."""
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


def profile(now: datetime) -> list[Document]:
    """Add the creator's user and account; drop creators whose user may not be shown, by the rule of `visibility`.

    The joins only find documents under an ObjectId.
    """
    owner = "$user.ownerAccount"
    owned = [is_published_account("account.visibility"), {"account": {"$exists": True}}]
    return [
        {"$lookup": {"from": schema.USERS.name, "localField": "_id", "foreignField": "_id", "as": "user"}},
        {"$set": {"user": {"$first": "$user"}}},
        {"$match": is_published("user.visibility") | {"$expr": optional(owner, is_id(owner))}},
        {"$set": {"ownerAccount": object_id(owner)}},
        {
            "$lookup": {
                "from": schema.ACCOUNTS.name,
                "localField": "ownerAccount",
                "foreignField": "_id",
                "as": "account",
            }
        },
        {"$set": {"account": {"$first": "$account"}}},
        {"$match": {"$or": [{"ownerAccount": None}, {"$and": owned}]}},
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


def scored(options: CreatorStats, now: datetime) -> list[Document]:
    """Scores at `now`, from the totals alone.

    ageScore = that of the newest post; followedScore = follower_weight · followers
    score = ageScore · engagementScore / contentCount + followedScore + bias
    summary.score = typeWeight · ageScore of the type · its share of the engagement + followedScore
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
    share = {"$cond": [{"$gt": ["$points", 0]}, {"$divide": ["$$type.points", {"$max": ["$points", 1e-9]}]}, 0]}
    scores = {
        "typeWeight": weight,
        "aggregator": {"ageScore": age, "engagementScore": "$$type.points", "followedScore": followed},
        "score": {"$add": [{"$multiply": [weight, age, share]}, followed]},
    }
    return {"$mergeObjects": ["$$type", scores]}
