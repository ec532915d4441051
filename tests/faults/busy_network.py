"""A sound network with the results of all functions, and calls of every function on it."""

import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from bson import DBRef, ObjectId

from functions.bots.reading_features import FEATURES
from functions.feed import train_personal
from functions.feed.serve_feed import ROUTES
from local.functions import all_functions, function, pipeline
from local.http import event_of
from local.world import WorldOptions, build_world, write_world
from shared.documents import Document
from shared.runtime import queue
from shared.runtime.tokens import token_for
from shared.store import Store, close_store, schema
from tests.conftest import API_KEY
from tests.faults.junk import AN_ID
from tests.faults.reads import Fields, Recorder, fields_read, paths_of

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
LATER = NOW + timedelta(minutes=30)
WORLD = WorldOptions(users=150, contents=300, engagements=1_500, feed_items=2_500, countries=2, with_text=True, seed=13)
OPTIONS = {
    "coldstart": {"max_positives": 800, "rounds": 4, "country_rounds": 3, "candidates": 20, "country_lists": 10},
    "members": {"max_positives": 800, "negatives": 3, "rounds": 4, "least_lists": 10, "look_every_s": 0.0},
    "guest_feed": {"rows_per_country": 5},
    "bots": {"limit": 60, "least_readings": 40, "least_bots": 3, "least_people": 3},
}


@dataclass
class Network:
    """A sound network with the results of all functions, and what each function reads.

    copies   name of the database that keeps all documents as they were
    stored   by collection, the paths of its documents
    read     by function, the fields that it reads
    account  the id of an account that has done a lot, and `user` that of its user
    message  a message of the training queue
    """

    store: Store
    recorder: Recorder
    copies: str
    stored: dict[str, set[str]] = field(default_factory=dict)
    read: dict[str, Fields] = field(default_factory=dict)
    account: ObjectId = AN_ID
    user: ObjectId = AN_ID
    message: Document = field(default_factory=dict)

    def database(self, collection: str) -> Any:
        analytics = {table.name for table in schema.COLLECTIONS if table.database == "analytics"}
        return (self.store.analytics if collection in analytics else self.store.app)[collection]

    def keep(self) -> None:
        """Copy every document as it is."""
        for database in (self.store.app, self.store.analytics):
            for name in database.list_collection_names():
                database[name].aggregate([{"$match": {}}, {"$out": {"db": self.copies, "coll": name}}])

    def restore(self, collections: set[str]) -> None:
        """Bring back the documents of these collections as they were copied."""
        for name in collections:
            if self.store.client[self.copies][name].estimated_document_count():
                into = {"db": self.database(name).database.name, "coll": name}
                self.store.client[self.copies][name].aggregate([{"$match": {}}, {"$out": into}])
            else:
                self.database(name).delete_many({})

    def recorded(self, stem: str, run: Callable[[], Any]) -> Any:
        """Run a function, and record what it reads."""
        self.recorder.commands, self.recorder.written, self.recorder.on = [], set(), True
        try:
            return run()
        finally:
            self.recorder.on = False
            fields = self.read.setdefault(stem, defaultdict(dict))
            for collection, paths in fields_read(self.recorder.commands, self.stored).items():
                for path, uses in paths.items():
                    fields[collection].setdefault(path, set()).update(uses)


def describe(network: Network) -> None:
    """Record the paths of the stored documents."""
    for database in (network.store.app, network.store.analytics):
        for name in database.list_collection_names():
            paths = network.stored.setdefault(name, set())
            for document in database[name].find().limit(100):
                paths.update(paths_of(document))


