"""Who follows whom, as arrays; read only.

For example: {_id: ObjectId, user: ObjectId, followedUser: ObjectId, following: true, blocking: false, updatedAt: …}
"""

from datetime import datetime
from typing import Any

from functions.feed.store.relationships import FLAGS
from shared.columns import Columns, is_valid
from shared.documents import Document
from shared.store import Store, schema
from shared.store.column_kinds import MALFORMED_CODE, Kind
from shared.store.column_reader import read_columns
from shared.store.expressions import changed_at, object_id, optional_type, period

_FIELDS: dict[str, tuple[Kind, Any]] = {"user": ("id", "$user"), "followed": ("id", "$followedUser")}


_STANDS: Document = {"following": {"$ne": False}, "blocking": {"$ne": True}, "blocked": {"$ne": True}}
_TYPES = dict.fromkeys(FLAGS, "bool") | dict.fromkeys(("createdAt", "updatedAt"), "date")
_KEPT = [optional_type(f"${name}", kind) for name, kind in _TYPES.items()]
_SOUND = {"$cond": [{"$and": _KEPT}, 1, MALFORMED_CODE]}


class Follows:
    def __init__(self, store: Store) -> None:
        self._relationships = store.app[schema.RELATIONSHIPS.name]

    def all(self) -> Columns:
        """The present follows without a block: user (n,) and followed (n,) ids of users."""
        follows = read_columns(self._relationships, [{"$match": _STANDS}], _FIELDS | {"sound": ("code", _SOUND)})
        sound = is_valid(follows["user"]) & is_valid(follows["followed"]) & (follows.pop("sound") == 1)
        return {name: column[sound] for name, column in follows.items()}

    def latest(self, since: datetime | None, *, now: datetime) -> Columns:
        """Users who followed, unfollowed, blocked or unblocked anybody since then, at any time for None: user (n,) ids;
        at (n,) the last time [ms since 1970]. A record that is dated ahead is read for None only, as changed now."""
        query = {} if since is None else {"updatedAt": period(since, now)}
        by_user = {"_id": object_id("$user"), "at": {"$max": changed_at(now)}, "sound": {"$min": _SOUND}}
        fields: dict[str, tuple[Kind, Any]] = {"user": ("id", "$_id"), "at": ("moment", "$at")}
        fields["sound"] = ("code", "$sound")
        each: dict[str, tuple[Kind, Any]] = {"user": ("id", "$user"), "at": ("moment", "$updatedAt")}
        each["sound"] = ("code", _SOUND)
        match: list[Document] = [{"$match": query}]
        users = read_columns(self._relationships, [*match, {"$group": by_user}], fields, documents=(match, each))
        users.pop("sound")  # a malformed record counts as a change too
        sound = is_valid(users["user"])
        return {name: column[sound] for name, column in users.items()}
