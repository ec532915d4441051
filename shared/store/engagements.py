"""What people did with posts; read only.

For example: {_id: ObjectId, user: ObjectId, account: ObjectId, targetRef: DBRef("content", ObjectId), type: "like",
visibility: "publish", createdAt: …, updatedAt: …}

An act that was taken back stays, with visibility "deleted". Acts on comments have the `$ref` "comment".
"""

from collections.abc import Iterable
from datetime import datetime
from itertools import islice
from typing import Any

import numpy as np
from bson import DBRef, ObjectId
from pymongo.database import Database

from shared.store import schema
from shared.store.columns import Columns, Kind, joined, known, read_columns
from shared.store.contents import PUBLISHED, in_batches
from shared.store.expressions import has_type
from shared.store.tombstones import Tombstones

Document = dict[str, Any]

KINDS = ("like", "comment", "recast", "quote", "report")
_ON_CONTENTS = {"targetRef.$ref": "content", "type": {"$in": list(KINDS)}}


class Engagements:
    def __init__(self, app: Database[Document], analytics: Database[Document]) -> None:
        self._engagements = app[schema.ENGAGEMENTS.name]
        self._tombstones = Tombstones(app, analytics)

    def on_contents(self, *, updated_since: datetime | None = None, users: Iterable[ObjectId] | None = None) -> Columns:
        """Acts on posts, those that do not count included, but for acts of who is erased.

        user     (n,) ids
        content  (n,) ids
        kind     (n,) index into KINDS
        at       (n,) when it was done               [ms since 1970]
        touched  (n,) when the record last changed   [ms since 1970]
        stands   (n,) 1, or 0 when it was taken back, or is malformed
        """
        query: Document = _ON_CONTENTS | self._tombstones.authors("user")
        if updated_since is not None:
            query["updatedAt"] = {"$gte": updated_since}
        if users is None:
            return self._read(query)
        parts = [self._read(query | {"user": {"$in": batch}}) for batch in in_batches(users)]
        return joined(parts or [self._read({"_id": None})])

    def acts(self, start: datetime, end: datetime) -> Columns:
        """Acts of that time that still stand: actor (n,) ids of accounts, of users where an old record names no
        account; content (n,) ids; kind (n,) index into KINDS; at (n,) [ms since 1970]."""
        query = _ON_CONTENTS | {"visibility": PUBLISHED, "updatedAt": {"$gte": start}}
        return read_columns(
            self._engagements,
            [{"$match": query | {"createdAt": {"$gte": start, "$lte": end}}}],
            {
                "actor": ("id", {"$ifNull": ["$account", "$user"]}),
                "content": ("id", "$targetRef.$id"),
                "kind": ("code", {"$indexOfArray": [list(KINDS), "$type"]}),
                "at": ("moment", "$createdAt"),
            },
        )

    def of_account(self, account: ObjectId, most: int) -> list[ObjectId]:
        """Posts that an account engaged with, what it took back since included; at most so many, the latest first."""
        query = {"account": account, "targetRef.$ref": "content"}
        found = self._engagements.find(query, {"targetRef": 1, "_id": 0}).sort("_id", -1).limit(most)
        return [row["targetRef"].id for row in islice(found, most) if isinstance(row["targetRef"].id, ObjectId)]

    def latest(self, since: datetime | None) -> Columns:
        """Who did something with a post, or took it back, since then, ever for None: actor (n,) ids of accounts, of
        users where an old record names no account; at (n,) when the last such record changed [ms since 1970]."""
        query = _ON_CONTENTS if since is None else _ON_CONTENTS | {"updatedAt": {"$gte": since}}
        by_actor = {"_id": {"$ifNull": ["$account", "$user"]}, "at": {"$max": "$updatedAt"}}
        fields: dict[str, tuple[Kind, Any]] = {"actor": ("id", "$_id"), "at": ("moment", "$at")}
        found = read_columns(self._engagements, [{"$match": query}, {"$group": by_actor}], fields)
        sound = known(found["actor"])
        return {name: column[sound] for name, column in found.items()}

    def users_of(self, contents: Iterable[ObjectId], *, before: datetime) -> set[ObjectId]:
        """Who acted on these posts before that moment."""
        users: set[ObjectId] = set()
        for batch in in_batches(contents):
            earlier = [{"createdAt": {"$lt": before}}, {"updatedAt": {"$lt": before}}]
            query = {"targetRef": {"$in": [DBRef("content", one) for one in batch]}, "$or": earlier}
            query["user"] = {"$type": "objectId"}
            found = (row["user"] for row in self._engagements.find(query, {"user": 1, "_id": 0}))
            users.update(user for user in found if isinstance(user, ObjectId))
        return users

    def malformed(self, updated_since: datetime | None) -> list[ObjectId]:
        """Acts without a user, a target or a date of the right type."""
        sound = [has_type("$user", "objectId"), has_type("$targetRef.$id", "objectId")]
        sound += [has_type("$createdAt", "date"), has_type("$updatedAt", "date")]
        query: Document = {"$expr": {"$not": [{"$and": sound}]}}
        if updated_since is not None:
            query["updatedAt"] = {"$gte": updated_since}
        return [row["_id"] for row in self._engagements.find(query, {"_id": 1})]

    def _read(self, query: Document) -> Columns:
        acts = read_columns(
            self._engagements,
            [{"$match": query}],
            {
                "user": ("id", "$user"),
                "content": ("id", "$targetRef.$id"),
                "kind": ("code", {"$indexOfArray": [list(KINDS), "$type"]}),
                "at": ("moment", "$createdAt"),
                "touched": ("moment", "$updatedAt"),
                "stands": ("code", {"$cond": [{"$eq": ["$visibility", PUBLISHED]}, 1, 0]}),
            },
        )
        acts["stands"] = acts["stands"] * (known(acts["user"]) & (acts["kind"] >= 0) & (acts["at"] > 0))
        acts["at"] = np.minimum(acts["at"], acts["touched"])  # no act is newer than its record
        return acts
