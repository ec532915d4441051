"""Accounts and their users, one at a time; read only.

For example: accounts {_id: ObjectId, geolocation: {countryCode: "TH", continentCode: "AS"}, …}
and users {_id: ObjectId, ownerAccount: ObjectId, type: "people", visibility: "publish", …}
"""

from collections.abc import Sequence
from typing import Any

from bson import ObjectId
from pymongo.database import Database

from shared.errors import NotFound
from shared.store import schema
from shared.store.contents import PUBLISHED
from shared.store.decoding import as_text
from shared.store.identity import either_form, object_id
from shared.store.malformed import name_malformed

Document = dict[str, Any]


class Accounts:
    def __init__(self, app: Database[Document]) -> None:
        self._accounts = app[schema.ACCOUNTS.name]
        self._users = app[schema.USERS.name]

    def country_code(self, account: ObjectId) -> str:
        """Of an account, as the application has it; empty where it is not known. NotFound where there is no such
        account."""
        found = self._accounts.find_one({"_id": account}, {"geolocation.countryCode": 1})
        if found is None:
            raise NotFound(f"accountId: there is no account {account}")
        where = found.get("geolocation")
        code = where.get("countryCode") if isinstance(where, dict) else where
        if code not in (None, "") and as_text(code) is None:
            name_malformed(self._accounts.name, account)
        return as_text(code) or "" if isinstance(where, dict) else ""

    def users_of(self, account: ObjectId) -> list[ObjectId]:
        """The users, people and pages alike, that an account owns."""
        found = self._users.find({"ownerAccount": {"$in": either_form([account])}}, {"_id": 1})
        return [row["_id"] for row in found if isinstance(row["_id"], ObjectId)]

    def published(self, users: Sequence[ObjectId]) -> set[ObjectId]:
        """Those of these users who can be seen: published, and their account, where there is one, not withdrawn."""
        query = {"_id": {"$in": list(users)}, "visibility": PUBLISHED}
        owners = {row["_id"]: self._owner(row) for row in self._users.find(query, {"ownerAccount": 1})}
        gone = {"_id": {"$in": list(set(owners.values()))}, "visibility": {"$nin": [PUBLISHED, None]}}
        withdrawn = {row["_id"] for row in self._accounts.find(gone, {"_id": 1})}
        return {user for user, owner in owners.items() if owner not in withdrawn}

    def _owner(self, user: Document) -> ObjectId | None:
        """The account of a user; None where it has none, or what stands there is no id."""
        stored = user.get("ownerAccount")
        owner = object_id(stored)
        if owner is None and stored is not None:
            name_malformed(self._users.name, user["_id"])
        return owner
