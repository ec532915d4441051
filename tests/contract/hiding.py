"""A deployment in which anything may be hidden: clusters of posts, and the reasons why a post or a user is hidden.

A reason is an entry of WAYS, COPIES or BLOCKS; it changes a cluster of its own, and says which of its posts that hides.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bson import DBRef, ObjectId

from shared.documents import Document
from tests.factories import account, an_id, follow, post, user

NOW = datetime.now(UTC).replace(microsecond=0)
READER = str(an_id("account of cat"))
ALL = {"post", "recast", "quote", "recast of recast", "quote of recast"}

Change = Callable[[Any, str], Any]  # of the application's database, for the cluster of a name


def of_post(*update: Document) -> Change:
    return lambda app, name: [app.contents.update_one({"_id": an_id(f"{name}/post")}, change) for change in update]


def of_user(update: Document, part: str = "post") -> Change:
    return lambda app, name: app.users.update_one({"_id": an_id(f"{name}/{part}'s author")}, update)


def of_account(update: Document) -> Change:
    return lambda app, name: app.accounts.update_one({"_id": an_id(f"account of {name}/post's author")}, update)


def deleted(collection: str, document: str) -> Change:
    """Delete a document by name, in which `%` stands for the cluster."""
    return lambda app, name: app[collection].delete_one({"_id": an_id(document.replace("%", name))})


def related(who: str, whom: str, **fields: Any) -> Change:
    """A relationship between two users, in whose names `%` stands for the cluster."""
    return lambda app, name: app.relationships.insert_one(
        follow(who.replace("%", name), whom.replace("%", name), at=NOW, following=False, **fields)
    )


def in_digits(way: Change) -> Change:
    """The same change, after which the row has its ids as text."""

    def change(app: Any, name: str) -> None:
        row = app.relationships.find_one({"_id": way(app, name).inserted_id})
        texts = {"user": str(row["user"]), "followedUser": str(row["followedUser"]).upper()}
        app.relationships.update_one({"_id": row["_id"]}, {"$set": texts})

    return change


def cycle(app: Any, name: str) -> None:
    """The post and its quote quote each other."""
    quote = {"_id": an_id(f"{name}/quote"), "author": {"id": an_id(f"{name}/quote's author")}}
    app.contents.update_one({"_id": an_id(f"{name}/post")}, {"$set": {"isQuote": True, "originalPost": quote}})


def empty_cycle(app: Any, name: str) -> None:
    """The post and its recast are recasts of each other."""
    recast = {"_id": an_id(f"{name}/recast"), "author": {"id": an_id(f"{name}/recast's author")}}
    app.contents.update_one({"_id": an_id(f"{name}/post")}, {"$set": {"isRecast": True, "originalPost": recast}})


def refers_to(original: str, author: str, **fields: Any) -> Change:
    """The post is edited: it recasts or quotes another post."""
    other = {"_id": an_id(original), "author": {"id": an_id(author)}}
    return of_post({"$set": {"originalPost": other} | fields})


def owner_in(form: Callable[[ObjectId], Any]) -> Change:
    """The author's user names its published account in another form than an id."""
    return lambda app, name: app.users.update_one(
        {"_id": an_id(f"{name}/post's author")},
        {"$set": {"ownerAccount": form(an_id(f"account of {name}/post's author"))}},
    )


def copied(collection: str, document_name: str, *, original: str, copy: str) -> Change:
    """A document and a copy of it under the hexadecimal digits of its id, each with the given visibility.

    document_name  in which `%` stands for the cluster
    """

    def change(app: Any, name: str) -> None:
        key = an_id(document_name.replace("%", name))
        document = app[collection].find_one({"_id": key})
        app[collection].insert_one(document | {"_id": str(key), "visibility": copy})
        app[collection].update_one({"_id": key}, {"$set": {"visibility": original}})

    return change


def together(*ways: Change) -> Change:
    return lambda app, name: [way(app, name) for way in ways]


@dataclass(frozen=True)
class Way:
    """A change of a cluster, and what it hides.

    hidden        posts of the cluster that may not be shown any more
    hides_author  whether the author of the post may not be suggested any more
    """

    change: Change
    hidden: frozenset[str] = frozenset(ALL)
    hides_author: bool = False


