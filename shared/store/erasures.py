"""Erasure of accounts (right to be forgotten, GDPR): delete everything derived from one, and keep a tombstone so that
it is not derived again.

What is deleted follows from the schema: each collection declares whose ids its documents hold, and in which fields.
"""

import hashlib
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import accumulate, zip_longest
from typing import Any, Final

from bson import ObjectId
from pymongo.database import Database

from shared.documents import Document, either_form, object_id
from shared.store import schema
from shared.store.batches import in_batches
from shared.store.decoding import as_credential
from shared.store.erased import Erased
from shared.store.expressions import NO_ARRAY, array
from shared.store.options import ExposureFields
from shared.store.schema import Collection
from shared.store.tombstones import LISTS_OF_POSTS, ErasureState, Tombstones, notes_of

POSTS_A_DOCUMENT = 200_000  # of a tombstone at most, 4 MB
SUBJECTS: Final[tuple[schema.Subject, ...]] = ("account", "user", "post", "credential")


class Erasures:
    """Erasures in the collections of both databases; `names` are the collection and fields of the exposures."""

    def __init__(self, app: Database[Document], analytics: Database[Document], names: ExposureFields) -> None:
        self._databases = {"app": app, "analytics": analytics}
        self._app, self._analytics, self._names = app, analytics, names
        self._notes = analytics[schema.ERASURES.name]
        self.tombstones = Tombstones(app, analytics)

    def note(self, account: ObjectId, *, now: datetime) -> Erased:
        """Write the tombstone of an account; returns the ids that count as erased from now on.

        These are the account, its users, their posts and its credentials: those that the application or our own
        collections still hold, and those of an earlier erasure. What the application says now comes first. Posts that
        it does not have any more are included too, in a list of their own: their derived rows are of no use, and their
        authors are unknown. One that comes back by another author counts no longer.
        """
        noted = self.tombstones.lists(notes_of(account))
        users = self.tombstones.users_of(frozenset([account]), noted=noted.users | self._former_users_of(account))
        posts = self._posts_of(users)
        posts -= self.tombstones.by_authors({"$nin": either_form(users)}, posts)
        gone = self._posts_that_are_gone() - posts
        credentials = noted.credentials | self._credentials_of([account, *users])
        new = [("posts", post) for post in sorted(posts - noted.posts)]
        new += [("gone", post) for post in sorted(gone - noted.posts - noted.gone)]
        room = max(POSTS_A_DOCUMENT - len(noted.posts) - len(noted.gone), 0)
        self._add(account, now, users=users, credentials=credentials, **_by_list(new[:room]))
        for part in in_batches(new[room:], POSTS_A_DOCUMENT):
            self._add(f"{account} {part[0][1]}", now, **_by_list(part))
        self._notes.update_many(notes_of(account), {"$set": {"erasedAt": now}, "$unset": {"searchedAt": ""}})
        return self.tombstones.read(account, posts=True)

    def remove(self, erased: Erased, collections: Iterable[Collection] = schema.OURS) -> dict[str, int]:
        """Delete what holds an erased id from these collections; returns how many documents changed, by collection."""
        holding = (collection for collection in collections if collection.about)
        removed = {collection.name: sum(self._remove(erased, collection)) for collection in holding}
        return {name: number for name, number in removed.items() if number}

    def sweep(self, *collections: Collection) -> int:
        """Delete what holds any erased id from these collections; returns how many documents changed.

        A job calls this after its last write, to delete what it wrote about an account that was erased while it ran.
        Where a run is killed before this call, the next run makes up for it.
        """
        posts = any(about.subject == "post" for collection in collections for about in collection.about)
        erased = self.tombstones.read(posts=posts)
        return sum(self.remove(erased, collections).values()) if erased else 0

    def credentials(self) -> set[ObjectId | str]:
        """The erased credentials, with those that an erased account has used since."""
        erased = self.tombstones.read()
        return set(erased.credentials | self._credentials_of([*erased.accounts, *erased.users])) if erased else set()

    def keep_rebuilt(self, collection: Collection, state: ErasureState, *, at: datetime) -> int:
        """Mark the packed arrays of `at` with the erasures that they respect, and delete older arrays that respect
        others, since they may hold erased ids; returns how many documents were deleted.

        state  the erasures before the data of the arrays of `at` was read
        """
        target = self._databases[collection.database][collection.name]
        digest = hashlib.sha256(repr(sorted(state)).encode()).hexdigest()[:12] if state else None
        if digest:
            target.update_many({"trainedAt": at}, {"$set": {"erasures": digest}})
        return target.delete_many({"trainedAt": {"$lt": at}, "erasures": {"$ne": digest}}).deleted_count

    def outdate(self, accounts: Iterable[ObjectId]) -> None:
        """Mark the models of these accounts as outdated, since they may hold erased ids, so that they are trained
        again."""
        artifacts = self._analytics[schema.ACCOUNT_ARTIFACTS.name]
        for batch in in_batches(accounts):
            artifacts.update_many({"account": {"$in": batch}}, {"$set": {"outdated": True}})

    def _remove(self, erased: Erased, collection: Collection) -> Iterator[int]:
        """How many documents each deletion or update changed."""
        target = self._databases[collection.database][collection.name]
        for part in _parts(erased):
            clauses = {about: {about.path: {"$in": part[about.subject]}} for about in collection.about}
            clauses = {about: clause for about, clause in clauses.items() if part[about.subject]}
            if documents := [clause for about, clause in clauses.items() if about.removal == "document"]:
                yield target.delete_many({"$or": documents}).deleted_count
            for about, clause in clauses.items():
                if about.removal == "element":
                    within = about.path.removeprefix(f"{about.array}.")
                    pulled: Document = {"$pull": {about.array: {within: {"$in": part[about.subject]}}}}
                    if about.made_of:
                        pulled["$unset"] = {about.made_of: ""}
                    yield (changed := target.update_many(clause | _holds_array(about.array), pulled).modified_count)
                    if changed:
                        target.delete_many({about.array: []})
                    yield target.delete_many(clause).deleted_count  # an id outside of an array is malformed
                elif about.removal == "field":
                    unset = dict.fromkeys(filter(None, (about.path, about.made_of)), "")
                    yield target.update_many(clause, {"$unset": unset}).modified_count

    def _add(self, note: ObjectId | str, now: datetime, **ids: Iterable[Any]) -> None:
        """Add ids to the lists of a document, which is made where there is none."""
        union = {name: {"$setUnion": [array(f"${name}"), {"$literal": list(added)}]} for name, added in ids.items()}
        self._notes.update_one({"_id": note}, [{"$set": {"erasedAt": now, **union}}], upsert=True)

    def _former_users_of(self, account: ObjectId) -> set[ObjectId]:
        """Users that this account had at any time, according to what is derived from them and to their engagements."""
        owned = {"$in": either_form([account])}
        return {
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
        """Posts with an annotation that the application does not have any more."""
        rows = self._app[schema.CONTENT_INFO.name].find({}, {"_id": 0, "contentId": 1}).sort("contentId", 1)
        annotated = (object_id(row.get("contentId")) for row in rows)
        contents, gone = self._app[schema.CONTENTS.name], set[ObjectId]()
        for ids in in_batches(post for post in annotated if post is not None):
            missing = set(ids) - {row["_id"] for row in contents.find({"_id": {"$in": ids}}, {"_id": 1})}
            in_hex = {"_id": {"$in": [form for form in either_form(missing) if isinstance(form, str)]}}
            gone |= missing - {object_id(row["_id"]) for row in contents.find(in_hex, {"_id": 1})}
        return gone

    def _credentials_of(self, viewers: Iterable[ObjectId]) -> set[ObjectId | str]:
        """Credentials that these viewers have used, according to the exposures, the features and the links, and the
        devices of those that are accounts."""
        forms = either_form(viewers)
        exposed = self._app[self._names.collection].distinct(self._names.credential, {"viewer": {"$in": forms}})
        devices = self._app[schema.ACCOUNTS.name].distinct("credentials.deviceUUID", {"_id": {"$in": forms}})
        with_features = self._analytics[schema.CREDENTIAL_FEATURES.name].distinct(
            "seenCredential", {"viewer": {"$in": forms}}
        )
        linked = self._analytics[schema.ACCOUNT_LINKS.name].distinct("credential", {"account": {"$in": forms}})
        stored = (*exposed, *devices, *with_features, *linked)
        return {credential for credential in stored if as_credential(credential) is not None}

    def _ids(self, database: Database[Document], collection: Collection, query: Document, field: str) -> set[ObjectId]:
        stages: list[Document] = [{"$match": query}, {"$group": {"_id": f"${field}"}}]
        ids = {object_id(row["_id"]) for row in database[collection.name].aggregate(stages)}
        return {key for key in ids if key is not None}


def _by_list(posts: Iterable[tuple[str, ObjectId]]) -> dict[str, list[ObjectId]]:
    """The posts by the list of a tombstone that they go to."""
    listed: dict[str, list[ObjectId]] = {name: [] for name in LISTS_OF_POSTS}
    for name, post in posts:
        listed[name].append(post)
    return listed


def _holds_array(path: str) -> Document:
    """The query for documents with an array at `path` and none on the way to it, where `$pull` would be refused."""
    *above, _ = accumulate(path.split("."), "{}.{}".format)
    return {path: {"$type": "array"}} | dict.fromkeys(above, NO_ARRAY)


def _parts(erased: Erased) -> Iterator[dict[schema.Subject, list[Any]]]:
    """The ids by subject, in parts that fit in one command."""
    batches = (in_batches(erased.of(subject)) for subject in SUBJECTS)
    for part in zip_longest(*batches, fillvalue=()):
        yield {subject: list(ids) for subject, ids in zip(SUBJECTS, part, strict=True)}
