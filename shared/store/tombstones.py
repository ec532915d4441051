"""Tombstones of erased accounts: every job that writes reads them, so that nothing is derived from erased ids again.

For example: {_id: ObjectId of the account, erasedAt: …, completedAt: …, users: [ObjectId], posts: [ObjectId],
gone: [ObjectId], credentials: [ObjectId]}, which expires when no queue can hold the account any more, and its exposures
are too old to count. Without `completedAt` the erasure is under way, or was cut short. Posts that are too many for one
document stand in further ones: {_id: "5f0c… 9e1a…" of the account and a post, erasedAt: …, posts: [ObjectId],
gone: [ObjectId]}.

A noted user that the application says belongs to another account now does not count as erased. `posts` were known as
the account's: they stay erased whoever their author is now, so also where the application has given them to a
placeholder, except where it is such a user, whose posts go with it. `gone` are posts that the application did not have,
by unknown authors: one that is back by an author that is not erased does not count.
"""

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, NamedTuple

from bson import ObjectId
from pymongo import UpdateOne
from pymongo.database import Database

from shared.clock import EPOCH
from shared.documents import Credential, Document, credential_forms, either_form, object_id
from shared.store import schema
from shared.store.batches import in_batches
from shared.store.decoding import as_credential, as_document, as_moment, elements, needed, optional, own_id, sound
from shared.store.erased import Erased
from shared.store.expressions import array
from shared.store.malformed import name_malformed

ErasureState = frozenset[tuple[ObjectId, datetime]]

LISTS_OF_POSTS: Final = ("posts", "gone")


class TombstoneLists(NamedTuple):
    """The lists of tombstones as they stand there."""

    accounts: frozenset[ObjectId] = frozenset()
    users: frozenset[ObjectId] = frozenset()
    posts: frozenset[ObjectId] = frozenset()
    gone: frozenset[ObjectId] = frozenset()
    credentials: frozenset[Credential] = frozenset()


