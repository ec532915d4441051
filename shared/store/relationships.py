"""Who follows and who blocks whom; read only.

For example: {_id: ObjectId, user: ObjectId, followedUser: ObjectId, following: true, blocking: false, blocked: false,
isFollowPage: false, updatedAt: …} where `blocking` says that `user` blocks the other, and `blocked` that the other
does. A row without `following` is a follow.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from bson import ObjectId
from pymongo.database import Database

from shared.store import schema

Document = dict[str, Any]

FOLLOWS = {"following": {"$ne": False}, "blocking": {"$ne": True}, "blocked": {"$ne": True}}


@dataclass(frozen=True, slots=True)
class Bonds:
    """Whom some users follow, and with whom there is a block, whoever made it."""

    followed: frozenset[ObjectId]
    blocked: frozenset[ObjectId]


class Relationships:
    def __init__(self, app: Database[Document]) -> None:
        self._relationships = app[schema.RELATIONSHIPS.name]

    def bonds(self, users: Sequence[ObjectId], most: int) -> Bonds:
        """Of these users, all in one; at most so many follows, the newest of them."""
        shown = {"_id": 0, "user": 1, "followedUser": 1}
        blocks = {"$or": [{"blocking": True}, {"blocked": True}]}
        outward: Document = {"user": {"$in": list(users)}}
        followed = self._relationships.find(outward | FOLLOWS, shown).sort("_id", -1).limit(most)
        blocked = list(self._relationships.find(outward | blocks, shown))
        blocked += self._relationships.find({"followedUser": {"$in": list(users)}} | blocks, shown)
        both = {row.get(field) for row in blocked for field in ("user", "followedUser")} - set(users)
        return Bonds(_ids(row.get("followedUser") for row in islice(followed, most)), _ids(both))

    def second_hand(
        self, users: Sequence[ObjectId], each: int, most: int
    ) -> list[tuple[ObjectId, int, list[ObjectId]]]:
        """Whom most of these users follow: who, through how many of them, and some of those, the most followed first.

        each  follows of one user that are looked at
        """
        newest = {"$push": "$followedUser"}
        by_user = {"_id": "$user", "followed": newest}
        by_followed = {"_id": "$followed", "number": {"$sum": 1}, "through": {"$push": "$_id"}}
        stages: list[Document] = [
            {"$match": {"user": {"$in": list(users)}} | FOLLOWS},
            {"$project": {"_id": 0, "user": 1, "followedUser": 1}},
            {"$group": by_user},
            {"$project": {"followed": {"$slice": [{"$setUnion": ["$followed", []]}, each]}}},
            {"$unwind": "$followed"},
            {"$group": by_followed},
            {"$sort": {"number": -1, "_id": 1}},
            {"$limit": most},
            {"$project": {"number": 1, "through": {"$slice": [{"$sortArray": {"input": "$through", "sortBy": 1}}, 3]}}},
        ]
        found = self._relationships.aggregate(stages)
        return [(row["_id"], row["number"], row["through"]) for row in found if isinstance(row["_id"], ObjectId)]


def _ids(values: Any) -> frozenset[ObjectId]:
    return frozenset(one for one in values if isinstance(one, ObjectId))
