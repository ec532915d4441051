"""Accounts and users of the application, as arrays; read only.

For example: accounts {_id: ObjectId, geolocation: {countryCode: "TH", continentCode: "AS"}, …}
and users {_id: ObjectId, ownerAccount: ObjectId, …}
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pymongo.database import Database

from shared.columns import Columns, is_valid
from shared.documents import Document
from shared.store import schema
from shared.store.column_kinds import MALFORMED_CODE, Kind
from shared.store.column_reader import read_columns
from shared.store.expressions import id_of_its_own, optional_type, text


class People:
    def __init__(self, app: Database[Document]) -> None:
        self._accounts = app[schema.ACCOUNTS.name]
        self._users = app[schema.USERS.name]

    def accounts(self, codes: Sequence[str], changed_since: datetime | None = None) -> Columns:
        """Every account, or those that changed since then: id (n,) ids, country (n,) index into `codes`, -1 for others.

        codes  of countries, in lower case
        """
        code, location = "$geolocation.countryCode", "$geolocation"
        located = [optional_type(location, "object"), optional_type(code, "string")]
        country = {"$toLower": {"$trim": {"input": text(code)}}}
        index = {"$indexOfArray": [list(codes), country]}
        fields: dict[str, tuple[Kind, Any]] = {
            "id": ("id", id_of_its_own()),
            "country": ("code", {"$cond": [{"$and": located}, index, MALFORMED_CODE]}),
        }
        changed = [] if changed_since is None else [{"$match": {"updatedAt": {"$gte": changed_since}}}]
        return _with_id(read_columns(self._accounts, changed, fields))

    def users(self) -> Columns:
        """Every user: id (n,) ids, account (n,) ids of the accounts that own them, zeros where there is none."""
        fields: dict[str, tuple[Kind, Any]] = {"id": ("id", id_of_its_own()), "account": ("id", "$ownerAccount")}
        return _with_id(read_columns(self._users, [], fields, optional={"account"}))


def _with_id(people: Columns) -> Columns:
    """The rows whose `_id` is an ObjectId."""
    sound = is_valid(people["id"])
    return {name: column[sound] for name, column in people.items()}