WITHDRAWN = {"$set": {"visibility": "deleted"}}
ABSENT = {"$unset": {"visibility": ""}}
AUTHOR, MIDDLE = "%/post's author", "%/recast's author"
BELOW = frozenset({"recast", "recast of recast", "quote of recast"})

WAYS = {
    "nothing": Way(together(), frozenset()),
    "draft": Way(of_post({"$set": {"visibility": "draft"}})),
    "post withdrawn": Way(of_post(WITHDRAWN)),
    "post without visibility": Way(of_post(ABSENT)),
    "visibility of another type": Way(of_post({"$set": {"visibility": ["publish"]}})),
    "post gone": Way(deleted("contents", "%/post")),
    "user withdrawn": Way(of_user(WITHDRAWN), hides_author=True),
    "user without visibility": Way(of_user(ABSENT), hides_author=True),
    "user gone": Way(deleted("users", "%/post's author"), hides_author=True),
    "account withdrawn": Way(of_account(WITHDRAWN), hides_author=True),
    "account of another type": Way(of_account({"$set": {"visibility": ["publish"]}}), hides_author=True),
    "account gone": Way(deleted("accounts", "account of %/post's author"), hides_author=True),
    "account without visibility": Way(of_account(ABSENT), frozenset()),
    "user without account": Way(of_user({"$unset": {"ownerAccount": ""}}), frozenset()),
    "recast withdrawn": Way(
        lambda app, name: app.contents.update_one({"_id": an_id(f"{name}/recast")}, WITHDRAWN), BELOW
    ),
    "recast's user withdrawn": Way(of_user(WITHDRAWN, "recast"), BELOW),
    "cycle": Way(cycle, frozenset()),
    "cycle, post withdrawn": Way(together(cycle, of_post(WITHDRAWN))),
    "cycle, user withdrawn": Way(together(cycle, of_user(WITHDRAWN)), hides_author=True),
    "cycle of recasts": Way(empty_cycle, frozenset(ALL)),
}
WAYS |= {
    f"edited to {kind} what is {how}": Way(refers_to(of, by, **{f"is{kind.title()}": True}))
    for kind in ("quote", "recast")
    for how, of, by in (("withdrawn", "withdrawn post", "ann"), ("by a withdrawn user", "post of zed", "zed"))
}
WAYS |= {
    "edited to a recast of nothing": Way(of_post({"$set": {"isRecast": True}})),
    "by a withdrawn user now": Way(of_post({"$set": {"author.id": an_id("zed")}})),
    "by another user now": Way(of_post({"$set": {"author.id": an_id("ann")}}), frozenset()),
    "authors in a list": Way(of_post({"$set": {"author": [{"id": an_id("ann")}]}})),
    "author's id in a list": Way(of_post({"$set": {"author.id": [an_id("ann")]}})),
}
MALFORMED: Mapping[str, Callable[[ObjectId], Any]] = {
    "list": lambda key: [key],
    "reference": lambda key: DBRef("any", key),
    "document": lambda key: {"id": key, "_id": [key]},
    "text": lambda key: f"{key}0",
    "number": lambda key: 7,
    "empty list": lambda key: [],
}
WAYS |= {f"account in a {name}": Way(owner_in(form), hides_author=True) for name, form in MALFORMED.items()}
WAYS |= {
    f"original in a {name}": Way(of_post({"$set": {"originalPost": form(an_id("post of ann"))}}))
    for name, form in MALFORMED.items()
}
WAYS |= {
    f"original's id in a {name}": Way(of_post({"$set": {"originalPost": {"_id": form(an_id("post of ann"))}}}))
    for name, form in MALFORMED.items()
}
COPIES = {
    f"{kind}, {'copy' if copy == 'deleted' else 'document'} withdrawn": Way(
        copied(collection, document, original=original, copy=copy), hides_author=kind != "post"
    )
    for kind, collection, document in (
        ("post", "contents", "%/post"),
        ("user", "users", "%/post's author"),
        ("account", "accounts", "account of %/post's author"),
    )
    for original, copy in (("publish", "deleted"), ("deleted", "publish"))
}
COPIES["post, none withdrawn"] = Way(copied("contents", "%/post", original="publish", copy="publish"), frozenset())
BLOCKS = {
    "reader blocks": Way(related("cat", AUTHOR, blocking=True), hides_author=True),
    "reader is blocked": Way(related("cat", AUTHOR, blocked=True), hides_author=True),
    "author blocks": Way(related(AUTHOR, "cat", blocking=True), hides_author=True),
    "author is blocked": Way(related(AUTHOR, "cat", blocked=True), hides_author=True),
    "recaster blocks": Way(related(MIDDLE, "cat", blocking=True), BELOW),
    "reader's page blocks": Way(related("cat's page", AUTHOR, blocking=True), hides_author=True),
    "reader blocks, in digits": Way(in_digits(related("cat", AUTHOR, blocking=True)), hides_author=True),
    "author blocks, in digits": Way(in_digits(related(AUTHOR, "cat", blocking=True)), hides_author=True),
    "edited to quote what is by who is blocked": Way(refers_to("post of eve", "eve", isQuote=True)),
    "edited to recast what is by who is blocked": Way(refers_to("post of eve", "eve", isRecast=True)),
    "by who is blocked now": Way(of_post({"$set": {"author.id": an_id("eve")}})),
}
EVERY_WAY = WAYS | COPIES | BLOCKS

