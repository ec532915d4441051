"""Who follows and who blocks whom; read only.

For example: {_id: ObjectId, user: ObjectId, followedUser: ObjectId, following: true, blocking: false, blocked: false,
isFollowPage: false, updatedAt: …} where `blocking` says that `user` blocks the other, and `blocked` that the other
does. A row without `following` is a follow.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from bson import ObjectId
from pymongo.database import Database

from shared.store import schema
from shared.store.identity import either_form, object_id

Document = dict[str, Any]

FOLLOWS = {"following": {"$ne": False}, "blocking": {"$ne": True}, "blocked": {"$ne": True}}
_SHOWN = {"_id": 0, "user": 1, "followedUser": 1}


@dataclass(frozen=True, slots=True)
class Bonds:
    """Whom some users follow, and with whom there is a block, whoever made it."""

    followed: frozenset[ObjectId]
    blocked: frozenset[ObjectId]


class Relationships:
    def __init__(self, app: Database[Document]) -> None:
        self._relationships, self._users = app[schema.RELATIONSHIPS.name], app[schema.USERS.name]

    def bonds(self, users: Sequence[ObjectId], most: int) -> Bonds:
        """Of these users, all in one; at most so many follows, the newest of them."""
        outward: Document = {"user": {"$in": list(users)}}
        followed = self._relationships.find(outward | FOLLOWS, _SHOWN).sort("_id", -1).limit(most)
        return Bonds(_ids(row.get("followedUser") for row in islice(followed, most)), self.blocked(users))

    def blocked(self, users: Sequence[ObjectId]) -> frozenset[ObjectId]:
        """With whom one of these users has a block, whoever made it."""
        sides, blocks = ("user", "followedUser"), ("blocking", "blocked")
        mine = {"$in": either_form(users)}
        either = [{side: mine, block: True} for side in sides for block in blocks]  # each by an index of its own
        found = self._relationships.find({"$or": either}, _SHOWN) if users else ()
        return _ids(row.get(side) for row in found for side in sides) - set(users)

    def followed_among(self, others: Sequence[ObjectId], users: Sequence[ObjectId]) -> frozenset[ObjectId]:
        """Those of the others whom one of these users follows, however long ago."""
        query = {"user": {"$in": list(users)}, "followedUser": {"$in": list(others)}} | FOLLOWS
        return _ids(row["followedUser"] for row in self._relationships.find(query, _SHOWN))

    def second_hand(
        self, users: Sequence[ObjectId], barred: Collection[ObjectId], each: int, most: int
    ) -> list[tuple[ObjectId, int, list[ObjectId]]]:
        """Whom most of these users follow, but for the barred: who, through how many of them, and three of those, the
        most followed first.

        each  follows of one user that are looked at, the newest: one who follows everybody costs no more than that
        """
        newest: list[Document] = [{"$match": FOLLOWS}, {"$sort": {"_id": -1}}, {"$limit": each}, {"$project": _SHOWN}]
        follows = {"from": self._relationships.name, "localField": "_id", "foreignField": "user", "pipeline": newest}
        some = {"$slice": [{"$sortArray": {"input": "$through", "sortBy": 1}}, 3]}
        stages: list[Document] = [
            {"$match": {"_id": {"$in": list(users)}}},
            {"$project": {"_id": 1}},
            {"$lookup": follows | {"as": "follow"}},
            {"$unwind": "$follow"},
            {"$group": {"_id": "$follow.followedUser", "through": {"$addToSet": "$_id"}}},
            {"$match": {"_id": {"$nin": list(barred)}}},
            {"$project": {"number": {"$size": "$through"}, "through": some}},
            {"$sort": {"number": -1, "_id": 1}},
            {"$limit": most},
        ]
        found = self._users.aggregate(stages)
        return [(row["_id"], row["number"], row["through"]) for row in found if isinstance(row["_id"], ObjectId)]


def _ids(values: Any) -> frozenset[ObjectId]:
    return frozenset(one for one in map(object_id, values) if one)
