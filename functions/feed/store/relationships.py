"""Who follows and who blocks whom; read only.

For example: {_id: ObjectId, user: ObjectId, followedUser: ObjectId, following: true, blocking: false, blocked: false,
isFollowPage: false, updatedAt: …} where `blocking` says that `user` blocks the other, and `blocked` that the other
blocks `user`; a value that is neither true nor false is a block. A row without `following` is a follow.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from bson import ObjectId

from shared.documents import Document, either_form
from shared.documents import object_id as as_object_id
from shared.store import Store, schema
from shared.store.decoding import needed, sound
from shared.store.expressions import is_id, object_id
from shared.store.malformed import name_malformed

_NO_BLOCK: Document = {"$in": [False, None], "$not": {"$type": "array"}}
_BLOCK: Document = {"$nin": [False, None]}  # a malformed value is a block too
FOLLOWS: Document = {"following": {"$ne": False}, "blocking": _NO_BLOCK, "blocked": _NO_BLOCK}
FLAGS = ("following", "blocking", "blocked")
_SHOWN = dict.fromkeys(("user", "followedUser", *FLAGS), 1)


@dataclass(frozen=True, slots=True)
class FollowsAndBlocks:
    """The users that some users follow, and those with whom they have a block, whichever side made it; no user is in
    both."""

    followed: frozenset[ObjectId]
    blocked: frozenset[ObjectId]


class Relationships:
    def __init__(self, store: Store) -> None:
        self._relationships, self._users = store.app[schema.RELATIONSHIPS.name], store.app[schema.USERS.name]

    def follows_and_blocks(self, users: Sequence[ObjectId], limit: int) -> FollowsAndBlocks:
        """The newest follows of these users together, at most `limit`, and all of their blocks."""
        outward: Document = {"user": {"$in": either_form(users)}}
        rows = islice(self._relationships.find(outward | FOLLOWS, _SHOWN).sort("_id", -1).limit(limit), limit)
        blocked = self.blocked(users)
        return FollowsAndBlocks(frozenset(other for _, other in self._pairs(rows)) - blocked, blocked)

    def blocked(self, users: Sequence[ObjectId]) -> frozenset[ObjectId]:
        """The users with whom one of these users has a block, whichever side made it."""
        sides, blocks = ("user", "followedUser"), ("blocking", "blocked")
        mine = {"$in": either_form(users)}
        clauses = [{side: mine, block: _BLOCK} for side in sides for block in blocks]  # each by an index of its own
        rows = self._relationships.find({"$or": clauses}, _SHOWN) if users else ()
        return frozenset(side for pair in self._pairs(rows) for side in pair) - set(users)

    def followed_among(self, candidates: Sequence[ObjectId], users: Sequence[ObjectId]) -> frozenset[ObjectId]:
        """The candidates that one of these users follows, however long ago that began."""
        query = {"user": {"$in": either_form(users)}, "followedUser": {"$in": either_form(candidates)}} | FOLLOWS
        return frozenset(other for _, other in self._pairs(self._relationships.find(query, _SHOWN)))

    def friends_of_friends(
        self, users: Sequence[ObjectId], excluded: Collection[ObjectId], max_each: int, limit: int
    ) -> list[tuple[ObjectId, int, list[ObjectId]]]:
        """At most `limit` users whom most of these users follow, without those excluded: the user, how many of these
        follow it, and three of them; the most followed first.

        max_each  follows of each of these users that are read, the newest; it bounds the cost of users who follow many
        """
        newest: list[Document] = [
            {"$match": FOLLOWS},
            {"$sort": {"_id": -1}},
            {"$limit": max_each},
            {"$project": _SHOWN},
        ]
        follows = {"from": self._relationships.name, "localField": "forms", "foreignField": "user", "pipeline": newest}
        examples = {"$slice": [{"$sortArray": {"input": "$through", "sortBy": 1}}, 3]}
        digits = {"$toString": "$_id"}
        malformed = {"$cond": [is_id("$follow.followedUser"), "$$REMOVE", "$follow._id"]}
        stages: list[Document] = [
            {"$match": {"_id": {"$in": list(users)}}},
            {"$project": {"forms": ["$_id", digits, {"$toUpper": digits}]}},
            {"$lookup": follows | {"as": "follow"}},
            {"$unwind": "$follow"},
            {
                "$group": {
                    "_id": object_id("$follow.followedUser"),
                    "through": {"$addToSet": "$_id"},
                    "malformed": {"$addToSet": malformed},
                }
            },
            {"$match": {"_id": {"$nin": list(excluded)}}},
            {"$project": {"number": {"$size": "$through"}, "through": examples, "malformed": 1}},
            {"$set": {"known": {"$ne": ["$_id", None]}}},
            {"$sort": {"known": 1, "number": -1, "_id": 1}},
            {"$limit": limit + 1},
        ]
        rows = list(self._users.aggregate(stages))
        for row in rows:
            name_malformed(self._relationships.name, *row["malformed"])
        return [(row["_id"], row["number"], row["through"]) for row in rows if row["_id"] is not None][:limit]

    def _pairs(self, rows: Iterable[Document]) -> Iterator[tuple[ObjectId, ObjectId]]:
        """The user and the followed user of each row."""

        def decode(row: Document) -> tuple[ObjectId, ObjectId]:
            if not all(isinstance(row.get(flag), bool | None) for flag in FLAGS):
                name_malformed(self._relationships.name, row["_id"])
            return needed(as_object_id(row.get("user"))), needed(as_object_id(row.get("followedUser")))

        return sound(self._relationships, rows, decode)
