"""Who follows and who blocks whom; read only.

For example: {_id: ObjectId, user: ObjectId, followedUser: ObjectId, following: true, blocking: false, blocked: false,
isFollowPage: false, updatedAt: …} where `blocking` says that `user` blocks the other, and `blocked` that the other
does; what is neither true nor false there is a block. A row without `following` is a follow.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from bson import ObjectId
from pymongo.database import Database

from shared.documents import Document, either_form
from shared.documents import object_id as as_object_id
from shared.store import schema
from shared.store.decoding import needed, sound
from shared.store.expressions import is_id, object_id
from shared.store.malformed import name_malformed

_NO_BLOCK: Document = {"$in": [False, None], "$not": {"$type": "array"}}
_BLOCK: Document = {"$nin": [False, None]}  # so is what is neither true nor false
FOLLOWS: Document = {"following": {"$ne": False}, "blocking": _NO_BLOCK, "blocked": _NO_BLOCK}
FLAGS = ("following", "blocking", "blocked")
_SHOWN = dict.fromkeys(("user", "followedUser", *FLAGS), 1)


@dataclass(frozen=True, slots=True)
class FollowsAndBlocks:
    """Whom some users follow, and with whom there is a block, whoever made it; nobody is both."""

    followed: frozenset[ObjectId]
    blocked: frozenset[ObjectId]


class Relationships:
    def __init__(self, app: Database[Document]) -> None:
        self._relationships, self._users = app[schema.RELATIONSHIPS.name], app[schema.USERS.name]

    def follows_and_blocks(self, users: Sequence[ObjectId], most: int) -> FollowsAndBlocks:
        """Of these users, all in one; at most so many follows, the newest of them."""
        outward: Document = {"user": {"$in": either_form(users)}}
        rows = islice(self._relationships.find(outward | FOLLOWS, _SHOWN).sort("_id", -1).limit(most), most)
        blocked = self.blocked(users)
        return FollowsAndBlocks(frozenset(other for _, other in self._pairs(rows)) - blocked, blocked)

    def blocked(self, users: Sequence[ObjectId]) -> frozenset[ObjectId]:
        """With whom one of these users has a block, whoever made it."""
        sides, blocks = ("user", "followedUser"), ("blocking", "blocked")
        mine = {"$in": either_form(users)}
        either = [{side: mine, block: _BLOCK} for side in sides for block in blocks]  # each by an index of its own
        rows = self._relationships.find({"$or": either}, _SHOWN) if users else ()
        return frozenset(side for pair in self._pairs(rows) for side in pair) - set(users)

    def followed_among(self, others: Sequence[ObjectId], users: Sequence[ObjectId]) -> frozenset[ObjectId]:
        """Those of the others whom one of these users follows, however long ago."""
        query = {"user": {"$in": either_form(users)}, "followedUser": {"$in": either_form(others)}} | FOLLOWS
        return frozenset(other for _, other in self._pairs(self._relationships.find(query, _SHOWN)))

    def friends_of_friends(
        self, users: Sequence[ObjectId], excluded: Collection[ObjectId], each: int, most: int
    ) -> list[tuple[ObjectId, int, list[ObjectId]]]:
        """Whom most of these users follow, but for the barred: who, through how many of them, and three of those, the
        most followed first.

        each  follows of one user that are looked at, the newest: one who follows everybody costs no more than that
        """
        newest: list[Document] = [{"$match": FOLLOWS}, {"$sort": {"_id": -1}}, {"$limit": each}, {"$project": _SHOWN}]
        follows = {"from": self._relationships.name, "localField": "forms", "foreignField": "user", "pipeline": newest}
        some = {"$slice": [{"$sortArray": {"input": "$through", "sortBy": 1}}, 3]}
        digits = {"$toString": "$_id"}
        strange = {"$cond": [is_id("$follow.followedUser"), "$$REMOVE", "$follow._id"]}
        stages: list[Document] = [
            {"$match": {"_id": {"$in": list(users)}}},
            {"$project": {"forms": ["$_id", digits, {"$toUpper": digits}]}},
            {"$lookup": follows | {"as": "follow"}},
            {"$unwind": "$follow"},
            {
                "$group": {
                    "_id": object_id("$follow.followedUser"),
                    "through": {"$addToSet": "$_id"},
                    "malformed": {"$addToSet": strange},
                }
            },
            {"$match": {"_id": {"$nin": list(excluded)}}},
            {"$project": {"number": {"$size": "$through"}, "through": some, "malformed": 1}},
            {"$set": {"known": {"$ne": ["$_id", None]}}},
            {"$sort": {"known": 1, "number": -1, "_id": 1}},
            {"$limit": most + 1},
        ]
        found = list(self._users.aggregate(stages))
        for row in found:
            name_malformed(self._relationships.name, *row["malformed"])
        return [(row["_id"], row["number"], row["through"]) for row in found if row["_id"] is not None][:most]

    def _pairs(self, rows: Iterable[Document]) -> Iterator[tuple[ObjectId, ObjectId]]:
        """Both sides of each row."""

        def decode(row: Document) -> tuple[ObjectId, ObjectId]:
            if not all(isinstance(row.get(flag), bool | None) for flag in FLAGS):
                name_malformed(self._relationships.name, row["_id"])
            return needed(as_object_id(row.get("user"))), needed(as_object_id(row.get("followedUser")))

        return sound(self._relationships, rows, decode)
