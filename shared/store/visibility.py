"""The rule of what may be shown, for posts and for users; read only.

For example: contents {_id: ObjectId, author: {id: ObjectId}, visibility: "publish", isRecast: true,
originalPost: {_id: ObjectId, …}}, users {_id: ObjectId, ownerAccount: ObjectId, visibility: "publish"} and accounts
{_id: ObjectId, visibility: "publish"}

A user may be shown if it is published and its account is: an account without visibility counts as published, one that
does not exist does not, and a user without an account needs none. A post may be shown if it is published, its author
may be shown, and the same holds for the post that it repeats or quotes, and so on. A recast repeats something: its
chain has to lead to a post that is none. A malformed document is not published.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from bson import ObjectId
from pymongo.collection import Collection as Stored
from pymongo.database import Database

from shared.store import schema
from shared.store.contents import PUBLISHED, in_batches
from shared.store.identity import either_form, object_id

Document = dict[str, Any]

LONGEST_CHAIN = 64  # posts; the network's own interface makes no longer one, and a post above it is not shown
# A query for a value also finds a list that holds it.
_PUBLISHED: Document = {"visibility": {"$eq": PUBLISHED, "$not": {"$type": "array"}}}
_PUBLISHED_ACCOUNT: Document = {"visibility": {"$in": [PUBLISHED, None], "$not": {"$type": "array"}}}
_LINK = {"author.id": 1, "originalPost._id": 1, "isRecast": 1}


class Link(NamedTuple):
    """One published post: its author, and the post that it repeats or quotes; None where it does neither."""

    author: ObjectId
    original: ObjectId | None
    recast: bool


class Lineage(NamedTuple):
    """A post, what it repeats or quotes, and so on down the chain.

    posts     the post itself first
    repeated  what a reader sees of it: itself, or the first post down the chain that is no recast
    root      the last post of the chain; of a cycle the one with the least id
    """

    posts: Sequence[ObjectId]
    repeated: ObjectId
    root: ObjectId


class Visibility:
    def __init__(self, app: Database[Document]) -> None:
        self._contents = app[schema.CONTENTS.name]
        self._users = app[schema.USERS.name]
        self._accounts = app[schema.ACCOUNTS.name]

    def users(self, ids: Iterable[ObjectId]) -> set[ObjectId]:
        """Those of these users who may be shown."""
        return set(self.owners(ids))

    def owners(self, ids: Iterable[ObjectId]) -> dict[ObjectId, ObjectId | None]:
        """Those of these users who may be shown, each with the account that owns it."""
        rows = _by_id(self._users, ids, _PUBLISHED, {"ownerAccount": 1})
        owners = {user: object_id(row.get("ownerAccount")) for user, row in rows.items()}
        published = _by_id(self._accounts, set(owners.values()) - {None}, _PUBLISHED_ACCOUNT, {"_id": 1})
        return {user: owner for user, owner in owners.items() if owner is None or owner in published}

    def still_shown(self, posts: Sequence[ObjectId], authors: Sequence[ObjectId], owners: Sequence[ObjectId]) -> bool:
        """Whether these posts, each once, of which all could be shown lately, all still may: they, their authors and
        the owners are published. One question, where `posts` asks three and reads each document.

        False where that is not certain, since one of them is stored under its hex digits.
        """
        of_these = [*either_form(owners), None]  # who has moved to another account is one more that is missing
        stages: list[Document] = [
            {"$match": {"_id": {"$in": list(posts)}} | _PUBLISHED},
            {"$count": "posts"},
            _count(
                self._users, {"_id": {"$in": list(authors)}, "ownerAccount": {"$in": of_these}} | _PUBLISHED, "authors"
            ),
            _count(self._accounts, {"_id": {"$in": list(owners)}} | _PUBLISHED_ACCOUNT, "owners"),
        ]
        counted = {name: number for row in self._contents.aggregate(stages) for name, number in row.items()}
        asked = {"posts": posts, "authors": authors, "owners": owners}
        return counted == {name: len(ids) for name, ids in asked.items() if ids}

    def posts(self, ids: Collection[ObjectId], expected: Iterable[ObjectId] = ()) -> dict[ObjectId, set[ObjectId]]:
        """Those of these posts that may be shown to anybody, each with the authors of its chain, its own included.

        expected  posts that the chains are known to lead to; they are read with the first, and need not be complete
        """
        links = self.links([*ids, *expected])
        lineages = {post: lineage(post, links) for post in ids if post in links}
        authors = {post: {links[item].author for item in chain.posts} for post, chain in lineages.items() if chain}
        shown = self.users(set().union(*authors.values()))
        return {post: by for post, by in authors.items() if by <= shown}

    def links(self, ids: Iterable[ObjectId]) -> dict[ObjectId, Link]:
        """Those of these posts that are published, and all that their chains lead to, whoever wrote it."""
        links: dict[ObjectId, Link] = {}
        asked: set[ObjectId] = set()
        wanted = set(ids)
        for _ in range(LONGEST_CHAIN):
            if not wanted:
                break
            asked |= wanted
            read = {post: _link(row) for post, row in _by_id(self._contents, wanted, _PUBLISHED, _LINK).items()}
            links |= {post: link for post, link in read.items() if link}
            wanted = {link.original for link in read.values() if link and link.original} - asked
        return links


def lineage(post: ObjectId, links: Mapping[ObjectId, Link]) -> Lineage | None:
    """The chain of a published post; None where a post of it is not published, where recasts repeat nothing, and where
    it is longer than LONGEST_CHAIN.

    links  every published post that the chain may lead to
    """
    chain: list[ObjectId] = []
    while post not in chain:
        link = links.get(post)
        if link is None or len(chain) == LONGEST_CHAIN:
            return None
        chain.append(post)
        if link.original is None:
            break
        post = link.original
    end = chain[chain.index(post) :]  # the last one, or a cycle
    if all(links[item].recast for item in end):
        return None
    return Lineage(chain, next(item for item in chain if not links[item].recast), min(end))


def _count(collection: Stored[Document], query: Document, name: str) -> Document:
    """A stage that adds {name: how many documents match}, and nothing where none does."""
    return {"$unionWith": {"coll": collection.name, "pipeline": [{"$match": query}, {"$count": name}]}}


def _link(row: Document) -> Link | None:
    author, original = row.get("author"), row.get("originalPost")
    by = object_id(author.get("id")) if isinstance(author, dict) else None
    of = object_id(original.get("_id")) if isinstance(original, dict) else None
    return Link(by, of, row.get("isRecast") is True) if by is not None else None


def _by_id(
    collection: Stored[Document], ids: Iterable[Any], query: Document, shown: Mapping[str, int]
) -> dict[ObjectId, Document]:
    """The documents of these ids that match, by id; those that are missing are looked for as hex digits afterwards."""
    wanted = set(ids)
    rows = dict(_rows(collection, wanted, query, shown))
    if len(rows) < len(wanted):
        missing = either_form(wanted - rows.keys())
        rows |= _rows(collection, [form for form in missing if isinstance(form, str)], query, shown)
    return rows


def _rows(
    collection: Stored[Document], ids: Iterable[Any], query: Document, shown: Mapping[str, int]
) -> Iterator[tuple[ObjectId, Document]]:
    for batch in in_batches(ids):
        for row in collection.find({"_id": {"$in": batch}} | query, shown):
            key = object_id(row["_id"])
            if key is not None:
                yield key, row
