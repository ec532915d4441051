"""Accounts and their users, one at a time; read only.

For example: accounts {_id: ObjectId, geolocation: {countryCode: "TH", continentCode: "AS"}, …}
and users {_id: ObjectId, ownerAccount: ObjectId, type: "people", visibility: "publish", …}
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bson import ObjectId
from pymongo.database import Database

from shared.documents import Document, either_form, object_id
from shared.store import schema
from shared.store.decoding import as_text
from shared.store.malformed import name_malformed


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
            {"$project": {"geolocation": 1, "own": "1"}},
        ]
        rows = list(self._accounts.aggregate([*own, {"$unionWith": users}]))
        found = next((row for row in rows if "own" in row), None)
        owned = (object_id(row["_id"]) for row in rows if "own" not in row)
        return Member(self._country_code(found), [user for user in owned if user]) if found else None

    def _country_code(self, account: Document) -> str:
        where = account.get("geolocation")
        code = where.get("countryCode") if isinstance(where, dict) else where
        if code not in (None, "") and (as_text(code) is None or not isinstance(where, dict)):
            name_malformed(self._accounts.name, account["_id"])
        return as_text(code) or "" if isinstance(where, dict) else ""
