"""A network in which ann did everything that leaves a trace, and the search for what is left of her."""

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

from functions.feed import train_personal
from functions.privacy import erase_account
from local.functions import PIPELINE, function
from local.runs import deliver
from shared.columns import id_array, id_keys
from shared.documents import Document
from shared.errors import Unavailable
from shared.store import Store, close_store, schema
from shared.store.erasures import Erasures
from shared.store.tombstones import Erased
from tests.bots.conftest import like_a_bot, readings
from tests.changes import deleted, told
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


_lived_in: dict[Any, list[dict[str, list[Document]]]] = {}


def unchanged(town: "Town") -> None:
    pass


@dataclass(frozen=True)
class Town:
    """Ann and bob, and the functions."""

    store: Store

    def lived_in(self, form: Form = as_it_is, change: Callable[["Town"], None] = unchanged) -> None:
        """Filled and changed, and every function has run: done once by each process, and then copied."""
        databases, key = (self.store.app, self.store.analytics), (form, change)
        if key not in _lived_in:
            self.fill(form)
            change(self)
            self.run(NOW)
            _lived_in[key] = [
                {name: list(database[name].find()) for name in database.list_collection_names()}
                for database in databases
            ]
            return
        for database, collections in zip(databases, _lived_in[key], strict=True):
            for name, rows in collections.items():
                if rows:
                    database[name].insert_many(rows)

    def fill(self, form: Form = as_it_is) -> None:
        """form  how the application writes the ids in documents about ann"""
        app = self.store.app
        ann = account("account of ann", now=NOW) | {"credentials": {"deviceUUID": "tablet of ann"}}
        app.accounts.insert_many([ann, account("account of bob", now=NOW)])
        page = user("page of ann", now=NOW, account="account of ann")
        app.users.insert_many([form(user("ann", now=NOW)), form(page), user("bob", now=NOW)])
        said: dict[str, Any] = {"payload": {"message": TEXT}, "likes": 2, "hashtags": ["goal"]}
        app.contents.insert_many(
            [
                form(post("by ann", now=NOW, author="ann", **said)),
                form(post("of her page", now=NOW, author="page of ann", **said)),
                form(post("old", now=NOW, author="ann", age_hours=24 * 400, **said)),
                post("plain", now=NOW, author="ann", **said),
                *(post(f"by bob {n}", now=NOW, author="bob", **said) for n in range(12)),
                *(
                    self.repeating(what, is_recast, **said)
                    for what in ("by ann", "plain")
                    for is_recast in (True, False)
                ),
            ]
        )
        acts = [form(engagement(who, "by bob 0", at=NOW - HOUR / 2)) for who in ("ann", "page of ann")]
        acts += [engagement("bob", what, at=NOW - HOUR / 2) for what in WRITTEN]
        app.engagements.insert_many(acts)
        follows = [form(follow("ann", "bob", at=NOW - HOUR)), follow("bob", "ann", at=NOW - HOUR)]
        app.relationships.insert_many(follows)
        app.feeditems.insert_many([exposure("bob", what, at=NOW - HOUR / 4) for what in WRITTEN])
        rng = np.random.default_rng(1)
        for who in ("ann", "bob"):
            seen = {"viewer": an_id(f"account of {who}"), "content": an_id("by bob 0")}
            made = readings(f"device of {who}", *like_a_bot(rng, 600), until=NOW)
            app.feeditems.insert_many([one | (form(seen) if who == "ann" else seen) for one in made])
        self.store.analytics.topics.insert_one(topic("goals"))

    def repeating(self, what: str, is_recast: bool, **fields: Any) -> Document:
        original = {"_id": an_id(what), "author": {"id": an_id("ann")}}
        named = f"{'recast' if is_recast else 'quote'} of {what}"
        return post(named, now=NOW, author="bob", originalPost=original, isRecast=is_recast, **fields)

    def run(self, at: datetime) -> None:
        """Every function that has a schedule, and what they queue."""
        for stem in PIPELINE:
            self.call(stem, at=at)
        self.call("recommend_home", at=at, payload={"accountId": ACCOUNT, "maxResults": 1})

    def call(self, stem: str, at: datetime = NOW, payload: Document | None = None) -> Document:
        answer = function(stem).invoke(at=at, payload=payload)
        train_personal.forget()
        for one in deliver():
            assert one.failure is None
        return answer

    def erase(self) -> Document:
        return self.call("erase_account", payload={"accountId": ACCOUNT})

    def delete(self, *names: str) -> None:
        """What the application deletes of hers, in these collections."""
        hers = [form for name in HERS for form in (an_id(name), str(an_id(name)), str(an_id(name)).upper())]
        fields = {
            "accounts": ["_id"], "users": ["_id"], "contents": ["_id"], "engagements": ["user"],
            "relationships": ["user", "followedUser"], "feeditems": ["viewer"],
        }  # fmt: skip
        for name in names or fields:
            self.store.app[name].delete_many({"$or": [{field: {"$in": hers}} for field in fields[name]]})

    def left(self, *names: str) -> set[str]:
        """Collections of ours in which a byte of these ids stands, however they are written or packed."""
        needles = needles_of(names or HERS)
        found = set()
        for database in (self.store.app, self.store.analytics):
            for name in database.list_collection_names():
                if name not in KEPT and any(one in raw for raw in documents(database[name]) for one in needles):
                    found.add(name)
        return found


KEPT = {one.name for one in schema.COLLECTIONS if one.owner == "application"} | {
    one.name for one in schema.COLLECTIONS for about in one.about if about.removal == "none"
}


def needles_of(names: tuple[str, ...]) -> list[bytes]:
    ids = [an_id(name) for name in names]
    forms = [[one.binary, str(one).encode(), str(one).upper().encode(), base64.b64encode(one.binary)] for one in ids]
    keys = [int(key).to_bytes(8, "little") for key in id_keys(id_array(ids))]
    return [form for some in forms for form in some] + keys + [b"tablet of ann"]


def documents(collection: Any) -> Iterator[bytes]:
    """Each document as bytes, its packed arrays unpacked."""
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
            close_store()  # a client has the listeners that there were when it was made
            self.town = town
            yield
            self._erase()  # beside a function that writes nothing there is no difference

        return armed()

    def started(self, event: CommandStartedEvent) -> None:
        command = event.command
        into = command.get(event.command_name)
        stages = command.get("pipeline", ())
        writes = event.command_name in ("insert", "update", "delete") or any(
            {"$out", "$merge"} & set(one) for one in stages
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
_listener = Erasing()


@pytest.fixture
def erasing(deployed: None) -> Erasing:
    if _listener not in monitoring._LISTENERS.command_listeners:
        monitoring.register(_listener)
    return _listener


def insertion(name: str) -> Document:
    """The change that tells of a post as it was written."""
    document = {"_id": an_id(name), "visibility": "publish", "payload": {"message": TEXT}, "updatedAt": NOW}
    return {"changes": [told("insert", name, document, second=60)]}


def deletions(names: Iterable[str]) -> Document:
    """The changes that tell that posts are gone."""
    return {"changes": [deleted(name, second=61) for name in names]}


def ended_at(collection: schema.Collection) -> Callable[..., Iterator[int]]:
    """What an erasure does where it is ended when it comes to that collection."""
    whole = Erasures._remove

    def remove(self: Erasures, erased: Erased, one: schema.Collection) -> Iterator[int]:
        if one is collection:
            raise Unavailable("ended")
        return whole(self, erased, one)

    return remove
