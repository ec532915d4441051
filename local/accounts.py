"""Accounts to try commands with: those that are known best come first."""

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

    account  its id, as `token` and `erase` take it
    name     display id of its user; empty where it has none
    country  code; empty where nobody knows
    acts     engagements with posts
    """

    account: ObjectId
    name: str
    country: str
    acts: int


def members(store: Store, most: int) -> list[Member]:
    """At most so many: by how much they did, then in order of their ids."""
    counted: list[dict[str, Any]] = [
        {"$group": {"_id": object_id("$account"), "acts": {"$sum": 1}}},
        {"$match": {"_id": {"$ne": None}}},
        {"$sort": {"acts": -1, "_id": 1}},
        {"$limit": 2 * most},
    ]
    acts = {row["_id"]: int(row["acts"]) for row in store.app[schema.ENGAGEMENTS.name].aggregate(counted)}
    published: dict[str, Any] = {"_id": {"$type": "objectId"}, "visibility": "publish"}
    accounts = store.app[schema.ACCOUNTS.name]
    rows = {row["_id"]: row for row in accounts.find(published | {"_id": {"$in": list(acts)}})}
    for row in accounts.find(published).sort("_id", 1).limit(most):
        rows.setdefault(row["_id"], row)
    order = sorted(rows, key=lambda one: (-acts.get(one, 0), one))[:most]
    users = store.app[schema.USERS.name].find(
        {"ownerAccount": {"$in": either_form(order)}}, {"ownerAccount": 1, "displayId": 1}
    )
    names = {as_object_id(row["ownerAccount"]): str(row.get("displayId", "")) for row in users}
    return [Member(one, names.get(one, ""), _country(rows[one]), acts.get(one, 0)) for one in order]


def _country(account: dict[str, Any]) -> str:
    place = account.get("geolocation")
    return str(place.get("countryCode") or "").lower() if isinstance(place, dict) else ""
