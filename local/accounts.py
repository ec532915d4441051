"""Accounts to try commands with: those that are known best come first."""

from dataclasses import dataclass
from typing import Any

from bson import ObjectId

from shared.store import Store, schema


@dataclass(frozen=True, slots=True)
class Member:
    """A published account.

    account  its id, as `token` and `erase` take it
    name     display id of its user; empty where it has none
    country  code; empty where nobody knows
    acts     engagements that its model has learnt from; 0 where it has no model
    """

    account: ObjectId
    name: str
    country: str
    acts: int


def members(store: Store, most: int) -> list[Member]:
    """At most so many: those with a model by how much they did, then others in order of their ids."""
    models = store.analytics[schema.ACCOUNT_ARTIFACTS.name].find({}, {"account": 1, "metrics.acts": 1})
    first = models.sort([("metrics.acts", -1), ("account", 1)]).limit(2 * most)
    acts = {row["account"]: int(row.get("metrics", {}).get("acts", 0)) for row in first}
    published: dict[str, Any] = {"_id": {"$type": "objectId"}, "visibility": "publish"}
    accounts = store.app[schema.ACCOUNTS.name]
    rows = {row["_id"]: row for row in accounts.find(published | {"_id": {"$in": list(acts)}})}
    for row in accounts.find(published).sort("_id", 1).limit(most):
        rows.setdefault(row["_id"], row)
    order = sorted(rows, key=lambda one: (-acts.get(one, 0), one))[:most]
    users = store.app[schema.USERS.name].find({"ownerAccount": {"$in": order}}, {"ownerAccount": 1, "displayId": 1})
    names = {row["ownerAccount"]: str(row.get("displayId", "")) for row in users}
    return [Member(one, names.get(one, ""), _country(rows[one]), acts.get(one, 0)) for one in order]


def _country(account: dict[str, Any]) -> str:
    place = account.get("geolocation")
    return str(place.get("countryCode") or "").lower() if isinstance(place, dict) else ""
