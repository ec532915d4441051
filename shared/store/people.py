"""Who acts and who looks: accounts and users of the application; read only.

For example: accounts {_id: ObjectId, geolocation: {countryCode: "TH", continentCode: "AS"}, …}
and users {_id: ObjectId, ownerAccount: ObjectId, …}
"""

from collections.abc import Sequence
from typing import Any

from bson import ObjectId
from pymongo.database import Database

from shared.errors import NotFound
from shared.store import schema
from shared.store.columns import Columns, Kind, known, read_columns
from shared.store.expressions import text

Document = dict[str, Any]


class People:
    def __init__(self, app: Database[Document]) -> None:
        self._accounts = app[schema.ACCOUNTS.name]
        self._users = app[schema.USERS.name]

    def accounts(self, codes: Sequence[str]) -> Columns:
        """Every account: id (n,) ids, country (n,) index into `codes`, which are lower case; -1 for none of them."""
        country = {"$toLower": {"$trim": {"input": text("$geolocation.countryCode")}}}
        fields: dict[str, tuple[Kind, Any]] = {
            "id": ("id", "$_id"),
            "country": ("code", {"$indexOfArray": [list(codes), country]}),
        }
        return _known(read_columns(self._accounts, [], fields))

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

    def users(self) -> Columns:
        """Every user: id (n,) ids, account (n,) ids of the accounts that own them."""
        return _known(read_columns(self._users, [], {"id": ("id", "$_id"), "account": ("id", "$ownerAccount")}))


def _known(people: Columns) -> Columns:
    """Those whose `_id` is an id."""
    sound = known(people["id"])
    return {name: column[sound] for name, column in people.items()}
