"""What is held about an account: its users, and how many documents of ours hold an id of it, its users, their posts and
its credentials, by the table of collections.

Every query uses an index and is bounded, however much an account has written: of many ids the first are looked for.
Documents that no index of such an id leads to are not counted; an erasure reads those collections from end to end.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from bson import ObjectId
from pymongo.collection import Collection as Documents

from shared.documents import Credential, Document, either_form, object_id
from shared.store import Store, schema
from shared.store.decoding import as_credential, as_text, needed, optional, sound
from shared.store.erased import Erased
from shared.store.schema import About, Collection

MAX_IDS = 2_000  # of a kind that are looked for
MAX_COUNTED = 10_000  # documents of a collection
REMOVALS = ("document", "element", "field")  # what an erasure does at once

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class HeldUser:
    """A user, and its name; empty where it has none."""

    user: ObjectId
    name: str


@dataclass(frozen=True, slots=True)
class HeldDocuments:
    """How many documents of a collection an erasure would delete or change.

    is_least  whether there may be more, since not all were counted
    """

    collection: str
    number: int
    is_least: bool


class HeldData:
    """Read only, except that users which an erased account has made since are added to its tombstone."""

    def __init__(self, store: Store) -> None:
        self._app, self._tombstones = store.app, store.tombstones
        self._databases = {"app": store.app, "analytics": store.analytics}

    def has_account(self, account: ObjectId) -> bool:
        """Whether the application has the account."""
        return self._of(schema.ACCOUNTS).find_one({"_id": {"$in": either_form([account])}}, {"_id": 1}) is not None

    def ids(self, account: ObjectId) -> Erased:
        """The ids that an erasure of the account would find, of posts and credentials the first MAX_IDS."""
        noted, owned = self._tombstones.first_of(account, MAX_IDS), {"account": {"$in": either_form([account])}}
        former = self._values(schema.ACCOUNT_LINKS, owned, "user", object_id)
        former |= self._values(schema.ENGAGEMENTS, owned, "user", object_id)
        users = self._tombstones.users_of(frozenset([account]), noted=noted.users | former)
        credentials = noted.credentials | self._credentials(account, users)
        return Erased(frozenset([account]), users, noted.posts | self._posts(users), credentials)

    def users(self, users: Iterable[ObjectId], limit: int) -> Sequence[HeldUser]:
        """The first of these users, in the order of their ids, with their names."""
        shown = sorted(users)[:limit]
        documents = self._of(schema.USERS)
        rows = documents.find({"_id": {"$in": either_form(shown)}}, {"displayName": 1, "displayId": 1})
        names = dict(sound(documents, rows, _named))
        return [HeldUser(user, names.get(user, "")) for user in shown]

    def documents(self, ids: Erased) -> Sequence[HeldDocuments]:
        """How many documents hold one of these ids, for each collection that an index leads to."""
        return [self._counted(collection, ids) for collection in schema.OURS if _counted_in(collection)]

    def _counted(self, collection: Collection, ids: Erased) -> HeldDocuments:
        places = _counted_in(collection)
        clauses = [{about.path: {"$in": forms}} for about in places if (forms := ids.of(about.subject))]
        number = self._of(collection).count_documents({"$or": clauses}, limit=MAX_COUNTED) if clauses else 0
        known = {"post": len(ids.posts), "credential": len(ids.credentials)}
        are_first = any(known.get(about.subject, 0) >= MAX_IDS for about in places)
        return HeldDocuments(collection.name, number, number == MAX_COUNTED or are_first)

    def _posts(self, users: Iterable[ObjectId]) -> set[ObjectId]:
        """The first posts of these users, according to the application, their statistics and the guest feed."""
        written = {"$in": either_form(users)}
        posts = self._values(schema.CONTENTS, {"author.id": written}, "_id", object_id)
        derived = self._values(schema.CONTENT_STATS, {"authorId": written}, "_id", object_id)
        derived |= self._values(schema.GUEST_FEED, {"author": written}, "content", object_id)
        return posts | (derived - self._tombstones.by_authors({"$nin": either_form(users)}, derived - posts))

    def _credentials(self, account: ObjectId, users: Iterable[ObjectId]) -> set[Credential]:
        """The first credentials of an account and its users, according to its devices, its links and the features."""
        forms = {"$in": either_form([account])}
        viewers = {"$in": either_form([account, *users])}
        devices = self._of(schema.ACCOUNTS).distinct("credentials.deviceUUID", {"_id": forms})
        credentials = {credential for device in devices if (credential := as_credential(device)) is not None}
        credentials |= self._values(schema.ACCOUNT_LINKS, {"account": forms}, "credential", as_credential)
        credentials |= self._values(schema.CREDENTIAL_FEATURES, {"viewer": viewers}, "seenCredential", as_credential)
        return credentials

    def _values(self, collection: Collection, query: Document, field: str, decode: Callable[[Any], T | None]) -> set[T]:
        """The values of a field of the first documents that a query finds, without those that do not have it."""
        documents = self._of(collection)
        rows = documents.find(query, {field: 1}).limit(MAX_IDS)
        decoded = sound(documents, rows, lambda row: optional(row.get(field), decode))
        return {value for value in decoded if value is not None}

    def _of(self, collection: Collection) -> Documents[Document]:
        return self._databases[collection.database][collection.name]


def partly_counted() -> Sequence[str]:
    """The collections that hold ids which no index leads to; an erasure finds them."""
    return [
        collection.name
        for collection in schema.OURS
        if any(about.removal in REMOVALS and not collection.is_indexed(about.path) for about in collection.about)
    ]


def _counted_in(collection: Collection) -> Sequence[About]:
    """Where documents hold an id by which an index finds them, and of which an erasure deletes or changes them."""
    return [about for about in collection.about if about.removal in REMOVALS and collection.is_indexed(about.path)]


def _named(row: Document) -> tuple[ObjectId, str]:
    names = (as_text(row.get(field)) for field in ("displayName", "displayId"))
    return needed(object_id(row["_id"])), next((name for name in names if name), "")
