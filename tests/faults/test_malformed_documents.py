"""Whatever stands in a field that a function reads, it serves the others, and its report names the odd documents.

The fields are those that the function's own commands name while it runs on a sound network. Then every kind of junk is
put into each of them, in a document of its own, and the function runs again through its handler.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from zlib import crc32

import pytest
from bson import Code, DBRef, Decimal128, Int64, MinKey, ObjectId, Regex, Timestamp, encode
from bson.binary import Binary
from bson.datetime_ms import DatetimeMS
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from pymongo.errors import BulkWriteError

from functions.feed import train_personal
from functions.feed.serve_feed import ROUTES
from local.functions import PIPELINE, all_functions, function
from local.http import event_of
from local.world import WorldOptions, build_world, write_world
from shared.artifacts.families import FAMILIES
from shared.config import HERE, forget_settings, settings
from shared.documents import Document
from shared.errors import AppError
from shared.report import Report
from shared.runtime import invocation, queue
from shared.runtime.tokens import token_for
from shared.store import Store, close_store, connect, connection, schema
from tests.conftest import API_KEY, SIGNING_KEY
from tests.faults.reads import Fields, Recorder, fields_read, paths_of

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
LATER = NOW + timedelta(minutes=30)
WORLD = WorldOptions(users=150, contents=300, engagements=1_500, feed_items=2_500, countries=2, with_text=True, seed=13)
OPTIONS = {
    "coldstart": {"max_positives": 800, "rounds": 4, "country_rounds": 3, "candidates": 20, "country_lists": 10},
    "members": {"max_positives": 800, "negatives": 3, "rounds": 4, "least_lists": 10, "look_every_s": 0.0},
    "guest_feed": {"rows_per_country": 5},
    "bots": {"limit": 60, "least_readings": 40, "least_bots": 3, "least_people": 3, "splits": 2, "repeats": 1},
}
# Signed: whatever is changed there is refused as a whole, which tests/faults/test_models.py shows.
SIGNED = {one.live for one in FAMILIES.values()} | {schema.ARTIFACT_VERSIONS.name, schema.SNAPSHOTS.name}
# One document of each function's own, which tests/shared/test_leases.py spoils.
SINGLE = {schema.LEASES.name}

# A wrong value there can do nothing.
DOES_NOTHING = {
    ("engagements", "_id"),  # comes with what is read, and nobody looks at it
    ("feeditems", "_id"),  # the same
    ("relationships", "_id"),  # only sorted by
    ("feeditems", "createdAt"),  # stands in for an `updatedAt` that is none, which is reported
}

UNREADABLE, IN_A_LIST = "text that is not UTF-8", "what it was, in a list"
AN_ID = ObjectId(b"an object id")
JUNK: dict[str, Any] = {
    "null": None,
    "text": "three",
    "empty text": "",
    "number": 7,
    "nan": float("nan"),
    "infinite": float("-inf"),
    "negative": -5,
    "huge": Int64(2**62),
    "decimal nan": Decimal128("NaN"),
    "signalling nan": Decimal128("sNaN"),
    "decimal beyond": Decimal128("9E+6000"),
    "true": True,
    "year 20000": DatetimeMS(568_971_820_800_000),
    "before the year 1": DatetimeMS(-(10**15)),
    "an id": AN_ID,
    "hex": str(AN_ID),
    "list": [1, "a", None],
    "nested": {"a": [{"b": {"c": [None]}}]},
    "nested list": [[{"count": 3}], {"_id": AN_ID, "id": AN_ID, "message": "#a", "countryCode": 5}],
    "bytes": b"\xff\x00",
    "uuid": Binary(bytes(range(16)), 4),
    "code": Code("function () {}"),
    "code with scope": Code("function () {}", {"a": 1}),
    "pattern": Regex("(", "i"),
    "least key": MinKey(),
    "cluster time": Timestamp(2**31, 1),
    "reference": DBRef("content", AN_ID),
    IN_A_LIST: None,
    UNREADABLE: None,
    "missing": None,
}
# Of what an `_id` can be: another in each collection, since a report tells of ids alone.
AS_AN_ID: dict[str, Callable[[str], Any]] = {
    "text": lambda collection: f"three {collection}",
    "number": lambda collection: crc32(collection.encode()),
    "nested": lambda collection: {"a": [{"b": {"c": [collection]}}]},
    "code": lambda collection: Code(f"function () {{ {collection} }}"),
    "uuid": lambda collection: Binary(collection.encode()[:16].ljust(16), 4),
    "cluster time": lambda collection: Timestamp(crc32(collection.encode()), 1),
}
MAX_TURNS = 2


@dataclass
class Network:
    """A sound network with everything that the functions make of it, and what each function reads."""

    store: Store
    recorder: Recorder
    copies: str
    stored: dict[str, set[str]] = field(default_factory=dict)
    read: dict[str, Fields] = field(default_factory=dict)
    account: ObjectId = AN_ID
    user: ObjectId = AN_ID
    message: Document = field(default_factory=dict)

    def database(self, collection: str) -> Any:
        analytics = {one.name for one in schema.COLLECTIONS if one.database == "analytics"}
        return (self.store.analytics if collection in analytics else self.store.app)[collection]

    def keep(self) -> None:
        """Remember every document as it is."""
        for database in (self.store.app, self.store.analytics):
            for name in database.list_collection_names():
                database[name].aggregate([{"$match": {}}, {"$out": {"db": self.copies, "coll": name}}])

    def restore(self, collections: set[str]) -> None:
        for name in collections:
            if self.store.client[self.copies][name].estimated_document_count():
                into = {"db": self.database(name).database.name, "coll": name}
                self.store.client[self.copies][name].aggregate([{"$match": {}}, {"$out": into}])
            else:
                self.database(name).delete_many({})

    def recorded(self, stem: str, run: Callable[[], Any]) -> Any:
        """Run it, and remember what it reads."""
        self.recorder.commands, self.recorder.written, self.recorder.on = [], set(), True
        try:
            return run()
        finally:
            self.recorder.on = False
            known = self.read.setdefault(stem, defaultdict(dict))
            for collection, paths in fields_read(self.recorder.commands, self.stored).items():
                for path, uses in paths.items():
                    known[collection].setdefault(path, set()).update(uses)


def describe(network: Network) -> None:
    """Which paths the stored documents have."""
    for database in (network.store.app, network.store.analytics):
        for name in database.list_collection_names():
            paths = network.stored.setdefault(name, set())
            for one in database[name].find().limit(100):
                paths.update(paths_of(one))


@pytest.fixture(scope="module")
def network(mongo_uri: str, client: MongoClient[Document]) -> Iterator[Network]:
    recorder, patch = Recorder(), pytest.MonkeyPatch()
    patch.setattr(connection, "MongoClient", recorder.client())
    prefix = f"m{ObjectId()}"[:13] + "-"
    environment = {"MONGO_URI": mongo_uri, "DB_PREFIX": prefix, "ARTIFACT_KEYS": SIGNING_KEY, "TRAINING_QUEUE": HERE}
    environment |= {"API_KEYS": API_KEY, "FEEDKEEPER_OPTIONS": json.dumps(OPTIONS)}
    for name, value in environment.items():
        patch.setenv(name, value)
    forget_settings()
    close_store()
    made = Network(connect(settings()), recorder, f"{prefix}copies")
    try:
        grow(made)
        yield made
    finally:
        made.store.client.close()
        patch.undo()
        close_store()
        forget_settings()
        train_personal.forget()
        for name in client.list_database_names():
            if name.startswith(prefix):
                client.drop_database(name)


def grow(network: Network) -> None:
    """Write the network, and let every function run on it once in order, which is its clean run."""
    store = network.store
    schema.apply(store.app, store.analytics)
    write_world(build_world(WORLD, now=NOW), store.app, store.analytics, store.client[network.copies])
    store.client.drop_database(network.copies)
    enrich(network)
    for stem in PIPELINE:
        describe(network)
        network.recorded(stem, partial(function(stem).invoke, at=NOW))
        if stem == "extract_reading_features":
            label(store)
        if stem == "plan_personal_training":
            network.message = queue.waiting.pop()
            queue.waiting.clear()
    for number, row in enumerate(store.app.suspiciouscredentials.find()):
        if number % 2:
            verdict = {"verificationStatus": bool(number % 4 == 1), "verifiedAt": NOW}
            store.app.suspiciouscredentials.update_one({"_id": row["_id"]}, {"$set": verdict})
    describe(network)
    network.keep()


def enrich(network: Network) -> None:
    """One account that has done a lot, so that what is asked for it meets many documents."""
    app, people = network.store.app, list(network.store.app.users.find({}, {"ownerAccount": 1}).sort("_id", 1))
    network.user, network.account = people[0]["_id"], people[0]["ownerAccount"]
    app.relationships.insert_many(
        {"user": network.user, "followedUser": one["_id"], "following": True, "blocking": False, "blocked": False}
        | {"createdAt": NOW, "updatedAt": NOW}
        for one in people[1:90]
    )
    app.relationships.insert_many(
        {"user": one["_id"], "followedUser": network.user, "following": False, "blocking": True, "updatedAt": NOW}
        for one in people[120:150]
    )
    for post in app.contents.find({}, {"author": 1}).limit(120):
        seen = {"viewer": network.account, "content": post["_id"], "seenAt": NOW, "updatedAt": NOW}
        app.feeditems.insert_one(seen | {"offScreenAt": NOW, "analytics": {"source": "global", "model": "m"}})
        done = {"user": network.user, "account": network.account, "targetRef": DBRef("content", post["_id"])}
        app.engagements.insert_one(done | {"type": "like", "visibility": "publish", "createdAt": NOW, "updatedAt": NOW})
    app.contents.update_many({}, {"$set": {"isRecast": False}})
    network.store.analytics.erasures.insert_many(
        {"_id": ObjectId(), "erasedAt": NOW, "searchedAt": NOW}
        | {"users": [ObjectId()], "posts": [ObjectId()], "credentials": [ObjectId(), f"device {n}"]}
        for n in range(90)
    )
    network.store.analytics.labelledTexts.insert_many(
        {"text": f"a goal in the cup final {n}", "topics": ["sports"], "language": "en", "updatedAt": NOW}
        for n in range(60)
    )


def label(store: Store) -> None:
    for number, row in enumerate(store.analytics.credentialfeatures.find().sort("_id", 1)):
        if number % 3:
            given = {"verificationStatus": number % 3 == 1, "verifiedAt": NOW, "labelledAt": NOW}
            store.analytics.credentialfeatures.update_one({"_id": row["_id"]}, {"$set": given})


def change_of(collection: str, key: ObjectId) -> Document:
    seconds = int(NOW.timestamp())
    return {
        "operationType": "update",
        "ns": {"db": "app-db", "coll": collection},
        "documentKey": {"_id": {"$oid": str(key)}},
        "clusterTime": {"$timestamp": {"t": seconds, "i": 1}},
    }


def ids_of(collection: Any) -> list[ObjectId]:
    return [row["_id"] for row in collection.find({}, {"_id": 1}).sort("_id", 1) if isinstance(row["_id"], ObjectId)]


def payload_of(network: Network, stem: str) -> Document | None:
    """What a function is called with that no schedule fires; it names as many documents as it may."""
    store, account = network.store, str(network.account)
    if stem == "promote_artifact":
        kept = store.analytics.artifactVersions.find_one({"family": "topics"})
        assert kept is not None
        return {"family": "topics", "key": kept["account"], "version": kept["version"]}
    payloads: dict[str, Callable[[], Document]] = {
        "rank_contents": lambda: {"accountId": account, "contents": list(map(str, ids_of(store.app.contents)))},
        "recommend_home": lambda: {"accountId": account, "maxResults": 50},
        "recommend_people": lambda: {"accountId": account, "maxResults": 50},
        "erase_account": lambda: {"accountId": account},
        "train_personal": lambda: sent({**network.message, "accounts": network.message["accounts"][:100]}),
        "classify_content": lambda: {"changes": [change_of("contents", one) for one in ids_of(store.app.contents)]},
        "apply_verdicts": lambda: {
            "changes": [change_of("suspiciouscredentials", one) for one in ids_of(store.app.suspiciouscredentials)]
        },
    }
    return payloads[stem]() if stem in payloads else None


def sent(message: Document) -> Document:
    body = json.dumps(message)
    return {"Records": [{"messageId": "m", "body": body, "attributes": {}, "eventSource": "aws:sqs"}]}


def asked_of(network: Network, path: str) -> Document:
    """A request to a route."""
    route = next(one for one in ROUTES if one.path == path)
    asked: Document = {"contents": list(map(str, ids_of(network.store.app.contents)))} if "predict" in path else {}
    bearer = token_for(str(network.account), API_KEY.encode(), now=datetime.now(UTC), valid_for=timedelta(hours=1))
    headers = {"authorization": f"Bearer {bearer}", "content-type": "application/json"}
    body = b"" if route.method == "GET" else json.dumps(asked).encode()
    return event_of(route.method, path, headers, body)


NAMES = [*sorted(all_functions().keys() - {"serve_feed"}), *(route.path for route in ROUTES)]


def call(network: Network, name: str) -> Any:
    """Run a function, or ask a route, in a container that keeps nothing from another call."""
    close_store()
    train_personal.forget()
    if name.startswith("/"):
        return function("serve_feed").handler(asked_of(network, name), None)
    return function(name).invoke(at=LATER, payload=payload_of(network, name))


def broken(document: Document, path: str, name: str) -> Document | RawBSONDocument:
    """The document with junk at a path."""
    if name == UNREADABLE:
        raw = encode(_with(document, path, "\x01\x02\x03\x04"))
        return RawBSONDocument(raw.replace(b"\x01\x02\x03\x04\x00", b"#\xff\xfe\xfd\x00"))
    if name == IN_A_LIST:
        return _with(document, path, [value_at(document, path)])
    return _with(document, path, JUNK[name], missing=name == "missing")


def value_at(document: Any, path: str) -> Any:
    for name in path.split("."):
        items = document.as_doc() if isinstance(document, DBRef) else document
        document = items.get(name) if isinstance(items, Mapping) else None
    return document


def _with(document: Any, path: str, value: Any, *, missing: bool = False) -> Document:
    name, _, rest = path.partition(".")
    copy = dict(document.as_doc() if isinstance(document, DBRef) else document)
    if rest:
        inner = copy.get(name)
        copy[name] = _with(inner if isinstance(inner, Mapping | DBRef) else {}, rest, value, missing=missing)
    elif missing:
        copy.pop(name, None)
    else:
        copy[name] = value
    return copy


def spoil(network: Network, fields: Fields, turn: int, function: str) -> dict[str, tuple[str, str, str]]:
    """Put junk into every field, each kind into a document of its own; of more than a third of the documents the rest
    has its turn later. Returns what stands where."""
    spoilt: dict[str, tuple[str, str, str]] = {}
    for collection, paths in fields.items():
        if collection in SIGNED | SINGLE:
            continue
        found = network.database(collection)
        documents = [one for one in found.find() if one["_id"] not in (network.account, network.user)]
        documents.sort(
            key=lambda one: all(str(own) not in str(one) for own in (network.account, network.user, function))
        )
        plan = plan_of(paths)
        own = [planned for planned in plan if planned[0] == "_id"]  # each time: few functions name a document by it
        others = [planned for planned in plan if planned[0] != "_id"]
        most = max(len(documents) // 3, 1)
        first = turn * most % max(len(others), 1)
        chosen = list(zip(documents, [*own, *others[first:], *others[:first]][:most], strict=False))
        written = []
        for document, (path, name) in chosen:
            dated = {"updatedAt": LATER - timedelta(minutes=1)} if "updatedAt" in document else {}
            if path == "_id":
                written.append(document | dated | {"_id": AS_AN_ID[name](collection)})
                spoilt[repr(written[-1]["_id"])] = (collection, path, name)
            else:
                written.append(broken(document | dated, path, name))
                spoilt[repr(document["_id"])] = (collection, path, name)
        found.delete_many({"_id": {"$in": [document["_id"] for document, _ in chosen]}})
        if written:
            with suppress(BulkWriteError):  # the same junk twice in a field that is unique
                found.insert_many(written, ordered=False)
    return spoilt


def plan_of(paths: Iterable[str]) -> list[tuple[str, str]]:
    """Which junk to put into which of these fields."""
    return [(path, name) for name in JUNK for path in sorted(paths) if path != "_id" or name in AS_AN_ID]


def turns_of(network: Network, fields: Fields) -> int:
    """How often to run so that all junk has had its turn."""
    sizes = {one: network.database(one).estimated_document_count() for one in fields if one not in SIGNED | SINGLE}
    wanted = {one: len(plan_of(fields[one])) for one in sizes}
    return max([-(-wanted[one] // max(size // 3, 1)) for one, size in sizes.items() if size > len(JUNK)], default=1)


def test_junk_in_any_field_stops_nobody_else_and_is_reported(network, monkeypatch):
    reports = told(monkeypatch)
    failures: dict[str, str] = {}
    used: set[tuple[str, str]] = set()
    reported: set[tuple[str, str]] = set()
    for number, name in enumerate(NAMES):
        clean = network.recorded(name, partial(call, network, name))
        network.restore(network.recorder.written)
        assert served(name, clean) is None, name
        assert not reports[-1].malformed, name
        fields = network.read[name]
        used |= {(one, path) for one, paths in fields.items() for path, uses in paths.items() if "filter" not in uses}
        for turn in range(min(turns_of(network, fields), MAX_TURNS)):
            spoilt = spoil(network, fields, number + turn, name)
            try:
                answer = spoilt_run(network, name, full=turn == 0)
                if why := served(name, answer):
                    failures[name] = f"{why}: {answer}"[:500]
            except AppError as error:
                failures[name] = f"{error!r}: {error.__context__!r}"
            finally:
                network.restore(network.recorder.written | set(fields) | {schema.WATERMARKS.name})
            reported |= {spoilt[one][:2] for one in map(repr, reports[-1].malformed) if one in spoilt}

    assert failures == {}
    owned = {one.name for one in schema.COLLECTIONS if one.owner == "application"}
    assert {(one, path) for one, path in used if one in owned} - reported <= DOES_NOTHING


# What jobs go by in documents that they do not unseal.
UNSEALED = ("account", "family", "version", "fingerprint", "windowTo", "madeFrom", "promotedAt", "aliasOf", "outdated")


def test_junk_beside_signed_documents_stops_nobody(network):
    call(network, "train_personal")
    for collection in sorted(SIGNED):
        rows = network.database(collection)
        kept = rows.find_one({"family": {"$exists": True}}, {"_id": 0})
        if kept is None:  # too little to learn from for one
            family, one = next(pair for pair in FAMILIES.items() if pair[1].live == collection)
            kept = {"family": family, "model": one.kind, "account": "x", "version": "20260101T000000Z"}
        of_accounts = isinstance(kept["account"], ObjectId)
        documents = []
        for path, name in ((path, name) for path in UNSEALED for name in JUNK):
            own = {"_id": str(ObjectId()), "account": ObjectId() if of_accounts else f"junk {ObjectId()}"}
            documents.append(broken({**kept, **own, "artifact": b"junk"}, path, name))
        with suppress(BulkWriteError):  # some are one to an index
            rows.insert_many(documents, ordered=False)
    failures: dict[str, str] = {}
    for name in NAMES:
        try:
            answer = spoilt_run(network, name, full=True)
            if why := served(name, answer):
                failures[name] = f"{why}: {answer}"[:500]
        except AppError as error:
            failures[name] = f"{error!r}: {error.__context__!r}"
        finally:
            network.restore((network.recorder.written - SIGNED) | {schema.WATERMARKS.name})
    network.restore(set(SIGNED))

    assert failures == {}


def told(monkeypatch: pytest.MonkeyPatch) -> list[Report]:
    """The reports of all invocations from now on."""
    reports: list[Report] = []
    tell = invocation._tell

    def remember(name: str, report: Report) -> None:
        reports.append(report)
        tell(name, report)

    monkeypatch.setattr(invocation, "_tell", remember)
    return reports


def spoilt_run(network: Network, name: str, *, full: bool) -> Any:
    """Run it; `full` as if it never had before."""
    if full:
        network.store.analytics.watermarks.delete_many({"_id": name})
    network.recorder.written, network.recorder.on = set(), True
    try:
        return call(network, name)
    finally:
        network.recorder.on = False


def served(name: str, answer: Any) -> str | None:
    """Why the answer is none; None where it is one."""
    if name.startswith("/"):
        body = json.loads(answer["body"])
        done = answer["statusCode"] == 200 and body.get("code", 200) == 200 and any(body.values())
        return None if done else "no answer"
    if "batchItemFailures" in answer:
        return "not done" if answer["batchItemFailures"] else None
    return "no answer" if answer.get("code") == 1001 or answer.get("parked") else None


def test_junk_in_the_page_that_a_cursor_names_is_a_bad_cursor(network):
    pages, home = network.store.analytics.homePages, "/feed/home"
    cursor = json.loads(call(network, home)["body"])["cursor"]
    page = pages.find_one({"_id": cursor})
    statuses = {}
    for path, name in ((path, name) for path in page.keys() - {"_id"} for name in JUNK):
        pages.delete_one({"_id": cursor})
        pages.insert_one(broken(page, path, name))
        event = asked_of(network, home) | {"rawQueryString": f"cursor={cursor}"}
        event["queryStringParameters"] = {"cursor": cursor}
        statuses[path, name] = function("serve_feed").handler(event, None)["statusCode"]
    pages.delete_one({"_id": cursor})

    assert {place: status for place, status in statuses.items() if status not in (200, 400)} == {}
    assert 400 in statuses.values()
