"""Tombstones of erased accounts: every job that writes reads them, so that nothing is derived from erased ids again.

For example: {_id: ObjectId of the account, erasedAt: …, users: [ObjectId], posts: [ObjectId], credentials: [ObjectId]},
which expires when no queue can hold the account any more, and its exposures are too old to count. Posts that are too
many for one document stand in further ones: {_id: "5f0c… 9e1a…" of the account and a post, erasedAt: …, posts:
[ObjectId]}.

What the application has now comes before what was noted: a user that it says belongs to another account, and a post
that it says is by another author, do not count as erased.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo import UpdateMany, UpdateOne
from pymongo.database import Database

from shared.clock import EPOCH
from shared.documents import Credential, Document, either_form, object_id
from shared.store import schema
from shared.store.decoding import as_credential, as_document, as_moment, elements, needed, optional, own_id, sound
from shared.store.expressions import array
from shared.store.malformed import name_malformed

ErasureState = frozenset[tuple[ObjectId, datetime]]

IDS_A_QUERY = 10_000  # at most


@dataclass(frozen=True, slots=True)
class Erased:
    """Erased ids; true where there are any."""

    accounts: frozenset[ObjectId] = frozenset()
    users: frozenset[ObjectId] = frozenset()
    posts: frozenset[ObjectId] = frozenset()
    credentials: frozenset[Credential] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.accounts)

    def of(self, subject: schema.Subject) -> list[Any]:
        """The ids of one kind, in every form in which they may be stored."""
        if subject == "credential":
            ids = {object_id(credential) for credential in self.credentials} - {None}
            return list({*self.credentials, *either_form(key for key in ids if key is not None)})
        return either_form({"account": self.accounts, "user": self.users, "post": self.posts}[subject])


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

    def _read(self, query: Document, *, posts: bool) -> Erased:
        rows = self._notes.find(query, None if posts else {"posts": 0})
        erased = list(sound(self._notes, rows, self._erased))
        if not erased:
            return Erased()
        accounts, users, written, credentials = (frozenset[Any]().union(*ids) for ids in zip(*erased, strict=True))
        users = self.users_of(accounts, noted=users)
        return Erased(accounts, users, written - self._by_others(written, users), credentials)

    def _erased(self, row: Document) -> tuple[frozenset[Any], ...]:
        """Account, users, posts and credentials; where one of the lists is malformed, the other ids count anyway."""
        kinds = {"users": object_id, "posts": object_id, "credentials": as_credential}
        lists = (elements(self._notes, row, name, decode) for name, decode in kinds.items())
        return frozenset([_account(row)]), *lists

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

    def searched(self, state: ErasureState, *, now: datetime) -> None:
        """Record that the models of other accounts were searched for the ids of these erasures."""
        is_unsearched = {"searchedAt": {"$exists": False}}
        writes = [
            UpdateMany(notes_of(account) | {"erasedAt": at} | is_unsearched, {"$set": {"searchedAt": now}})
            for account, at in state
        ]
        if writes:
            self._notes.bulk_write(writes, ordered=False)

    def authors(self, path: str) -> Document:
        """A condition for a query or a `$match` that leaves out documents whose author at `path` is erased; empty where
        no account is."""
        users = self.read().of("user")
        return {"$nor": [{path: {"$in": users}}]} if users else {}

    def among(self, accounts: Iterable[ObjectId]) -> set[ObjectId]:
        """The erased ones among these accounts."""
        rows = (row for ids in _parts(accounts) for row in self._notes.find({"_id": {"$in": ids}}, {"_id": 1}))
        return set(sound(self._notes, rows, _account))

    def posts_among(self, posts: Iterable[ObjectId]) -> set[ObjectId]:
        """The erased ones among these posts, with those that an erased user has written since."""
        erased = self.read()
        if not erased:
            return set()
        among: set[ObjectId] = set()
        for ids in _parts(posts):
            stages: list[Document] = [
                {"$match": {"posts": {"$in": ids}}},
                {"$project": {"post": {"$setIntersection": [array("$posts"), ids]}}},
            ]
            noted = {post for row in self._notes.aggregate(stages) for post in row["post"]}
            among |= noted - self._by_others(noted, erased.users)
            own = {"_id": {"$in": ids}, "author.id": {"$in": erased.of("user")}}
            rows = sound(self._contents, self._contents.find(own, {"author.id": 1}), _author)
            new = {post: author for post, author in rows if post not in among}
            writes = [
                UpdateOne({"users": author}, [{"$set": {"posts": {"$setUnion": [array("$posts"), [post]]}}}])
                for post, author in new.items()
            ]
            if writes:
                self._notes.bulk_write(writes, ordered=False)
            among.update(new)
        return among

    def users_of(self, accounts: frozenset[ObjectId], *, noted: frozenset[ObjectId]) -> frozenset[ObjectId]:
        """The noted users without those of other accounts now, and all users of these accounts; the new ones are added
        to the tombstones."""
        query = {"$or": [{"ownerAccount": {"$in": either_form(accounts)}}, {"_id": {"$in": list(noted)}}]}
        owners = dict(sound(self._users, self._users.find(query, {"ownerAccount": 1}), _owned))
        own = {user for user, owner in owners.items() if owner in accounts}
        writes = [
            UpdateOne({"_id": owners[user]}, [{"$set": {"users": {"$setUnion": [array("$users"), [user]]}}}])
            for user in own - noted
        ]
        if writes:
            self._notes.bulk_write(writes, ordered=False)
        return frozenset(user for user in noted | own if user in own or owners.get(user) is None)

    def _by_others(self, posts: Iterable[ObjectId], users: frozenset[ObjectId]) -> set[ObjectId]:
        """The posts among these that the application has, by authors that are none of these users."""
        by_others: set[ObjectId] = set()
        authors = {"author.id": {"$nin": either_form(users)}}
        for ids in _parts(posts):
            rows = self._contents.find({"_id": {"$in": ids}} | authors, {"author.id": 1})
            by_others.update(post for post, _ in sound(self._contents, rows, _author))
        return by_others


def notes_of(account: ObjectId) -> Document:
    """The query for all documents of the tombstone of one account."""
    return {"_id": {"$in": [account, re.compile(f"^{account} ")]}}


def _account(row: Document) -> ObjectId:
    key = row["_id"]
    return needed(object_id(key.partition(" ")[0] if isinstance(key, str) else key))


def _owned(user: Document) -> tuple[ObjectId, ObjectId | None]:
    """A user and its account, None where it names none."""
    return own_id(user), optional(user.get("ownerAccount"), object_id)


def _author(post: Document) -> tuple[ObjectId, ObjectId]:
    """A post and its author."""
    author = needed(as_document(post.get("author")))
    return own_id(post), needed(object_id(author.get("id")))


def _parts(ids: Iterable[ObjectId]) -> Iterable[list[ObjectId]]:
    """The ids in lists that are short enough for one command."""
    listed = list(ids)
    return (listed[first : first + IDS_A_QUERY] for first in range(0, len(listed), IDS_A_QUERY))
