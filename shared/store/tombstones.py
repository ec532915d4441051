"""Who was erased, as every job that writes asks it: what names them is neither read nor written again.

For example: {_id: ObjectId of the account, erasedAt: …, users: [ObjectId], posts: [ObjectId], credentials: [ObjectId]},
which ages out when no queue can hold the account any more, and none of what its credentials read can count.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo import UpdateOne
from pymongo.database import Database

from shared.clock import EPOCH
from shared.documents import Credential, Document, either_form, object_id
from shared.store import schema
from shared.store.decoding import as_credential, as_moment, elements, needed, own_id, sound
from shared.store.expressions import array
from shared.store.malformed import name_malformed

ErasureState = frozenset[tuple[ObjectId, datetime]]

IDS_A_QUERY = 10_000


@dataclass(frozen=True, slots=True)
class Erased:
    """Ids of what was erased."""

    accounts: frozenset[ObjectId] = frozenset()
    users: frozenset[ObjectId] = frozenset()
    posts: frozenset[ObjectId] = frozenset()
    credentials: frozenset[Credential] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.accounts)

    def of(self, subject: schema.Subject) -> list[Any]:
        """The ids of one kind, in every form that they are stored in."""
        if subject == "credential":
            ids = {object_id(one) for one in self.credentials} - {None}
            return list({*self.credentials, *either_form(one for one in ids if one is not None)})
        return either_form({"account": self.accounts, "user": self.users, "post": self.posts}[subject])


class Tombstones:
    """Read only, but for the posts that an erased user writes later."""

    def __init__(self, app: Database[Document], analytics: Database[Document]) -> None:
        self._notes = analytics[schema.ERASURES.name]
        self._users, self._contents = app[schema.USERS.name], app[schema.CONTENTS.name]

    def read(self, account: ObjectId | None = None, *, posts: bool = False) -> Erased:
        """What is erased, of one account or of all, with the users that an erased account has made since.

        posts  whether the ids of posts are wanted too, of which there may be many
        """
        return self._read({} if account is None else {"_id": account}, posts=posts)

    def _read(self, query: Document, *, posts: bool) -> Erased:
        rows = self._notes.find(query, None if posts else {"posts": 0})
        found = list(sound(self._notes, rows, self._erased))
        if not found:
            return Erased()
        accounts, users, written, credentials = (frozenset[Any]().union(*ids) for ids in zip(*found, strict=True))
        return Erased(accounts, users | self._users_of(accounts), written, credentials)

    def _erased(self, row: Document) -> tuple[frozenset[Any], ...]:
        """Account, users, posts and credentials; what is malformed beside the account leaves the rest erased."""
        kinds = {"users": object_id, "posts": object_id, "credentials": as_credential}
        lists = (elements(self._notes, row, name, decode) for name, decode in kinds.items())
        return frozenset([_account(row)]), *lists

    def state(self) -> ErasureState:
        """Which erasures there are: another one where an account was erased, or erased again, since it was asked."""
        rows = self._notes.find({}, {"erasedAt": 1})
        return frozenset(sound(self._notes, rows, self._dated))

    def _dated(self, row: Document) -> tuple[ObjectId, datetime]:
        """The account, and when it was erased; 1970 where that is no date."""
        erased_at = as_moment(row.get("erasedAt"))
        if erased_at is None:
            name_malformed(self._notes.name, row["_id"])
        return _account(row), erased_at or EPOCH

    def unsearched(self) -> Erased:
        """What was erased since the models of other accounts were last searched for it."""
        return self._read({"searchedAt": {"$exists": False}}, posts=True)

    def searched(self, state: ErasureState, *, now: datetime) -> None:
        """Remember that the models that hold what was erased by then are going to be replaced."""
        since = {"searchedAt": {"$exists": False}}
        writes = [
            UpdateOne({"_id": account, "erasedAt": at, **since}, {"$set": {"searchedAt": now}}) for account, at in state
        ]
        if writes:
            self._notes.bulk_write(writes, ordered=False)

    def authors(self, path: str) -> Document:
        """The part of a query, or of a `$match`, that leaves out documents whose author at `path` is erased; empty
        where nobody is."""
        users = self.read().of("user")
        return {"$nor": [{path: {"$in": users}}]} if users else {}

    def among(self, accounts: Iterable[ObjectId]) -> set[ObjectId]:
        """Those of these accounts that are erased."""
        rows = (row for ids in _parts(accounts) for row in self._notes.find({"_id": {"$in": ids}}, {"_id": 1}))
        return set(sound(self._notes, rows, _account))

    def posts_among(self, posts: Iterable[ObjectId]) -> set[ObjectId]:
        """Those of these posts that are erased; one that an erased user wrote since is remembered as such, so that it
        is known as erased when it is gone."""
        erased = self.read()
        if not erased:
            return set()
        found: set[ObjectId] = set()
        for ids in _parts(posts):
            known: list[Document] = [
                {"$match": {"posts": {"$in": ids}}},
                {"$project": {"post": {"$setIntersection": [array("$posts"), ids]}}},
            ]
            found.update(post for row in self._notes.aggregate(known) for post in row["post"])
            own = {"_id": {"$in": ids}, "author.id": {"$in": erased.of("user")}}
            rows = sound(self._contents, self._contents.find(own, {"author.id": 1}), _author)
            new = {post: author for post, author in rows if post not in found}
            writes = [
                UpdateOne({"users": author}, [{"$set": {"posts": {"$setUnion": [array("$posts"), [post]]}}}])
                for post, author in new.items()
            ]
            if writes:
                self._notes.bulk_write(writes, ordered=False)
            found.update(new)
        return found

    def _users_of(self, accounts: Iterable[ObjectId]) -> set[ObjectId]:
        query = {"ownerAccount": {"$in": either_form(accounts)}}
        found = {object_id(row["_id"]) for row in self._users.find(query, {"_id": 1})}
        return {user for user in found if user is not None}


def _account(row: Document) -> ObjectId:
    return needed(object_id(row["_id"]))


def _author(post: Document) -> tuple[ObjectId, ObjectId]:
    """A post and its author."""
    author = post["author"]
    return own_id(post), needed(object_id(author.get("id")) if isinstance(author, dict) else None)


def _parts(ids: Iterable[ObjectId]) -> Iterable[list[ObjectId]]:
    """Lists short enough to stand in one command."""
    every = list(ids)
    return (every[first : first + IDS_A_QUERY] for first in range(0, len(every), IDS_A_QUERY))