# Age of the cluster's first post [hours], within the window of 30 days or beyond it, and the form of stored ids.
KINDS = {"young": (5, ObjectId), "old": (24 * 40, ObjectId), "young, in digits": (5, str), "old, in digits": (960, str)}
CLUSTERS = {f"{way}, {kind}": (way, *KINDS[kind]) for way in EVERY_WAY for kind in KINDS}
NAMES = {an_id(f"{cluster}/{part}"): (cluster, part) for cluster in CLUSTERS for part in ALL}


def write_cluster(app: Any, name: str, age_hours: float, form: Callable[[Any], Any]) -> None:
    """Write a post, a recast and a quote of it, and a recast and a quote of the recast, by an author each."""

    def repeats(part: str, of: str, **fields: Any) -> Document:
        original = {"_id": form(an_id(f"{name}/{of}")), "author": {"id": form(an_id(f"{name}/{of}'s author"))}}
        return written(part, 4 - len(part) / 10, originalPost=original, **fields)

    def written(part: str, age: float, **fields: Any) -> Document:
        return post(f"{name}/{part}", now=NOW, age_hours=age, author=f"{name}/{part}'s author", **fields)

    app.contents.insert_many(
        [
            written("post", age_hours),
            repeats("recast", "post", isRecast=True, payload={}),
            repeats("quote", "post", isQuote=True),
            repeats("recast of recast", "recast", isRecast=True, payload={}),
            repeats("quote of recast", "recast", isQuote=True),
        ]
    )
    authors = [f"{name}/{part}'s author" for part in sorted(ALL)]
    app.users.insert_many([user(who, now=NOW, ownerAccount=form(an_id(f"account of {who}"))) for who in authors])
    app.accounts.insert_many([account(f"account of {who}", now=NOW) for who in authors])


def write_others(app: Any) -> None:
    """Write the reader cat, and the authors of posts that changes refer to: ann, eve (blocked), and zed (withdrawn)."""
    app.accounts.insert_many([account(f"account of {who}", now=NOW) for who in ("cat", "ann", "eve", "zed")])
    app.users.insert_many([user(who, now=NOW, account="account of cat") for who in ("cat", "cat's page")])
    app.users.insert_many([user("ann", now=NOW), user("eve", now=NOW), user("zed", now=NOW, visibility="deleted")])
    posts = {"post of ann": "ann", "post of eve": "eve", "post of zed": "zed", "withdrawn post": "ann"}
    app.contents.insert_many([post(name, now=NOW, age_hours=960, author=by) for name, by in posts.items()])
    app.contents.update_one({"_id": an_id("withdrawn post")}, WITHDRAWN)
    app.relationships.insert_one(follow("cat", "eve", at=NOW, following=False, blocking=True))


def withdraw(app: Any, ways: Mapping[str, Way]) -> None:
    for name, (way, _, _) in CLUSTERS.items():
        if way in ways:
            ways[way].change(app, name)
