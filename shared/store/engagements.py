"""Engagements with posts; read only.

For example: {_id: ObjectId, user: ObjectId, account: ObjectId, targetRef: DBRef("content", ObjectId), type: "like",
visibility: "publish", createdAt: …, updatedAt: …}

An engagement that was taken back stays, with visibility "deleted". Engagements with comments have the `$ref` "comment".
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
from shared.engagement_kinds import ENGAGEMENT_KINDS
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

_ACTOR = {"$ifNull": ["$account", "$user"]}
_ON_CONTENTS: Document = {"targetRef.$ref": "content", "type": {"$in": list(ENGAGEMENT_KINDS)}}


def _on(contents: Sequence[ObjectId]) -> Document:
    """The query for engagements with these posts, whichever form their ids are stored in."""
    return {"targetRef.$id": {"$in": either_form(contents)}, "targetRef.$ref": "content"}


class Engagements:
    def __init__(self, app: Database[Document], analytics: Database[Document]) -> None:
        self._engagements = app[schema.ENGAGEMENTS.name]
        self._tombstones = Tombstones(app, analytics)

    def on_contents(
        self, *, now: datetime, updated_since: datetime | None = None, users: Iterable[ObjectId] | None = None
    ) -> Columns:
        """Engagements with posts, also those that do not count, without those of erased users.

        updated_since  only records that changed from then on
        users          only engagements of these users; those of all for None

        user        (n,) ids
        content     (n,) ids
        kind        (n,) index into ENGAGEMENT_KINDS
        at          (n,) moment of the engagement [ms since 1970]; 1, the oldest, where it is dated ahead of now
        changed_at  (n,) last change of the record [ms since 1970]
        stands      (n,) 1, or 0 where it was taken back or is malformed
        """
        query: Document = _ON_CONTENTS | self._tombstones.authors("user")
        if updated_since is not None:
            query["updatedAt"] = changed_from(updated_since)
        if users is None:
            return self._read(query, now)
        parts = [self._read(query | {"user": {"$in": either_form(batch)}}, now) for batch in in_batches(users)]
        return concat(parts or [self._read({"_id": None}, now)])

    def between(self, start: datetime, end: datetime) -> Columns:
        """Engagements of that time that were not taken back: actor (n,) ids of accounts, or of users where an old
        record names no account; content (n,) ids; kind (n,) index into ENGAGEMENT_KINDS; at (n,) [ms since 1970].

        One that is recorded twice is returned twice: see `Accounts.engagements` of shared.ranking for counting.
        """
        name_undated(self._engagements, "updatedAt", _ON_CONTENTS)
        engagements = read_columns(
            self._engagements,
            [{"$match": _ON_CONTENTS | {"visibility": PUBLISHED, "updatedAt": {"$gte": start}}}],
            {
                "actor": ("id", _ACTOR),
                "content": ("id", "$targetRef.$id"),
                "kind": ("code", {"$indexOfArray": [list(ENGAGEMENT_KINDS), "$type"]}),
                "at": ("moment", "$createdAt"),
            },
        )
        within = (engagements["at"] >= max(epoch_ms(start), 1)) & (engagements["at"] <= epoch_ms(end))
        return {name: column[within] for name, column in engagements.items()}

    def of_account(self, account: ObjectId, users: Sequence[ObjectId], limit: int) -> list[ObjectId]:
        """At most `limit` posts that an account engaged with, the latest first, also where that was taken back since;
        an old record that names no account counts by its user, one of `users`."""
        by_user = {"user": {"$in": either_form(users)}, "account": None}
        query = {"$or": [{"account": {"$in": either_form([account])}}, by_user], "targetRef.$ref": "content"}
        rows = islice(self._engagements.find(query, {"targetRef": 1}).sort("_id", -1).limit(limit), limit)
        return list(sound(self._engagements, rows, lambda row: needed(as_target(row.get("targetRef")))))

    def latest(self, since: datetime | None, *, now: datetime) -> Columns:
        """Accounts that engaged with a post, or took an engagement back, since then, at any time for None: actor (n,)
        ids of accounts, or of users where an old record names no account; at (n,) last change of such a record [ms
        since 1970]. A record that is dated ahead is read for None only, as changed now."""
        query = _ON_CONTENTS if since is None else _ON_CONTENTS | {"updatedAt": period(since, now)}
        by_actor = {"_id": object_id(_ACTOR), "at": {"$max": changed_at(now)}}
        fields: dict[str, tuple[Kind, Any]] = {"actor": ("id", "$_id"), "at": ("moment", "$at")}
        each: dict[str, tuple[Kind, Any]] = {"actor": ("id", _ACTOR), "at": ("moment", "$updatedAt")}
        match: list[Document] = [{"$match": query}]
        actors = read_columns(self._engagements, [*match, {"$group": by_actor}], fields, documents=(match, each))
        sound = is_valid(actors["actor"])
        return {name: column[sound] for name, column in actors.items()}

    def actors_on(self, contents: Sequence[ObjectId] | None, start: datetime) -> Columns:
        """Engagements with these posts, or with any for None, from that moment on that were not taken back: actor (n,)
        ids as in `latest`; content (n,) ids."""
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
        """Users who engaged with these posts before that moment, dated as by `on_contents`."""
        users: set[ObjectId] = set()
        later = {"createdAt": period(before, now), "updatedAt": changed_from(before)}
        for batch in in_batches(contents):
            rows = self._engagements.find(_on(batch) | {"$nor": [later]}, {"user": 1})
            users.update(sound(self._engagements, rows, lambda row: needed(as_object_id(row.get("user")))))
        return users

    def users_in_turn(self, after: ObjectId, limit: int) -> tuple[set[ObjectId], ObjectId | None]:
        """The next users in the order of their ids, without erased ones, and the last of them, None where none follows.

        after  users behind this id
        limit  about how many engagements they have together; there is at least one user
        """
        users, ends = set[ObjectId](), []
        for first in (after, str(after), str(after).upper()):  # each form that ids are stored in has its own order
            query = {"user": {"$gt": first}} | self._tombstones.authors("user")
            rows = self._engagements.find(query, {"_id": 0, "user": 1}).sort("user", 1).limit(limit)
            ids = [as_object_id(row["user"]) for row in rows]
            behind = [user for user in ids if user is not None and user > after]
            users.update(behind)
            if len(ids) == limit:
                ends += behind[-1:]
        last = min(ends, default=None)
        return {user for user in users if last is None or user <= last}, last

    def malformed(self, updated_since: datetime | None, *, now: datetime) -> list[ObjectId]:
        """Ids of engagements whose user, target, kind or dates are missing or malformed, a date also where it is ahead
        of now, or whose account or visibility is malformed."""
        checks = [is_id("$user"), is_id("$targetRef.$id"), is_moment("$createdAt", now), is_moment("$updatedAt", now)]
        checks += [has_type("$type", "string"), optional_type("$visibility", "string")]
        checks.append(optional("$account", is_id("$account")))
        query: Document = {"$expr": {"$not": [{"$and": checks}]}}
        if updated_since is not None:
            query["updatedAt"] = changed_from(updated_since)
        return [row["_id"] for row in self._engagements.find(query, {"_id": 1})]

    def _read(self, query: Document, now: datetime) -> Columns:
        engagements = read_columns(
            self._engagements,
            [{"$match": query}],
            {
                "user": ("id", "$user"),
                "content": ("id", "$targetRef.$id"),
                "kind": ("code", {"$indexOfArray": [list(ENGAGEMENT_KINDS), "$type"]}),
                "at": ("moment", "$createdAt"),
                "changed_at": ("moment", "$updatedAt"),
                "stands": ("code", {"$cond": [{"$eq": ["$visibility", PUBLISHED]}, 1, 0]}),
            },
        )
        is_sound = is_valid(engagements["user"]) & (engagements["kind"] >= 0) & (engagements["at"] > 0)
        engagements["stands"] = engagements["stands"] * is_sound
        at = np.minimum(engagements["at"], engagements["changed_at"])  # no engagement is newer than its record
        engagements["at"] = np.where(at > epoch_ms(now + SKEW), 1, at)
        return engagements
