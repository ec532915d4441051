"""Erasing: what was derived of an account is deleted, and a tombstone keeps it from being derived again.

What is deleted is read off the table of collections: each says whose ids its documents hold, and where.
"""

import hashlib
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import accumulate, zip_longest
from typing import Any, Final

from bson import ObjectId
from pymongo.database import Database

from shared.config import Exposures as Names
from shared.documents import Document, either_form, object_id
from shared.store import schema
from shared.store.batches import in_batches
from shared.store.decoding import as_credential
from shared.store.expressions import NO_ARRAY, array
from shared.store.schema import Collection
from shared.store.tombstones import Erased, ErasureState, Tombstones

SUBJECTS: Final[tuple[schema.Subject, ...]] = ("account", "user", "post", "credential")


class Erasures:
    """Of the collections of both databases, and of the exposures that the options name."""

    def __init__(self, app: Database[Document], analytics: Database[Document], names: Names) -> None:
        self._databases = {"app": app, "analytics": analytics}
        self._app, self._analytics, self._names = app, analytics, names
        self._notes = analytics[schema.ERASURES.name]
        self.tombstones = Tombstones(app, analytics)

    def note(self, account: ObjectId, *, now: datetime) -> Erased:
        """From now on the account counts as erased, with its users, their posts and its credentials: those that the
        application or our own collections still name, and those of an earlier erasure. Returns all of them.

        Posts that the application does not have any more are taken for erased too: what is kept of them is of no use,
        and nobody can tell any more whose they were.
        """
        before = self.tombstones.read(account, posts=True)
        users = before.users | self._users_of(account)
        posts = before.posts | self._posts_of(users) | self._posts_that_are_gone()
        credentials = before.credentials | self._credentials_of([account, *users])
        erased = Erased(frozenset([account]), frozenset(users), frozenset(posts), frozenset(credentials))
        lists = {"users": erased.users, "posts": erased.posts, "credentials": erased.credentials}
        union = {name: {"$setUnion": [array(f"${name}"), {"$literal": list(ids)}]} for name, ids in lists.items()}
        stages: list[Document] = [{"$set": {"erasedAt": now, **union}}, {"$unset": "searchedAt"}]
        self._notes.update_one({"_id": account}, stages, upsert=True)
        return erased

    def remove(self, erased: Erased, collections: Iterable[Collection] = schema.OURS) -> dict[str, int]:
        """Delete from these collections what names any of them; returns how many documents changed, by collection."""
        removed = {one.name: sum(self._remove(erased, one)) for one in collections if one.about}
        return {name: number for name, number in removed.items() if number}

    def sweep(self, *collections: Collection) -> int:
        """Delete from these collections whatever names what is erased; returns how many documents changed.

        A job calls this after its last write: an erasure that began after the job had read, and ended before it wrote,
        has left its tombstone by then. So has one beside a run that was killed before it came to this.
        """
        posts = any(about.subject == "post" for one in collections for about in one.about)
        erased = self.tombstones.read(posts=posts)
        return sum(self.remove(erased, collections).values()) if erased else 0

    def credentials(self) -> set[ObjectId | str]:
        """Those that are erased, with those by which an erased account has read since."""
        erased = self.tombstones.read()
        return set(erased.credentials | self._credentials_of([*erased.accounts, *erased.users])) if erased else set()

    def keep_rebuilt(self, collection: Collection, state: ErasureState, *, at: datetime) -> int:
        """Delete packed arrays of that collection that are older than those of `at` and were not made under the same
        erasures, so that they may hold what is erased; returns how many documents.

        state  the erasures that there were before the arrays of `at` were read
        """
        target = self._databases[collection.database][collection.name]
        under = hashlib.sha256(repr(sorted(state)).encode()).hexdigest()[:12] if state else None
        if under:
            target.update_many({"trainedAt": at}, {"$set": {"erasures": under}})
        return target.delete_many({"trainedAt": {"$lt": at}, "erasures": {"$ne": under}}).deleted_count

    def outdate(self, accounts: Iterable[ObjectId]) -> None:
        """Have the models of these accounts made again, since they may hold what is erased."""
        artifacts = self._analytics[schema.ACCOUNT_ARTIFACTS.name]
        for some in in_batches(accounts):
            artifacts.update_many({"account": {"$in": some}}, {"$set": {"outdated": True}})

    def _remove(self, erased: Erased, collection: Collection) -> Iterator[int]:
        target = self._databases[collection.database][collection.name]
        for part in _parts(erased):
            clauses = {about: {about.path: {"$in": part[about.subject]}} for about in collection.about}
            clauses = {about: clause for about, clause in clauses.items() if part[about.subject]}
            if whole := [clause for about, clause in clauses.items() if about.removal == "document"]:
                yield target.delete_many({"$or": whole}).deleted_count
            for about, clause in clauses.items():
                if about.removal == "element":
                    within = about.path.removeprefix(f"{about.array}.")
                    pulled = {"$pull": {about.array: {within: {"$in": part[about.subject]}}}}
                    yield (changed := target.update_many(clause | _holds_array(about.array), pulled).modified_count)
                    if changed:
                        target.delete_many({about.array: []})
                    yield target.delete_many(clause).deleted_count  # what holds it otherwise is no row of ours
                elif about.removal == "field":
                    yield target.update_many(clause, {"$unset": {about.path: ""}}).modified_count

    def _users_of(self, account: ObjectId) -> set[ObjectId]:
        owned = {"$in": either_form([account])}
        return {
            *self._ids(self._app, schema.USERS, {"ownerAccount": owned}, "_id"),
            *self._ids(self._analytics, schema.CREATOR_STATS, {"ownerAccount": owned}, "_id"),
            *self._ids(self._analytics, schema.ACCOUNT_LINKS, {"account": owned}, "user"),
            *self._ids(self._app, schema.ENGAGEMENTS, {"account": owned}, "user"),
        }

    def _posts_of(self, users: Iterable[ObjectId]) -> set[ObjectId]:
        author = {"$in": either_form(users)}
        return {
            *self._ids(self._app, schema.CONTENTS, {"author.id": author}, "_id"),
            *self._ids(self._analytics, schema.CONTENT_STATS, {"authorId": author}, "_id"),
            *self._ids(self._app, schema.GUEST_FEED, {"author": author}, "content"),
        }

    def _posts_that_are_gone(self) -> set[ObjectId]:
        """Posts of which something is kept though the application has them no more."""
        rows = self._app[schema.CONTENT_INFO.name].find({}, {"_id": 0, "contentId": 1}).sort("contentId", 1)
        kept = (object_id(row.get("contentId")) for row in rows)
        contents, gone = self._app[schema.CONTENTS.name], set[ObjectId]()
        for ids in in_batches(one for one in kept if one is not None):
            missing = set(ids) - {row["_id"] for row in contents.find({"_id": {"$in": ids}}, {"_id": 1})}
            in_hex = {"_id": {"$in": [one for one in either_form(missing) if isinstance(one, str)]}}
            gone |= missing - {object_id(row["_id"]) for row in contents.find(in_hex, {"_id": 1})}
        return gone

    def _credentials_of(self, viewers: Iterable[ObjectId]) -> set[ObjectId | str]:
        """By which these have seen anything, as the application or our own features say it, and the devices that
        accounts among them name."""
        forms = either_form(viewers)
        seen = self._app[self._names.collection].distinct(self._names.credential, {"viewer": {"$in": forms}})
        own = self._app[schema.ACCOUNTS.name].distinct("credentials.deviceUUID", {"_id": {"$in": forms}})
        described = self._analytics[schema.CREDENTIAL_FEATURES.name].distinct(
            "seenCredential", {"viewer": {"$in": forms}}
        )
        linked = self._analytics[schema.ACCOUNT_LINKS.name].distinct("credential", {"account": {"$in": forms}})
        return {one for one in (*seen, *own, *described, *linked) if as_credential(one) is not None}

    def _ids(self, database: Database[Document], collection: Collection, query: Document, field: str) -> set[ObjectId]:
        stages: list[Document] = [{"$match": query}, {"$group": {"_id": f"${field}"}}]
        found = {object_id(row["_id"]) for row in database[collection.name].aggregate(stages)}
        return {one for one in found if one is not None}


def _holds_array(path: str) -> Document:
    """The query for documents with an array there, and with none on the way to it, where `$pull` would be refused."""
    *above, _ = accumulate(path.split("."), "{}.{}".format)
    return {path: {"$type": "array"}} | dict.fromkeys(above, NO_ARRAY)


def _parts(erased: Erased) -> Iterator[dict[schema.Subject, list[Any]]]:
    """The ids by what they are of, in pieces that fit in one command."""
    every = (in_batches(erased.of(subject)) for subject in SUBJECTS)
    for part in zip_longest(*every, fillvalue=()):
        yield {subject: list(ids) for subject, ids in zip(SUBJECTS, part, strict=True)}
