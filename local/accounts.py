"""Accounts to try commands with, the most active first."""

from dataclasses import dataclass
from typing import Any

from bson import ObjectId

from shared.documents import either_form
from shared.documents import object_id as as_object_id
from shared.store import Store, schema
from shared.store.expressions import object_id


@dataclass(frozen=True, slots=True)
class Member:
    """A published account.

    account      its id, as `token` and `erase` take it
    name         display id of its user; empty where it has none
    country      code; empty where it is not known
    engagements  with posts [count]
    """

    account: ObjectId
    name: str
    country: str
    engagements: int


def members(store: Store, limit: int) -> list[Member]:
    """At most `limit` published accounts, by number of engagements, then by id."""
    count_by_account: list[dict[str, Any]] = [
        {"$group": {"_id": object_id("$account"), "engagements": {"$sum": 1}}},
        {"$match": {"_id": {"$ne": None}}},
        {"$sort": {"engagements": -1, "_id": 1}},
        {"$limit": 2 * limit},
    ]
    engagements = {
        row["_id"]: int(row["engagements"]) for row in store.app[schema.ENGAGEMENTS.name].aggregate(count_by_account)
    }
    published: dict[str, Any] = {"_id": {"$type": "objectId"}, "visibility": "publish"}
    accounts = store.app[schema.ACCOUNTS.name]
    rows = {row["_id"]: row for row in accounts.find(published | {"_id": {"$in": list(engagements)}})}
    for row in accounts.find(published).sort("_id", 1).limit(limit):
        rows.setdefault(row["_id"], row)
    order = sorted(rows, key=lambda account: (-engagements.get(account, 0), account))[:limit]
    users = store.app[schema.USERS.name].find(
        {"ownerAccount": {"$in": either_form(order)}}, {"ownerAccount": 1, "displayId": 1}
    )
    names = {as_object_id(row["ownerAccount"]): str(row.get("displayId", "")) for row in users}
    return [
        Member(account, names.get(account, ""), _country(rows[account]), engagements.get(account, 0))
        for account in order
    ]


def _country(account: dict[str, Any]) -> str:
    geolocation = account.get("geolocation")
    return str(geolocation.get("countryCode") or "").lower() if isinstance(geolocation, dict) else ""
