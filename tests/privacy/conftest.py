"""A network in which ann did everything that leaves a trace, and the search for what is left of her ids."""

import base64
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from bson import ObjectId
from pymongo import monitoring
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from console.store.audit_log import AuditLog
from functions.feed import train_personal
from functions.privacy import erase_account
from functions.topics.store.topic_corrections import Correction, TopicCorrections
from local.functions import function, pipeline
from local.runs import deliver
from shared.columns import id_array, id_keys
from shared.documents import Document
from shared.store import Store, close_store, schema
from tests.bots.conftest import like_a_bot, readings
from tests.changes import change_event, deleted
from tests.factories import account, an_id, engagement, exposure, follow, post, topic, user

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(days=3)  # handlers refuse what lies in the future
HOUR = timedelta(hours=1)
Form = Callable[[Document], Document]

TEXT = "Our team won the final of the football season last night, what a match #goal"

ACCOUNT = str(an_id("account of ann"))
WRITTEN = ("by ann", "of her page", "old", "plain")  # her posts, by either of her users
HERS = ("account of ann", "ann", "page of ann", *WRITTEN, "device of ann", "tablet of ann")


def as_it_is(document: Document) -> Document:
    return document


def in_hex(document: Document) -> Document:
    """With every id but its own as hex digits."""
    return {name: value if name == "_id" else _in_hex(value) for name, value in document.items()}


def in_capitals(document: Document) -> Document:
    return {name: value if name == "_id" else _in_hex(value, str.upper) for name, value in document.items()}


def _in_hex(value: Any, spelt: Callable[[str], str] = str) -> Any:
    if isinstance(value, ObjectId):
        return spelt(str(value))
    if isinstance(value, dict):
        return {name: _in_hex(one, spelt) for name, one in value.items()}
    return value


_filled: dict[Any, list[dict[str, list[Document]]]] = {}


def unchanged(town: "Town") -> None:
    pass


@dataclass(frozen=True)
class Town:
    """Ann and bob, and the functions."""

    store: Store

    def prepare(self, form: Form = as_it_is, change: Callable[["Town"], None] = unchanged) -> None:
        """Fill and change the network and run every function: once in each process, and from then on copied."""
        databases, key = (self.store.app, self.store.analytics), (form, change)
        if key not in _filled:
            self.fill(form)
            change(self)
            self.run(NOW)
            _filled[key] = [
                {name: list(database[name].find()) for name in database.list_collection_names()}
                for database in databases
            ]
            return
        for database, collections in zip(databases, _filled[key], strict=True):
            for name, rows in collections.items():
                if rows:
                    database[name].insert_many(rows)

    def fill(self, form: Form = as_it_is) -> None:
        """Write the documents of the application.

        form  how the application writes the ids in documents about ann
        """
        app = self.store.app
        ann = account("account of ann", now=NOW) | {"credentials": {"deviceUUID": "tablet of ann"}}
        app.accounts.insert_many([ann, account("account of bob", now=NOW)])
        page = user("page of ann", now=NOW, account="account of ann")
        app.users.insert_many([form(user("ann", now=NOW)), form(page), user("bob", now=NOW)])
        fields: dict[str, Any] = {"payload": {"message": TEXT}, "likes": 2, "hashtags": ["goal"]}
        app.contents.insert_many(
            [
                form(post("by ann", now=NOW, author="ann", **fields)),
                form(post("of her page", now=NOW, author="page of ann", **fields)),
                form(post("old", now=NOW, author="ann", age_hours=24 * 400, **fields)),
                post("plain", now=NOW, author="ann", **fields),
                *(post(f"by bob {n}", now=NOW, author="bob", **fields) for n in range(12)),
                *(
                    self.repeating(name, is_recast, **fields)
                    for name in ("by ann", "plain", "quote of by ann", "quote of quote of by ann")
                    for is_recast in (True, False)
                ),
            ]
        )
        engagements = [form(engagement(who, "by bob 0", at=NOW - HOUR / 2)) for who in ("ann", "page of ann")]
        engagements += [engagement("bob", name, at=NOW - HOUR / 2) for name in WRITTEN]
        app.engagements.insert_many(engagements)
        follows = [form(follow("ann", "bob", at=NOW - HOUR)), follow("bob", "ann", at=NOW - HOUR)]
        app.relationships.insert_many(follows)
        app.feeditems.insert_many([exposure("bob", name, at=NOW - HOUR / 4) for name in WRITTEN])
        rng = np.random.default_rng(1)
        for who in ("ann", "bob"):
            ids = {"viewer": an_id(f"account of {who}"), "content": an_id("by bob 0")}
            items = readings(f"device of {who}", *like_a_bot(rng, 600), until=NOW)
            app.feeditems.insert_many([item | (form(ids) if who == "ann" else ids) for item in items])
        self.store.analytics.topics.insert_one(topic("goals"))
        acted_on = {"account": an_id("account of ann"), "post": an_id("by ann"), "credential": an_id("device of ann")}
        corrected = Correction(an_id("by ann"), ("sports",), "of a text", "en", "lee@example.org", "of ann", NOW)
        TopicCorrections(self.store).put(corrected, instead_of=None)
        AuditLog(self.store).append("lee@example.org", "lead", "look at an account", acted_on, now=NOW)

    def repeating(self, repeated: str, is_recast: bool, **fields: Any) -> Document:
        original = {"_id": an_id(repeated), "author": {"id": an_id("ann" if repeated in WRITTEN else "bob")}}
        name = f"{'recast' if is_recast else 'quote'} of {repeated}"
        return post(name, now=NOW, author="bob", originalPost=original, isRecast=is_recast, **fields)

    def run(self, at: datetime) -> None:
        """Run every function that has a schedule, and what they queue."""
        for stem in pipeline():
            self.call(stem, at=at)
        self.call("recommend_home", at=at, payload={"accountId": ACCOUNT, "maxResults": 1})

    def call(self, stem: str, at: datetime = NOW, payload: Document | None = None) -> Document:
        answer = function(stem).invoke(at=at, payload=payload)
        train_personal.forget()
        for delivery in deliver():
            assert delivery.failure is None
        return answer

    def erase(self) -> Document:
        return self.call("erase_account", payload={"accountId": ACCOUNT})

    def delete(self, *names: str) -> None:
        """Delete her documents of the application, in these collections or in all."""
        hers = [form for name in HERS for form in (an_id(name), str(an_id(name)), str(an_id(name)).upper())]
        fields = {
            "accounts": ["_id"], "users": ["_id"], "contents": ["_id"], "engagements": ["user"],
            "relationships": ["user", "followedUser"], "feeditems": ["viewer"],
        }  # fmt: skip
        for name in names or fields:
            self.store.app[name].delete_many({"$or": [{field: {"$in": hers}} for field in fields[name]]})

    def remaining(self, *names: str) -> set[str]:
        """Our collections that hold one of these ids, in whatever form it is written or packed."""
        needles = needles_of(names or HERS)
        collections = set()
        for database in (self.store.app, self.store.analytics):
            for name in database.list_collection_names():
                if name not in KEPT and any(needle in raw for raw in documents(database[name]) for needle in needles):
                    collections.add(name)
        return collections


