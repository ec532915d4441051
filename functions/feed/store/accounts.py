"""Accounts and their users, one account at a time; read only.

For example: accounts {_id: ObjectId, geolocation: {countryCode: "TH", continentCode: "AS"}, …}
and users {_id: ObjectId, ownerAccount: ObjectId, type: "people", visibility: "publish", …}
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from random import Random

from bson import ObjectId

from shared.documents import Document, either_form, object_id
from shared.store import Store, schema
from shared.store.decoding import as_text
from shared.store.malformed import name_malformed

_LOWEST = ObjectId(bytes(12))


@dataclass(frozen=True, slots=True)
class Member:
    """An account, or what is there of it: the account itself, or users that it owns.

    country_code  of its location, as the application stores it; empty where it is unknown
    users         ids of the users that it owns, people and pages alike
    """

    country_code: str
    users: Sequence[ObjectId]


class MemberAccounts:
    def __init__(self, store: Store) -> None:
        self._accounts = store.app[schema.ACCOUNTS.name]
        self._users = store.app[schema.USERS.name]

    def member(self, account: ObjectId) -> Member | None:
        """An account and its users, read by one query; None where there is neither the account nor a user of it."""
        forms = {"$in": either_form([account])}
        of_users = {
            "coll": self._users.name,
            "pipeline": [{"$match": {"ownerAccount": forms}}, {"$project": {"_id": 1}}],
        }
        stages: list[Document] = [
            {"$match": {"_id": forms}},
            {"$project": {"geolocation": 1, "own": "1"}},
        ]
        rows = list(self._accounts.aggregate([*stages, {"$unionWith": of_users}]))
        document = next((row for row in rows if "own" in row), None)
        owned = (object_id(row["_id"]) for row in rows if "own" not in row)
        users = [user for user in owned if user]
        if document is None and not users:
            return None
        return Member(self._country_code(document) if document else "", users)

    def drawn(self, rng: Random, draws: int, begin: int) -> Iterator[tuple[int, ObjectId, str]]:
        """Different accounts at random, at most so many, with the number of their draw and the codes of their countries
        as of `member`; the first `begin` draws are left out.

        Where there are more accounts, each is the next one behind a point between the first and the last id, found by
        the index: who came after a pause is drawn more often.
        """
        if self._accounts.estimated_document_count() <= draws:
            everybody = list(self._after(_LOWEST, 1, draws))
            rng.shuffle(everybody)
            accounts: Iterable[tuple[int, Document]] = islice(enumerate(everybody), begin, None)
        else:
            [first], [last] = (list(self._after(_LOWEST, order, 1)) for order in (1, -1))
            low, high = (int.from_bytes(account["_id"].binary) for account in (first, last))
            points = [ObjectId(rng.randint(low, high).to_bytes(12)) for _ in range(draws)]
            behind = islice(enumerate(points), begin, None)
            accounts = ((number, account) for number, point in behind for account in self._after(point, 1, 1))
        seen = set[ObjectId]()
        for number, account in accounts:
            if account["_id"] not in seen:
                seen.add(account["_id"])
                yield number, account["_id"], self._country_code(account)

    def _after(self, account: ObjectId, order: int, limit: int) -> Iterable[Document]:
        return self._accounts.find({"_id": {"$gte": account}}, {"geolocation": 1}).sort("_id", order).limit(limit)

    def _country_code(self, account: Document) -> str:
        location = account.get("geolocation")
        code = location.get("countryCode") if isinstance(location, dict) else location
        if code not in (None, "") and (as_text(code) is None or not isinstance(location, dict)):
            name_malformed(self._accounts.name, account["_id"])
        return as_text(code) or "" if isinstance(location, dict) else ""
