"""Which users and credentials an account had, also once the application has deleted all that says so.

For example: {_id: "user 5f0c…", account: ObjectId, user: ObjectId} and {_id: "5f0c… 9e1a…", account: ObjectId,
credential: ObjectId}; `account` is the viewer as it stands where that is neither an account nor a known user.

An erasure asks them beside the application, and deletes those of the account.
"""

from datetime import datetime
from itertools import islice
from typing import Any, Final

from pymongo import ReplaceOne
from pymongo.collection import Collection
from pymongo.database import Database

from shared.config import Exposures as Names
from shared.store import schema
from shared.store.expressions import changed_from, has_type, object_id
from shared.store.tombstones import Erased, Tombstones

Document = dict[str, Any]

LINKS_A_BATCH = 10_000
_IS_CREDENTIAL: Final = has_type("$_id.credential", "objectId", "string")


class AccountLinks:
    """Of the exposures that the options name."""

    def __init__(self, app: Database[Document], analytics: Database[Document], names: Names) -> None:
        self._users, self._exposures = app[schema.USERS.name], app[names.collection]
        self._credential = names.credential
        self._links = analytics[schema.ACCOUNT_LINKS.name]
        self._tombstones = Tombstones(app, analytics)

    def note(self, changed: datetime | None, seen: datetime) -> None:
        """Keep the users that changed since a moment, all for None, and the credentials of what was recorded as seen
        since another, but for those of who is erased."""
        erased = self._tombstones.read()
        self._note_users(erased, {} if changed is None else {"updatedAt": changed_from(changed)})
        self._note_credentials(erased, {"updatedAt": changed_from(seen)})

    def _note_users(self, erased: Erased, query: Document) -> None:
        shown = {"user": object_id("$_id"), "account": object_id("$ownerAccount")}
        named = {"user": {"$ne": None}, "account": {"$nin": [None, *erased.of("account")]}}
        key = {"$concat": ["user ", {"$toString": "$user"}]}
        self._put(self._users, [{"$match": query}, {"$project": shown}, {"$match": named}], key)

    def _note_credentials(self, erased: Erased, query: Document) -> None:
        pair = {"viewer": object_id("$viewer"), "credential": f"${self._credential}"}
        users = {"from": self._users.name, "localField": "_id.viewer", "foreignField": "_id", "as": "user"}
        owner = object_id({"$first": "$user.ownerAccount"})
        others = {"$nin": [None, *erased.of("account"), *erased.of("user")]}
        stages: list[Document] = [
            {"$match": query},
            {"$group": {"_id": pair}},
            {
                "$match": {
                    "_id.viewer": others,
                    "_id.credential": {"$nin": erased.of("credential")},
                    "$expr": _IS_CREDENTIAL,
                }
            },
            {"$lookup": users},
            {"$project": {"credential": "$_id.credential", "account": {"$ifNull": [owner, "$_id.viewer"]}}},
            {"$match": {"account": others}},
        ]
        key = {"$concat": [{"$toString": "$account"}, " ", {"$toString": "$credential"}]}
        self._put(self._exposures, stages, key)

    def _put(self, collection: Collection[Document], stages: list[Document], key: Document) -> None:
        """Write the links that are not kept yet; no `$merge`, which the driver does not try again while another server
        becomes the primary."""
        rows = collection.aggregate([*stages, {"$set": {"_id": key}}], allowDiskUse=True)
        while batch := list(islice(rows, LINKS_A_BATCH)):
            kept = {link["_id"]: link for link in self._links.find({"_id": {"$in": [row["_id"] for row in batch]}})}
            writes = [ReplaceOne({"_id": row["_id"]}, row, upsert=True) for row in batch if kept.get(row["_id"]) != row]
            if writes:
                self._links.bulk_write(writes, ordered=False)