KEPT = {collection.name for collection in schema.COLLECTIONS if collection.owner == "application"} | {
    collection.name for collection in schema.COLLECTIONS for about in collection.about if about.removal == "none"
}


def needles_of(names: tuple[str, ...]) -> list[bytes]:
    """Every form in which the ids of these names may be stored, as bytes."""
    ids = [an_id(name) for name in names]
    binaries = [identity.binary for identity in ids]
    digits = [str(identity).encode() for identity in ids]
    forms = [*binaries, *digits, *(hexadecimal.upper() for hexadecimal in digits), *map(base64.b64encode, binaries)]
    keys = [int(key).to_bytes(8, "little") for key in id_keys(id_array(ids))]
    return [*forms, *keys, b"tablet of ann"]


def documents(collection: Any) -> Iterator[bytes]:
    """Each document as bytes, and its packed arrays without compression."""
    yield from collection.find_raw_batches()
    for row in collection.find({"artifact": {"$type": "binData"}}, {"artifact": 1}):
        yield zlib.decompress(row["artifact"])


@pytest.fixture
def town(store: Store, deployed: None) -> Town:
    return Town(store)


class Erasing(CommandListener):
    """Erases ann once, just before a client of this process writes the first document of a job."""

    def __init__(self) -> None:
        self.town: Town | None = None

    def __call__(self, town: Town) -> AbstractContextManager[None]:
        @contextmanager
        def armed() -> Iterator[None]:
            close_store()  # a client only has the listeners that were registered before it was made
            self.town = town
            yield
            self._erase()  # if the function has written nothing

        return armed()

    def started(self, event: CommandStartedEvent) -> None:
        command = event.command
        into = command.get(event.command_name)
        stages = command.get("pipeline", ())
        writes = event.command_name in ("insert", "update", "delete") or any(
            {"$out", "$merge"} & set(stage) for stage in stages
        )
        if writes and into not in BOOKKEEPING:
            self._erase()

    def _erase(self) -> None:
        town, self.town = self.town, None
        if town is not None:
            erase_account.run(town.store, ACCOUNT, now=NOW)

    def succeeded(self, event: CommandSucceededEvent) -> None:
        pass

    def failed(self, event: CommandFailedEvent) -> None:
        pass


BOOKKEEPING = {"leases", "watermarks"}


@pytest.fixture(scope="session")
def listener() -> Erasing:
    """Registered once, since PyMongo forgets no listener."""
    registered = Erasing()
    monitoring.register(registered)
    return registered


@pytest.fixture
def erasing(deployed: None, listener: Erasing) -> Erasing:
    return listener


def insertion(name: str) -> Document:
    """The event of a post that was inserted."""
    document = {"_id": an_id(name), "visibility": "publish", "payload": {"message": TEXT}, "updatedAt": NOW}
    return {"changes": [change_event("insert", name, document, second=60)]}


def deletions(names: Iterable[str]) -> Document:
    """The events of posts that were deleted."""
    return {"changes": [deleted(name, second=61) for name in names]}