class Tombstones:
    """Read only, except that users which an erased account makes later, and posts which an erased user writes later,
    are added, so that they still count as erased when the application has deleted them."""

    def __init__(self, app: Database[Document], analytics: Database[Document]) -> None:
        self._notes = analytics[schema.ERASURES.name]
        self._users, self._contents = app[schema.USERS.name], app[schema.CONTENTS.name]

    def read(self, account: ObjectId | None = None, *, posts: bool = False) -> Erased:
        """The erased ids, of one account or of all for None, with the users that an erased account has made since.

        posts  whether to read the ids of posts too, of which there may be many
        """
        return self._read({} if account is None else notes_of(account), posts=posts)

    def first_of(self, account: ObjectId, limit: int) -> Erased:
        """The erased ids of one account, of each list of posts the first `limit`, however many there are."""
        return self._read({"_id": account}, posts=True, limit=limit)

    def lists(self, query: Document, *, posts: bool = True, limit: int = 0) -> TombstoneLists:
        """What the documents of that query note, whatever of it counts now; the lists of posts only for `posts`, and of
        each list the first `limit`, or all for 0."""
        shown = {"$slice": limit} if limit else 0
        rows = self._notes.find(query, None if posts and not limit else dict.fromkeys(LISTS_OF_POSTS, shown))
        return TombstoneLists(
            *(frozenset[Any]().union(*ids) for ids in zip(*sound(self._notes, rows, self._lists), strict=True))
        )

    def _lists(self, row: Document) -> TombstoneLists:
        """What one document notes; where one of the lists is malformed, the other ids count anyway."""
        users, posts, gone = (elements(self._notes, row, name, object_id) for name in ("users", *LISTS_OF_POSTS))
        credentials: frozenset[Credential] = elements(self._notes, row, "credentials", as_credential)
        return TombstoneLists(frozenset([_account(row)]), users, posts, gone, credentials)

    def _read(self, query: Document, *, posts: bool, limit: int = 0) -> Erased:
        noted = self.lists(query, posts=posts, limit=limit)
        if not noted.accounts:
            return Erased()
        users = self.users_of(noted.accounts, noted=noted.users)
        erased = Erased(noted.accounts, users, credentials=noted.credentials, moved=noted.users - users)
        return replace(erased, posts=self._still_erased(noted.posts, noted.gone, erased))

    def _still_erased(
        self, posts: frozenset[ObjectId], gone: frozenset[ObjectId], erased: Erased
    ) -> frozenset[ObjectId]:
        """Those of these posts, from either list, that count as erased."""
        moved = self.by_authors({"$in": either_form(erased.moved)}, posts) if erased.moved else set()
        return (posts - moved) | (gone - self.by_authors({"$nin": erased.of("user")}, gone))

    def state(self) -> ErasureState:
        """The accounts and moments of all erasures; it differs after each erasure, also a repeated one."""
        rows = self._notes.find({}, {"erasedAt": 1})
        return frozenset(sound(self._notes, rows, self._dated))

    def _dated(self, row: Document) -> tuple[ObjectId, datetime]:
        """The account, and when it was erased; 1970 where that is no date."""
        erased_at = as_moment(row.get("erasedAt"))
        if erased_at is None:
            name_malformed(self._notes.name, row["_id"])
        return _account(row), erased_at or EPOCH

    def unsearched(self) -> Erased:
        """The erased ids that the models of other accounts have not been searched for yet."""
        return self._read({"searchedAt": {"$exists": False}}, posts=True)

    def authors(self, path: str) -> Document:
        """A condition for a query or a `$match` that leaves out documents whose author at `path` is erased; empty where
        no account is."""
        users = self.read().of("user")
        return {"$nor": [{path: {"$in": users}}]} if users else {}

    def among(self, accounts: Iterable[ObjectId]) -> set[ObjectId]:
        """The erased ones among these accounts."""
        rows = (row for ids in in_batches(accounts) for row in self._notes.find({"_id": {"$in": ids}}, {"_id": 1}))
        return set(sound(self._notes, rows, _account))

    def posts_among(self, posts: Iterable[ObjectId]) -> set[ObjectId]:
        """The erased ones among these posts, with those that an erased user has written since."""
        erased = self.read()
        if not erased:
            return set()
        among: set[ObjectId] = set()
        for ids in in_batches(posts):
            stages: list[Document] = [
                {"$match": {"$or": [{name: {"$in": ids}} for name in LISTS_OF_POSTS]}},
                {"$project": {name: {"$setIntersection": [array(f"${name}"), ids]} for name in LISTS_OF_POSTS}},
            ]
            rows = list(self._notes.aggregate(stages))
            noted, gone = (frozenset[ObjectId]().union(*(row[name] for row in rows)) for name in LISTS_OF_POSTS)
            among |= self._still_erased(noted, gone, erased)
            own = {"_id": {"$in": ids}, "author.id": {"$in": erased.of("user")}}
            written = sound(self._contents, self._contents.find(own, {"author.id": 1}), _author)
            new = {post: author for post, author in written if post not in noted}
            writes = [
                UpdateOne({"users": author}, [{"$set": {"posts": {"$setUnion": [array("$posts"), [post]]}}}])
                for post, author in new.items()
            ]
            if writes:
                self._notes.bulk_write(writes, ordered=False)
            among.update(new)
        return among

    def credentials_among(self, credentials: Iterable[Credential]) -> set[Credential]:
        """The erased ones among these credentials."""
        among = set(credentials)
        return among & self.lists({"credentials": {"$in": credential_forms(among)}}, posts=False).credentials

    def users_of(self, accounts: frozenset[ObjectId], *, noted: frozenset[ObjectId]) -> frozenset[ObjectId]:
        """The noted users without those of other accounts now, and all users of these accounts; the new ones are added
        to the tombstones. One under hex digits is found too; the one under its ObjectId counts first."""
        query = {"$or": [{"ownerAccount": {"$in": either_form(accounts)}}, {"_id": {"$in": either_form(noted)}}]}
        rows = sorted(self._users.find(query, {"ownerAccount": 1}), key=lambda row: isinstance(row["_id"], ObjectId))
        owners = dict(sound(self._users, rows, _owned))
        own = {user for user, owner in owners.items() if owner in accounts}
        writes = [
            UpdateOne({"_id": owners[user]}, [{"$set": {"users": {"$setUnion": [array("$users"), [user]]}}}])
            for user in own - noted
        ]
        if writes:
            self._notes.bulk_write(writes, ordered=False)
        return frozenset(user for user in noted | own if user in own or owners.get(user) is None)

    def by_authors(self, condition: Document, posts: Iterable[ObjectId]) -> set[ObjectId]:
        """The posts among these that the application has, by authors whose ids this condition is true for."""
        written: set[ObjectId] = set()
        for ids in in_batches(posts):
            rows = self._contents.find({"_id": {"$in": ids}, "author.id": condition}, {"author.id": 1})
            written.update(post for post, _ in sound(self._contents, rows, _author))
        return written


def notes_of(account: ObjectId) -> Document:
    """The query for all documents of the tombstone of one account."""
    return {"_id": {"$in": [account, re.compile(f"^{account} ")]}}


def _account(row: Document) -> ObjectId:
    key = row["_id"]
    return needed(object_id(key.partition(" ")[0] if isinstance(key, str) else key))


def _owned(user: Document) -> tuple[ObjectId, ObjectId | None]:
    """A user and its account, None where it names none."""
    return needed(object_id(user["_id"])), optional(user.get("ownerAccount"), object_id)


def _author(post: Document) -> tuple[ObjectId, ObjectId]:
    """A post and its author."""
    author = needed(as_document(post.get("author")))
    return own_id(post), needed(object_id(author.get("id")))
