"""The rule of what may be shown, for posts and for users; read only.

For example: contents {_id: ObjectId, author: {id: ObjectId}, visibility: "publish", isRecast: true,
originalPost: {_id: ObjectId, …}}, users {_id: ObjectId, ownerAccount: ObjectId, visibility: "publish"} and accounts
{_id: ObjectId, visibility: "publish"}

A user may be shown if it is published and its account is: an account without visibility counts as published, one that
does not exist does not, and a user without an account needs none. A post may be shown if it is published, its author
may be shown, and the same holds for the post that it repeats or quotes, and so on. A recast repeats something: its
chain has to lead to a post that is none. A malformed document is not published, nor one whose reference to an account
or a post is malformed: only a missing or null one refers to nothing. Of documents under the same id, as ObjectId and as
hex digits, all have to be published.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from bson import ObjectId
from pymongo.collection import Collection as Stored
from pymongo.database import Database

from shared.store import schema
from shared.store.contents import PUBLISHED, in_batches
from shared.store.decoding import Malformed, needed, sound
from shared.store.expressions import ABSENT, NO_ARRAY, has_type, is_id, optional
from shared.store.expressions import object_id as object_id_at
from shared.store.identity import either_form, object_id
from shared.store.lineage import LONGEST_CHAIN, Link, lineage

Document = dict[str, Any]

_STORED_AS_TEXT: Document = {"_id": {"$type": "string"}}
_TEXTS, _ID = "texts", "id"
_IS_OBJECT: Document = has_type("$originalPost", "object")
# `$id` is that of a reference to a document of any collection, and none to a post.
_REFERENCE: Document = {
    "$getField": {"field": {"$literal": "$id"}, "input": {"$cond": [_IS_OBJECT, "$originalPost", {}]}}
}
_REFERS: Document = {
    "$and": [
        _IS_OBJECT,
        optional("$originalPost._id", is_id("$originalPost._id")),
        {"$eq": [{"$type": _REFERENCE}, "missing"]},
    ]
}
_LINK: Document = {
    "author": object_id_at("$author.id"),
    "original": object_id_at("$originalPost._id"),
    "recast": {"$eq": ["$isRecast", True]},
    "sound": {"$or": [has_type("$originalPost", *ABSENT), _REFERS]},
}
_OWNER: Document = {
    "owner": object_id_at("$ownerAccount"),
    "sound": optional("$ownerAccount", is_id("$ownerAccount")),
}


def is_published(path: str = "visibility") -> Document:
    """The query for a published post or user, by its visibility at `path`."""
    return {path: {"$eq": PUBLISHED} | NO_ARRAY}


def is_published_account(path: str = "visibility") -> Document:
    """The query for a published account among those that exist, by its visibility at `path`."""
    return {path: {"$in": [PUBLISHED, None]} | NO_ARRAY}


class Expected(NamedTuple):
    """Ids of what some posts are known to lead to: other posts, and who wrote and owns them all. A part of what an
    answer needs, or more than that: it is read at once."""

    posts: Collection[ObjectId]
    authors: Collection[ObjectId]
    owners: Collection[ObjectId]


class Published(NamedTuple):
    """What is published of some posts, users (each with the account that owns it) and accounts."""

    links: dict[ObjectId, Link]
    owner_of: dict[ObjectId, ObjectId | None]
    accounts: Collection[ObjectId]


_NOTHING = Expected((), (), ())


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
        owner_of = self._owner_of(ids)
        return _with_published_owner(owner_of, self._published_accounts(set(owner_of.values())))

    def posts(self, ids: Collection[ObjectId], expected: Expected | None = None) -> dict[ObjectId, set[ObjectId]]:
        """Those of these posts that may be shown to anybody, each with the authors of its chain, its own included.

        expected  read with the posts, in one question; what is not among it is read when it turns up
        """
        asked = expected and expected._replace(posts={*ids, *expected.posts})
        published = asked and self._at_once(asked)
        if not asked or not published:
            asked, published = _NOTHING, Published({}, {}, ())
        links = published.links | self.links(_originals({*ids}, published.links).difference(asked.posts), asked.posts)
        lineages = {post: lineage(post, links) for post in ids if post in links}
        authors = {post: {links[item].author for item in chain.posts} for post, chain in lineages.items() if chain}
        others = set().union(*authors.values()).difference(asked.authors)
        owner_of = published.owner_of | self._owner_of(others)
        accounts = {*published.accounts, *self._published_accounts({*owner_of.values()}.difference(asked.owners))}
        shown = _with_published_owner(owner_of, accounts).keys()
        return {post: by for post, by in authors.items() if by <= shown}

    def links(self, ids: Iterable[ObjectId], asked: Iterable[ObjectId] = ()) -> dict[ObjectId, Link]:
        """Those of these posts that are published, and all that their chains lead to, whoever wrote it, but for posts
        that were asked for before."""
        links: dict[ObjectId, Link] = {}
        asked = {*asked}
        wanted = set(ids)
        for _ in range(LONGEST_CHAIN):
            if not wanted:
                break
            asked |= wanted
            rows = _by_id(self._contents, wanted, is_published(), _LINK)
            read = dict(sound(self._contents, rows.values(), _link))
            links |= read
            wanted = _originals(set(), read) - asked
        return links

    def _at_once(self, asked: Expected) -> Published | None:
        """What is published of all these; None where ids are stored as text, which have to be asked for by and by."""
        posts, users, accounts = self._contents, self._users, self._accounts
        texts: list[Document] = [
            {"$match": _STORED_AS_TEXT},
            {"$limit": 1},
            {"$project": {"_id": {"$literal": _TEXTS}}},
        ]
        parts = [
            (users, _gathered(users, asked.authors, is_published(), _OWNER)),
            (accounts, _gathered(accounts, asked.owners, is_published_account(), {})),
            *((collection, texts) for collection in (posts, users, accounts)),
        ]
        beside = [{"$unionWith": {"coll": collection.name, "pipeline": stages}} for collection, stages in parts]
        found = {
            row["_id"]: row for row in posts.aggregate(_gathered(posts, asked.posts, is_published(), _LINK) + beside)
        }
        if _TEXTS in found:
            return None
        links = dict(sound(posts, _rows_of(found.get(posts.name)), _link))
        owner_of = dict(sound(users, _rows_of(found.get(users.name)), _owner))
        return Published(links, owner_of, [row["_id"] for row in _rows_of(found.get(accounts.name))])

    def _owner_of(self, ids: Iterable[ObjectId]) -> dict[ObjectId, ObjectId | None]:
        rows = _by_id(self._users, ids, is_published(), _OWNER)
        return dict(sound(self._users, rows.values(), _owner))

    def _published_accounts(self, ids: Iterable[ObjectId | None]) -> Collection[ObjectId]:
        return _by_id(self._accounts, set(ids) - {None}, is_published_account(), {"_id": 1}).keys()


def _originals(posts: set[ObjectId], links: Mapping[ObjectId, Link]) -> set[ObjectId]:
    """These posts, and what those of the links repeat or quote."""
    return posts | {link.original for link in links.values() if link.original}


def _with_published_owner(
    owner_of: Mapping[ObjectId, ObjectId | None], published: Collection[ObjectId]
) -> dict[ObjectId, ObjectId | None]:
    """Those of these users whose account, if they need one, is published."""
    return {user: owner for user, owner in owner_of.items() if owner is None or owner in published}


def _gathered(
    collection: Stored[Document], ids: Iterable[ObjectId], published: Document, shown: Mapping[str, Any]
) -> list[Document]:
    """Stages that make one document of the published documents of these ids: a list of each of their fields."""
    lists = {name: {"$push": value} for name, value in {_ID: "$_id", **shown}.items()}
    return [{"$match": {"_id": {"$in": list(ids)}} | published}, {"$group": {"_id": collection.name, **lists}}]


def _rows_of(lists: Document | None) -> Iterator[Document]:
    """The documents that `_gathered` made one of; none where there were none."""
    columns = dict(lists or {_ID: []})
    columns["_id"] = columns.pop(_ID)
    return (dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True))


def _owner(row: Document) -> tuple[ObjectId, ObjectId | None]:
    """A user, and the account that owns it."""
    if not row["sound"]:
        raise Malformed
    return needed(object_id(row["_id"])), row["owner"]


def _link(row: Document) -> tuple[ObjectId, Link]:
    """A post, and what it refers to."""
    if not row["sound"]:
        raise Malformed
    return needed(object_id(row["_id"])), Link(needed(row["author"]), row["original"], row["recast"])


def _by_id(
    collection: Stored[Document], ids: Iterable[Any], published: Document, shown: Mapping[str, Any]
) -> dict[ObjectId, Document]:
    """The published documents of these ids, by id; none where the same id, in either form, has one that is not."""
    wanted = set(ids)
    rows = dict(_rows(collection, wanted, published, shown))
    if wanted and collection.find_one(_STORED_AS_TEXT, {"_id": 1}):
        forms = either_form(wanted)
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
