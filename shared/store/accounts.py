"""Accounts and their users, one at a time; read only.

For example: accounts {_id: ObjectId, geolocation: {countryCode: "TH", continentCode: "AS"}, …}
and users {_id: ObjectId, ownerAccount: ObjectId, type: "people", visibility: "publish", …}
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bson import ObjectId
from pymongo.database import Database

from shared.errors import NotFound
from shared.store import schema
from shared.store.identity import either_form, object_id

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Member:
    """An account: its country as the application has it, empty where that is not known, and the users, people and
    pages alike, that it owns."""

    country_code: str
    users: Sequence[ObjectId]


class Accounts:
    def __init__(self, app: Database[Document]) -> None:
        self._accounts = app[schema.ACCOUNTS.name]
        self._users = app[schema.USERS.name]

    def member(self, account: ObjectId) -> Member | None:
        """An account and its users, asked at once; None where there is no such account."""
        forms = {"$in": either_form([account])}
        users = {"coll": self._users.name, "pipeline": [{"$match": {"ownerAccount": forms}}, {"$project": {"_id": 1}}]}
        own: list[Document] = [
            {"$match": {"_id": forms}},
            {"$project": {"code": "$geolocation.countryCode", "own": "1"}},
        ]
        rows = list(self._accounts.aggregate([*own, {"$unionWith": users}]))
        codes = [row.get("code") for row in rows if "own" in row]
        owned = (object_id(row["_id"]) for row in rows if "own" not in row)
        if not codes:
            return None
        return Member(codes[0] if isinstance(codes[0], str) else "", [user for user in owned if user])

    def country_code(self, account: ObjectId) -> str:
        """Of an account, as the application has it; empty where it is not known. NotFound where there is no such
        account."""
        found = self._accounts.find_one({"_id": account}, {"geolocation.countryCode": 1})
        if found is None:
            raise NotFound(f"accountId: there is no account {account}")
        where = found.get("geolocation")
        code = where.get("countryCode") if isinstance(where, dict) else None
        return code if isinstance(code, str) else ""

    def users_of(self, account: ObjectId) -> list[ObjectId]:
        """The users, people and pages alike, that an account owns."""
        found = self._users.find({"ownerAccount": account}, {"_id": 1})
        return [row["_id"] for row in found if isinstance(row["_id"], ObjectId)]