def grow(network: Network) -> None:
    """Write the network, and run every function on it once, in their order."""
    store = network.store
    schema.apply(store.app, store.analytics)
    write_world(build_world(WORLD, now=NOW), store.app, store.analytics, store.client[network.copies])
    store.client.drop_database(network.copies)
    enrich(network)
    for stem in pipeline():
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
    """Make one account do a lot, so that the answers to it read many documents."""
    app, people = network.store.app, list(network.store.app.users.find({}, {"ownerAccount": 1}).sort("_id", 1))
    network.user, network.account = people[0]["_id"], people[0]["ownerAccount"]
    app.relationships.insert_many(
        {"user": network.user, "followedUser": person["_id"], "following": True, "blocking": False, "blocked": False}
        | {"createdAt": NOW, "updatedAt": NOW}
        for person in people[1:90]
    )
    app.relationships.insert_many(
        {"user": person["_id"], "followedUser": network.user, "following": False, "blocking": True, "updatedAt": NOW}
        for person in people[120:150]
    )
    for post in app.contents.find({}, {"author": 1}).limit(120):
        exposure = {"viewer": network.account, "content": post["_id"], "seenAt": NOW, "updatedAt": NOW}
        app.feeditems.insert_one(exposure | {"offScreenAt": NOW, "analytics": {"source": "global", "model": "m"}})
        like = {"user": network.user, "account": network.account, "targetRef": DBRef("content", post["_id"])}
        app.engagements.insert_one(like | {"type": "like", "visibility": "publish", "createdAt": NOW, "updatedAt": NOW})
    app.contents.update_many({}, {"$set": {"isRecast": False}})
    # Tombstones that name every user and post, which belong to others now, so that a malformed one is named too.
    users, posts = ids_of(app.users), ids_of(app.contents)
    network.store.analytics.erasures.insert_many(
        {"_id": ObjectId(), "erasedAt": NOW, "searchedAt": NOW, "credentials": [ObjectId(), f"device {n}"]}
        | {"users": [ObjectId(), *users[n::180]], "posts": [ObjectId(), *posts[n::180]], "gone": posts[n::180]}
        for n in range(180)
    )
    network.store.analytics.labelledTexts.insert_many(
        {"text": f"a goal in the cup final {n}", "topics": ["sports"], "language": "en", "updatedAt": NOW}
        for n in range(120)
    )


def label(store: Store) -> None:
    """Bring more windows of readings, some of them as of machines, and label two of three."""
    rows = store.analytics.credentialfeatures
    rows.insert_many(row | {"_id": ObjectId(), "seenCredential": ObjectId()} for row in list(rows.find()) * 6)
    signs = dict(zip(FEATURES.names, FEATURES.monotone_sign, strict=True))
    for number, row in enumerate(rows.find().sort("_id", 1)):
        is_machine, is_labelled = number % 2 == 1, number % 3 > 0
        like_a_machine = {name: row[name] * 20.0**sign for name, sign in signs.items()} if is_machine else {}
        verdict = {"verificationStatus": is_machine, "verifiedAt": NOW, "labelledAt": NOW} if is_labelled else {}
        rows.update_one({"_id": row["_id"]}, {"$set": {"viewer": row.get("viewer"), **like_a_machine, **verdict}})


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
    """The payload of a function that no schedule fires, with as many ids as it may hold; None for other functions."""
    store, account = network.store, str(network.account)
    if stem == "promote_artifact":
        kept = store.analytics.artifactVersions.find_one({"family": "topics"})
        assert kept is not None
        return {"family": "topics", "key": kept["account"], "version": kept["version"]}
    payloads: dict[str, Callable[[], Document]] = {
        "rank_contents": lambda: {"accountId": account, "contents": list(map(str, ids_of(store.app.contents)))},
        "recommend_home": lambda: {"accountId": account, "maxResults": 50},
        "recommend_people": lambda: {"accountId": account, "maxResults": 50},
        "explain_ranking": lambda: {"accountId": account, "maxResults": 50},
        "compare_rankings": lambda: {"family": "members", "key": "all", "left": "none", "right": "none", "members": 9},
        "erase_account": lambda: {"accountId": account},
        "train_personal": lambda: queued({**network.message, "accounts": network.message["accounts"][:100]}),
        "classify_content": lambda: {"changes": [change_of("contents", key) for key in ids_of(store.app.contents)]},
        "apply_verdicts": lambda: {
            "changes": [change_of("suspiciouscredentials", key) for key in ids_of(store.app.suspiciouscredentials)]
        },
    }
    return payloads[stem]() if stem in payloads else None


def queued(message: Document) -> Document:
    """An event of the queue with one message."""
    body = json.dumps(message)
    return {"Records": [{"messageId": "m", "body": body, "attributes": {}, "eventSource": "aws:sqs"}]}


def request_to(network: Network, path: str) -> Document:
    """An event of an HTTP request to a route."""
    route = next(route for route in ROUTES if route.path == path)
    fields: Document = {"contents": list(map(str, ids_of(network.store.app.contents)))} if "predict" in path else {}
    bearer = token_for(str(network.account), API_KEY.encode(), now=datetime.now(UTC), valid_for=timedelta(hours=1))
    headers = {"authorization": f"Bearer {bearer}", "content-type": "application/json"}
    body = b"" if route.method == "GET" else json.dumps(fields).encode()
    return event_of(route.method, path, headers, body)


NAMES = [*sorted(all_functions().keys() - {"serve_feed"}), *(route.path for route in ROUTES)]


def call(network: Network, name: str) -> Any:
    """Run a function, or a route, in a container that keeps nothing from an earlier call."""
    close_store()
    train_personal.forget()
    if name.startswith("/"):
        return function("serve_feed").handler(request_to(network, name), None)
    return function(name).invoke(at=LATER, payload=payload_of(network, name))
