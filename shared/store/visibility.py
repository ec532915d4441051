"""The rule of what may be shown, for posts and for users; read only.

For example: contents {_id: ObjectId, author: {id: ObjectId}, visibility: "publish", isRecast: true,
originalPost: {_id: ObjectId, …}}, users {_id: ObjectId, ownerAccount: ObjectId, visibility: "publish"} and accounts
{_id: ObjectId, visibility: "publish"}

A user may be shown if it is published and its account is: an account without visibility counts as published, one that
does not exist does not, and a user without an account needs none. A post may be shown if it is published, its author
may be shown, and the same holds for the post that it repeats or quotes, and so on down the chain. A recast only repeats
another post: its chain has to lead to a post that is no recast. A malformed document counts as not published, and so
does one whose reference to an account or a post is malformed: only a missing or null reference refers to nothing. Of
documents under the same id, as ObjectId and as hex digits, all have to be published.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from bson import ObjectId
from pymongo.collection import Collection as Stored
from pymongo.database import Database

from shared.documents import Document, either_form, object_id
from shared.store import schema
from shared.store.batches import in_batches
from shared.store.decoding import Malformed, needed, optional, sound
from shared.store.expressions import NO_ARRAY
from shared.store.lineage import MAX_CHAIN_LENGTH, Link, lineage

PUBLISHED = "publish"

_STORED_AS_TEXT: Document = {"_id": {"$type": "string"}}
_LINK: Document = {
    "author.id": 1,
    "originalPost._id": 1,
    "originalPost.$id": 1,
    "isRecast": 1,
    "refers": {"$in": [{"$type": "$originalPost"}, ["missing", "null", "object"]]},  # False for a malformed one
}


def is_published(path: str = "visibility") -> Document:
    """The query for a published post or user, by its visibility at `path`."""
    return {path: {"$eq": PUBLISHED} | NO_ARRAY}


def is_published_account(path: str = "visibility") -> Document:
    """The query for a published account among those that exist, by its visibility at `path`."""
    return {path: {"$in": [PUBLISHED, None]} | NO_ARRAY}


def says_published(collection: str, document: Mapping[str, Any]) -> bool:
    """Whether the query for published documents of that collection finds this one."""
    visibility = document.get("visibility")
    return visibility == PUBLISHED or (visibility is None and collection == schema.ACCOUNTS.name)


class KnownChains(NamedTuple):
    """Posts that could be shown lately, with all posts, users and accounts that this depends on; each id once.

    posts      the posts, and all that their chains lead to
    leading    the posts among them that repeat or quote another
    originals  the posts among them that are repeated or quoted
    authors    users who wrote them
    owners     accounts of the authors
    """

    posts: list[ObjectId]
    leading: list[ObjectId]
    originals: list[ObjectId]
    authors: list[ObjectId]
    owners: list[ObjectId]


class Visibility:
    def __init__(self, app: Database[Document]) -> None:
        self._contents = app[schema.CONTENTS.name]
        self._users = app[schema.USERS.name]
        self._accounts = app[schema.ACCOUNTS.name]

    def users(self, ids: Iterable[ObjectId]) -> set[ObjectId]:
        """The users among these who may be shown."""
        return set(self.owners(ids))

    def owners(self, ids: Iterable[ObjectId]) -> dict[ObjectId, ObjectId | None]:
        """The users among these who may be shown, each with the account that owns it, None without one."""
        rows = _by_id(self._users, ids, is_published(), {"ownerAccount": 1})
        owners = dict(sound(self._users, rows.values(), _owner))
        published = _by_id(self._accounts, set(owners.values()) - {None}, is_published_account(), {"_id": 1})
        return {user: owner for user, owner in owners.items() if owner is None or owner in published}

    def posts_still_shown(self, known: KnownChains) -> bool:
        """Whether posts that could be shown lately are all published still, by known authors, and refer only to one
        another; False where that is not certain, since one is stored, or referred to, by hex digits. This and
        `authors_still_shown` take one query each, where `posts` takes three and reads each document."""
        # A post that has got another author or original is not counted, so that the numbers differ.
        alone = {"originalPost": {"$in": [None, {}]} | NO_ARRAY, "isRecast": {"$ne": True}}
        leads = {"originalPost._id": {"$in": known.originals} | NO_ARRAY, "originalPost": NO_ARRAY}
        written = {"author.id": {"$in": known.authors} | NO_ARRAY, "author": NO_ARRAY}
        linked = {"$or": [alone, {"_id": {"$in": known.leading}} | leads]}
        stages: list[Document] = [
            {"$match": {"_id": {"$in": known.posts}} | is_published() | written | linked},
            {"$count": "posts"},
            _stored_as_text(self._contents),
        ]
        return _counts_all(self._contents, stages, posts=known.posts)

    def authors_still_shown(self, known: KnownChains) -> bool:
        """Whether the authors of posts that could be shown lately, and the accounts that own them, are all published
        still; False where that is not certain, since one of them is stored, or referred to, by hex digits."""
        owned = {"ownerAccount": {"$in": [*known.owners, None]} | NO_ARRAY}
        stages: list[Document] = [
            {"$match": {"_id": {"$in": known.authors}} | is_published() | owned},
            {"$count": "authors"},
            _count(self._accounts, {"_id": {"$in": known.owners}} | is_published_account(), "owners"),
            *(_stored_as_text(rows) for rows in (self._users, self._accounts)),
        ]
        return _counts_all(self._users, stages, authors=known.authors, owners=known.owners)

    def posts(self, ids: Collection[ObjectId], expected: Iterable[ObjectId] = ()) -> dict[ObjectId, set[ObjectId]]:
        """The posts among these that may be shown to anybody, each with all authors of its chain, its own included.

        expected  posts that the chains are likely to lead to; they are read by the first query, which saves further
                  ones, and need not be complete
        """
        links = self.links([*ids, *expected])
        lineages = {post: lineage(post, links) for post in ids if post in links}
        authors = {post: {links[item].author for item in chain.posts} for post, chain in lineages.items() if chain}
        shown = self.users(set().union(*authors.values()))
        return {post: wrote for post, wrote in authors.items() if wrote <= shown}

    def links(self, ids: Iterable[ObjectId]) -> dict[ObjectId, Link]:
        """The published posts among these and all published posts that their chains lead to, whoever wrote them."""
        links: dict[ObjectId, Link] = {}
        queried: set[ObjectId] = set()
        frontier = set(ids)
        for _ in range(MAX_CHAIN_LENGTH):
            if not frontier:
                break
            queried |= frontier
            rows = _by_id(self._contents, frontier, is_published(), _LINK)
            read = dict(sound(self._contents, rows.values(), _link))
            links |= read
            frontier = {link.original for link in read.values() if link.original} - queried
        return links


def _count(collection: Stored[Document], query: Document, name: str, limit: int | None = None) -> Document:
    """A stage that adds the row {name: number of matching documents}, at most `limit`, and no row where none match."""
    limits = [] if limit is None else [{"$limit": limit}]
    return {"$unionWith": {"coll": collection.name, "pipeline": [{"$match": query}, *limits, {"$count": name}]}}


def _stored_as_text(collection: Stored[Document]) -> Document:
    """A stage that adds the row {texts: 1} where a document of the collection has a text as its id."""
    return _count(collection, _STORED_AS_TEXT, "texts", 1)


def _counts_all(collection: Stored[Document], stages: list[Document], **ids: Collection[ObjectId]) -> bool:
    """Whether the rows of these stages count, by name, as many documents as there are ids, and nothing else."""
    counted = {name: number for row in collection.aggregate(stages) for name, number in row.items()}
    return counted == {name: len(named) for name, named in ids.items() if named}


def _owner(row: Document) -> tuple[ObjectId, ObjectId | None]:
    """A user, and the account that owns it."""
    return needed(object_id(row["_id"])), optional(row.get("ownerAccount"), object_id)


def _link(row: Document) -> tuple[ObjectId, Link]:
    """A post, and its link; Malformed where its author or its reference is."""
    author, original = row.get("author"), row.get("originalPost") or {}
    if not isinstance(author, dict) or not row["refers"] or "$id" in original:
        raise Malformed
    link = Link(
        author=needed(object_id(author.get("id"))),
        original=optional(original.get("_id"), object_id),
        recast=row.get("isRecast") is True,
    )
    return needed(object_id(row["_id"])), link


def _by_id(
    collection: Stored[Document], ids: Iterable[Any], published: Document, shown: Mapping[str, Any]
) -> dict[ObjectId, Document]:
    """The published documents of these ids, by id; none where a document under the other form of the id is not."""
    distinct = set(ids)
    rows = dict(_rows(collection, distinct, published, shown))
    if distinct and collection.find_one(_STORED_AS_TEXT, {"_id": 1}):
        forms = either_form(distinct)
        rows |= _rows(collection, [form for form in forms if isinstance(form, str)], published, shown)
        for hidden, _ in _rows(collection, forms, {"$nor": [published]}, {"_id": 1}):
            rows.pop(hidden, None)
    return rows


def _rows(
    collection: Stored[Document], ids: Iterable[Any], query: Document, shown: Mapping[str, Any]
) -> Iterator[tuple[ObjectId, Document]]:
    for batch in in_batches(ids):
        for row in collection.find({"_id": {"$in": batch}} | query, shown):
            key = object_id(row["_id"])
            if key is not None:
                yield key, row
