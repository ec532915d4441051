"""Links from each account to its users, and to its credentials of which features are kept; they outlive the documents
of the application that they are derived from.

For example: {_id: "user 5f0c…", account: ObjectId, user: ObjectId} and {_id: "5f0c… 9e1a…", account: ObjectId,
credential: ObjectId}; `account` is the id of the viewer itself where that is neither an account nor a known user.

An erasure reads them in addition to the application's documents, and deletes those of the account.
"""

from collections.abc import Collection as Names
from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import islice
from typing import Any

import numpy as np
from bson import ObjectId
from pymongo import InsertOne, ReplaceOne
from pymongo.collection import Collection

from shared.columns import Columns, combine_keys, is_valid, object_ids
from shared.documents import Credential, Document, either_form, object_id
from shared.store import Store, schema
from shared.store.batches import in_batches
from shared.store.column_kinds import Kind
from shared.store.column_reader import read_columns
from shared.store.decoding import needed, optional, sound
from shared.store.erased import Erased
from shared.store.expressions import changed_from
from shared.store.upserts import guarded_upsert

LINKS_A_BATCH = 2_000


class AccountLinks:
    def __init__(self, store: Store) -> None:
        self._users, self._links = store.app[schema.USERS.name], store.analytics[schema.ACCOUNT_LINKS.name]
        self._tombstones = store.tombstones

    def note_users(self, changed: datetime | None) -> None:
        """Link each user that changed since then, all for None, to the account that owns it, unless that is erased."""
        erased, query = self._tombstones.read(), {} if changed is None else {"updatedAt": changed_from(changed)}
        owned = self._pairs(self._users, query, "$_id", "$ownerAccount", optional={"account"})
        for first in range(0, len(owned["user"]), LINKS_A_BATCH):
            batch = {name: column[first : first + LINKS_A_BATCH] for name, column in owned.items()}
            users = {"user": {"$in": object_ids(batch["user"])}}
            kept = self._pairs(self._links, users, "$user", "$account")
            new = ~np.isin(combine_keys(batch["user"], batch["account"]), combine_keys(kept["user"], kept["account"]))
            pairs = zip(object_ids(batch["user"][new]), object_ids(batch["account"][new]), strict=True)
            self._put(
                {"_id": f"user {user}", "account": account, "user": user}
                for user, account in pairs
                if account not in erased.accounts
            )

    def note_credentials(self, used: Mapping[Credential, Iterable[ObjectId]]) -> None:
        """Link credentials to the accounts of their viewers, unless either is erased.

        used  by credential, the accounts or users that have seen anything with it
        """
        erased = self._tombstones.read()
        pairs = [
            (viewer, credential)
            for credential, viewers in used.items()
            if credential not in erased.credentials
            for viewer in viewers
        ]
        owners = self._owners({viewer for viewer, _ in pairs})
        linked = {(owners.get(viewer) or viewer, credential) for viewer, credential in pairs if _stays(viewer, erased)}
        self._put(
            {"_id": f"{account} {credential}", "account": account, "credential": credential}
            for account, credential in linked
            if _stays(account, erased)
        )

    def _pairs(
        self, rows: Collection[Document], query: Document, user: str, account: str, optional: Names[str] = ()
    ) -> Columns:
        """Users and accounts of the rows that hold both: user (n,) ids; account (n,) ids."""
        fields: dict[str, tuple[Kind, Any]] = {"user": ("id", user), "account": ("id", account)}
        pairs = read_columns(rows, [{"$match": query}], fields, optional)
        complete = is_valid(pairs["user"]) & is_valid(pairs["account"])
        return {name: column[complete] for name, column in pairs.items()}

    def _owners(self, users: Iterable[ObjectId]) -> dict[ObjectId, ObjectId | None]:
        """The owning accounts, by user, of those of these ids that are users."""
        owners: dict[ObjectId, ObjectId | None] = {}
        for batch in in_batches(users):
            rows = self._users.find({"_id": {"$in": either_form(batch)}}, {"ownerAccount": 1})
            owners |= dict(sound(self._users, rows, _owned))
        return owners

    def _put(self, links: Iterable[Document]) -> None:
        """Write the links that are not kept yet or differ; not by `$merge`, which the driver does not retry while
        another server becomes the primary."""
        links = iter(links)
        while batch := list(islice(links, LINKS_A_BATCH)):
            kept = {link["_id"]: link for link in self._links.find({"_id": {"$in": [link["_id"] for link in batch]}})}
            new = [InsertOne(link) for link in batch if link["_id"] not in kept]
            differing = [link for link in batch if link["_id"] in kept and kept[link["_id"]] != link]
            if new or differing:
                guarded_upsert(self._links, [*new, *(ReplaceOne({"_id": link["_id"]}, link) for link in differing)])


def _owned(row: Document) -> tuple[ObjectId, ObjectId | None]:
    """A user, and the account that owns it."""
    return needed(object_id(row["_id"])), optional(row.get("ownerAccount"), object_id)


def _stays(viewer: ObjectId, erased: Erased) -> bool:
    return viewer not in erased.accounts and viewer not in erased.users
