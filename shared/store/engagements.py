"""What people did with posts; read only.

For example: {_id: ObjectId, user: ObjectId, account: ObjectId, targetRef: DBRef("content", ObjectId), type: "like",
visibility: "publish", createdAt: …, updatedAt: …}

An act that was taken back stays, with visibility "deleted". Acts on comments have the `$ref` "comment".
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

import numpy as np
from bson import ObjectId
from pymongo.database import Database

from shared.clock import SKEW, epoch_ms
from shared.columns import Columns, concat, is_valid
from shared.documents import Document, either_form
from shared.documents import object_id as as_object_id
from shared.store import schema
from shared.store.batches import in_batches
from shared.store.column_kinds import Kind
from shared.store.column_reader import read_columns
from shared.store.decoding import as_target, name_undated, needed, sound
from shared.store.expressions import (
    changed_at,
    changed_from,
    has_type,
    is_id,
    is_moment,
    object_id,
    optional,
    optional_type,
    period,
)
from shared.store.tombstones import Tombstones
from shared.store.visibility import PUBLISHED

KINDS = ("like", "comment", "recast", "quote", "report")
_ACTOR = {"$ifNull": ["$account", "$user"]}
_ON_CONTENTS: Document = {"targetRef.$ref": "content", "type": {"$in": list(KINDS)}}


def _on(contents: Sequence[ObjectId]) -> Document:
    """The query for acts on these posts, however the reference is written."""
    return {"targetRef.$id": {"$in": either_form(contents)}, "targetRef.$ref": "content"}


class Engagements:
    def __init__(self, app: Database[Document], analytics: Database[Document]) -> None:
        self._engagements = app[schema.ENGAGEMENTS.name]
        self._tombstones = Tombstones(app, analytics)

    def on_contents(
        self, *, now: datetime, updated_since: datetime | None = None, users: Iterable[ObjectId] | None = None
    ) -> Columns:
        """Acts on posts, those that do not count included, but for acts of who is erased.

        One that is dated ahead of now was done at a moment that nobody knows: it counts as the oldest, and is read
        where all are.

        user     (n,) ids
        content  (n,) ids
        kind     (n,) index into KINDS
        at       (n,) when it was done               [ms since 1970]
        touched  (n,) when the record last changed   [ms since 1970]
        stands   (n,) 1, or 0 when it was taken back, or is malformed
        """
        query: Document = _ON_CONTENTS | self._tombstones.authors("user")
        if updated_since is not None:
            query["updatedAt"] = changed_from(updated_since)
        if users is None:
            return self._read(query, now)
        parts = [self._read(query | {"user": {"$in": either_form(batch)}}, now) for batch in in_batches(users)]
        return concat(parts or [self._read({"_id": None}, now)])

    def acts(self, start: datetime, end: datetime) -> Columns:
        """Acts of that time that still stand: actor (n,) ids of accounts, of users where an old record names no
        account; content (n,) ids; kind (n,) index into KINDS; at (n,) [ms since 1970]. An act that is recorded twice
        is here twice: who counts asks `Actors.acts`."""
        name_undated(self._engagements, "updatedAt", _ON_CONTENTS)
        found = read_columns(
            self._engagements,
            [{"$match": _ON_CONTENTS | {"visibility": PUBLISHED, "updatedAt": {"$gte": start}}}],
            {
                "actor": ("id", _ACTOR),
                "content": ("id", "$targetRef.$id"),
                "kind": ("code", {"$indexOfArray": [list(KINDS), "$type"]}),
                "at": ("moment", "$createdAt"),
            },
        )
        within = (found["at"] >= max(epoch_ms(start), 1)) & (found["at"] <= epoch_ms(end))
        return {name: column[within] for name, column in found.items()}

    def of_account(self, account: ObjectId, users: Sequence[ObjectId], most: int) -> list[ObjectId]:
        """Posts that an account engaged with, or one of its users where an old record names no account, what was taken
        back since included; at most so many, the latest first."""
        by_user = {"user": {"$in": either_form(users)}, "account": None}
        query = {"$or": [{"account": {"$in": either_form([account])}}, by_user], "targetRef.$ref": "content"}
        found = islice(self._engagements.find(query, {"targetRef": 1}).sort("_id", -1).limit(most), most)
        return list(sound(self._engagements, found, lambda row: needed(as_target(row.get("targetRef")))))

    def latest(self, since: datetime | None, *, now: datetime) -> Columns:
        """Who did something with a post, or took it back, since then, ever for None: actor (n,) ids of accounts, of
        users where an old record names no account; at (n,) when the last such record changed [ms since 1970]; ever,
        that is now where one is dated ahead."""
        query = _ON_CONTENTS if since is None else _ON_CONTENTS | {"updatedAt": period(since, now)}
        by_actor = {"_id": object_id(_ACTOR), "at": {"$max": changed_at(now)}}
        fields: dict[str, tuple[Kind, Any]] = {"actor": ("id", "$_id"), "at": ("moment", "$at")}
        each: dict[str, tuple[Kind, Any]] = {"actor": ("id", _ACTOR), "at": ("moment", "$updatedAt")}
        match: list[Document] = [{"$match": query}]
        found = read_columns(self._engagements, [*match, {"$group": by_actor}], fields, documents=(match, each))
        sound = is_valid(found["actor"])
        return {name: column[sound] for name, column in found.items()}

    def actors_on(self, contents: Sequence[ObjectId] | None, start: datetime) -> Columns:
        """Who did something with these posts, or with any, from that moment on that still stands: actor (n,) ids as in
        `latest`; content (n,) ids."""
        query = _ON_CONTENTS | {"visibility": PUBLISHED, "createdAt": {"$gte": start}}
        fields: dict[str, tuple[Kind, Any]] = {
            "actor": ("id", _ACTOR),
            "content": ("id", "$targetRef.$id"),
        }
        if contents is None:
            return read_columns(self._engagements, [{"$match": query}], fields)
        parts = [
            read_columns(self._engagements, [{"$match": _on(batch) | query}], fields) for batch in in_batches(contents)
        ]
        return concat(parts or [read_columns(self._engagements, [{"$match": {"_id": None}}], fields)])

    def users_of(self, contents: Iterable[ObjectId], *, before: datetime, now: datetime) -> set[ObjectId]:
        """Who acted on these posts before that moment, by the moments that `on_contents` tells."""
        users: set[ObjectId] = set()
        later = {"createdAt": period(before, now), "updatedAt": changed_from(before)}
        for batch in in_batches(contents):
            found = self._engagements.find(_on(batch) | {"$nor": [later]}, {"user": 1})
            users.update(sound(self._engagements, found, lambda row: needed(as_object_id(row.get("user")))))
        return users

    def users_in_turn(self, after: ObjectId, acts: int) -> tuple[set[ObjectId], ObjectId | None]:
        """The next users in the order of their ids, with about so many acts, or those of one user; and the last of
        them, None where nobody is left. Each form that ids are stored in has an order of its own."""
        users, ends = set[ObjectId](), []
        for first in (after, str(after), str(after).upper()):
            behind = self._engagements.find({"user": {"$gt": first}}, {"_id": 0, "user": 1}).sort("user", 1).limit(acts)
            found = [as_object_id(row["user"]) for row in behind]
            named = [user for user in found if user is not None and user > after]
            users.update(named)
            if len(found) == acts:
                ends += named[-1:]
        last = min(ends, default=None)
        return {user for user in users if last is None or user <= last}, last

    def malformed(self, updated_since: datetime | None, *, now: datetime) -> list[ObjectId]:
        """Acts without a user, a target or a kind of the right type, or without a date that is not ahead of now, and
        those with an account or a visibility that is none."""
        kept = [is_id("$user"), is_id("$targetRef.$id"), is_moment("$createdAt", now), is_moment("$updatedAt", now)]
        kept += [has_type("$type", "string"), optional_type("$visibility", "string")]
        kept.append(optional("$account", is_id("$account")))
        query: Document = {"$expr": {"$not": [{"$and": kept}]}}
        if updated_since is not None:
            query["updatedAt"] = changed_from(updated_since)
        return [row["_id"] for row in self._engagements.find(query, {"_id": 1})]

    def _read(self, query: Document, now: datetime) -> Columns:
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
        acts["stands"] = acts["stands"] * (is_valid(acts["user"]) & (acts["kind"] >= 0) & (acts["at"] > 0))
        acts["at"] = np.minimum(acts["at"], acts["touched"])  # no act is newer than its record
        acts["at"] = np.where(acts["at"] > epoch_ms(now + SKEW), 1, acts["at"])
        return acts
