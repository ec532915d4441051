"""Whatever a training reads, changed without a date or deleted: exactly the accounts whose model a training would
change are queued, once the inputs of models are compared.

The fields are those that the commands of a training name. The accounts are those whose profile a training at the same
moment changes, apart from what it is measured against: the whole country's share of a topic or a language.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from bson import DBRef, ObjectId
from pymongo import MongoClient

from functions.feed import plan_personal_training, train_personal
from functions.feed.affinity_counters import LANGUAGES, AffinityCounters
from functions.feed.user_profile_builder import profiles_now
from shared.documents import Document
from shared.store import connection, schema
from tests.factories import account, an_id, engagement, exposure, follow, topic, topics_of, user
from tests.faults.reads import Fields, Recorder, fields_read, paths_of
from tests.networks import HOUR, NOON, QUICK, QUICK_MEMBERS, Network, opened, write_village

COMPARED = NOON + QUICK_MEMBERS.compare_every
# Collections that we write: models name their version, and erasures have plans of their own.
OWN_COLLECTIONS = {collection.name for collection in schema.OURS} - {schema.CONTENT_INFO.name}
DOCUMENTS: dict[str, list[Any]] = {
    "engagements": [("thai", "p0"), ("nomad", "p1"), ("old", "p6")],
    "contents": ["p1", "p4", "p12", "p18"],
    "contentinfo": ["info of p0", "info of p1", "info of p2"],
    "contentfiltering": ["filtering of p12", "filtering of p15", "filtering of p2"],
    "users": ["thai", "old", "author 5"],
    "accounts": ["account of thai", "account of nomad", "account of lurker"],
    "relationships": ["thai follows author 1", "thai follows author 7"],
    "feeditems": ["thai saw p4", "thai saw p5", "lurker saw p4"],
}


class Read:
    """A network with models, the fields that their training reads, and the profile that it made of each account."""

    def __init__(self, network: Network, fields: Fields) -> None:
        self.network, self.fields = network, fields
        analytics = network.store.analytics
        self.watermark: Document = analytics.watermarks.find_one({"_id": plan_personal_training.NAME}) or {}
        self.models = {str(row["account"]) for row in analytics.mlArtifacts.find()}
        self.before = own_profiles(network)

    def collection(self, name: str) -> Any:
        store = self.network.store
        return (store.analytics if name == schema.CONTENT_FILTERING.name else store.app)[name]

    def due(self) -> set[str]:
        """The accounts of which a training at the moment of the first would make another model, or their first."""
        after = own_profiles(self.network)
        changed = {key for key in self.models if after.get(key) != self.before[key]}
        return changed | {key for key in after.keys() - self.models if after[key]["acts"] or after[key]["follows"]}

    def queued(self) -> set[str]:
        """The accounts that the next plan queues; its watermark is put back."""
        try:
            return set(plan(self.network, COMPARED))
        finally:
            watermarks = self.network.store.analytics.watermarks
            watermarks.replace_one({"_id": plan_personal_training.NAME}, self.watermark)


def plan(network: Network, now: datetime) -> list[str]:
    messages: list[Any] = []
    plan_personal_training.run(network.store, network.registry, messages.extend, QUICK_MEMBERS, QUICK, now=now)
    return [account for message in messages for account in message["accounts"]]


def own_profiles(network: Network) -> dict[str, Document]:
    """Of the profile that each account would get now, the parts that depend on the account alone."""
    train_personal.forget()
    trainer = train_personal.open_trainer(network.store, network.registry, QUICK, QUICK_MEMBERS, now=NOON)
    ids = trainer.affinities.history.accounts.ids
    profiles = profiles_now(trainer.affinities, np.arange(len(ids)))
    return {
        str(ObjectId(key.tobytes())): {
            "country": profile.country,
            "acts": profile.acts,
            "follows": profile.follows,
            "topics": profile.topics[["key", "acts"]].tolist(),
            "languages": engagements_by_language(trainer.affinities, number, profile.languages["key"]),
            "authors": profile.authors.tolist(),
            "posts": profile.posts.tolist(),
        }
        for number, (key, profile) in enumerate(zip(ids, profiles, strict=True))
    }


def engagements_by_language(affinities: AffinityCounters, number: int, keys: Any) -> list[tuple[int, float]]:
    counts = affinities.by_account_language.count(number * LANGUAGES + keys.astype(np.int64), np.zeros(len(keys)))
    return list(zip(keys.tolist(), counts.tolist(), strict=True))


def furnish(network: Network) -> None:
    """Write values into every collection and field that a training reads."""
    app, analytics = network.store.app, network.store.analytics
    app.accounts.insert_many([account(f"account of {who}", now=NOON) for who in ("lurker", "old")])
    app.users.insert_many([user(who, now=NOON) for who in ("lurker", "old")])
    analytics.topics.insert_many([topic("sports"), topic("music")])
    app.contentinfo.insert_many([topics_of(f"p{n}", "sports", at=NOON - 2 * HOUR) for n in range(10)])
    app.contentinfo.update_one(
        {"contentId": an_id("p3")}, {"$set": {"language": "th", "topics": [an_id("topic music")]}}
    )
    analytics.contentfiltering.insert_many(
        {"_id": an_id(f"filtering of p{n}"), "contentId": an_id(f"p{n}"), "language": ("en", "th")[n % 2]}
        for n in (2, 12, 15, 18)
    )
    tagged = [an_id(f"p{n}") for n in range(10, 16)]
    app.contents.update_many({"_id": {"$in": tagged}}, {"$set": {"hashtags": ["goal"]}})
    written = [an_id(f"p{n}") for n in range(16, 22)]
    app.contents.update_many({"_id": {"$in": written}}, {"$set": {"payload.message": "hello #moon"}})
    app.contents.update_one({"_id": an_id("p7")}, {"$set": {"visibility": "hidden"}})
    old = engagement("old", "p6", at=NOON - HOUR)
    del old["account"]
    app.engagements.insert_many([engagement("nomad", "p1", at=NOON - HOUR / 4, kind="comment"), old])
    app.engagements.insert_one(engagement("nomad", "p2", at=NOON - HOUR / 4, visibility="deleted"))
    for minutes, row in enumerate(app.engagements.find().sort("_id", 1)):  # engagements of one moment have no order
        at = row["createdAt"] - timedelta(minutes=minutes)
        app.engagements.update_one({"_id": row["_id"]}, {"$set": {"createdAt": at, "updatedAt": at}})
    app.relationships.insert_many([follow("thai", f"author {n}", at=NOON - HOUR) for n in (1, 7)])
    app.relationships.insert_one(follow("american", "author 2", at=NOON - HOUR, blocking=True))
    app.feeditems.insert_many(
        exposure(who, post, at=NOON - HOUR / 3, offScreenAt=NOON - HOUR / 3 + timedelta(seconds=seconds))
        for who, post, seconds in (("thai", "p4", 3), ("thai", "p5", 1), ("lurker", "p4", 3))
    )


@pytest.fixture(scope="module")
def read(mongo_uri: str, client: MongoClient[Document]) -> Iterator[Read]:
    recorder, patch = Recorder(), pytest.MonkeyPatch()
    patch.setattr(connection, "MongoClient", recorder.client())
    with opened(mongo_uri, client) as network:
        patch.undo()
        write_village(network.store)
        furnish(network)
        accounts = plan(network, NOON)
        train_personal.forget()
        stored: dict[str, set[str]] = defaultdict(set)
        for database in (network.store.app, network.store.analytics):
            for name in database.list_collection_names():
                stored[name].update(path for document in database[name].find() for path in paths_of(document))
        recorder.on = True
        trainer = train_personal.open_trainer(network.store, network.registry, QUICK, QUICK_MEMBERS, now=NOON)
        train_personal.run(network.store, trainer, network.registry, QUICK, QUICK_MEMBERS, accounts, now=NOON)
        recorder.on = False
        yield Read(network, fields_read(recorder.commands, stored))
    train_personal.forget()


def documents_of(read: Read, collection: str) -> list[Document]:
    """The documents of the collection that the tests change."""
    documents = []
    for name in DOCUMENTS[collection]:
        if isinstance(name, tuple):
            who, post = name
            query: Document = {"user": an_id(who), "targetRef": DBRef("content", an_id(post))}
        elif " saw " in name:
            who, post = name.split(" saw ")
            query = {"viewer": an_id(f"account of {who}"), "content": an_id(post)}
        else:
            query = {"_id": an_id(name)}
        documents.append(read.collection(collection).find_one(query))
    assert all(documents)
    return documents


def plain(value: Any) -> Any:
    """The value with references as documents, whose fields can be changed."""
    items = value.as_doc() if isinstance(value, DBRef) else value
    return {name: plain(item) for name, item in items.items()} if isinstance(items, dict) else items


def value_at(document: Document, path: str) -> Any:
    value: Any = document
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def with_value(document: Document, path: str, value: Any) -> Document:
    """A copy of the document with this value at the path; without the field for None."""
    changed: Document = plain(document)
    *parents, name = path.split(".")
    parent = changed
    for parent_name in parents:
        parent = parent.setdefault(parent_name, {})
    if value is None:
        parent.pop(name, None)
    else:
        parent[name] = value
    return changed


def other_values(read: Read, collection: str, path: str, value: Any) -> list[Any]:
    """None, the value of another document, and further values of the same type."""
    rows = read.collection(collection).find().sort("_id", 1)
    values = (value_at(plain(row), path) for row in rows)
    of_others = [other for other in values if other is not None and other != value and type(other) is type(value)]
    if isinstance(value, datetime):  # on the same day, which decides the day of an input; and outside the window
        return [None, value - HOUR / 2, value - timedelta(days=40)]
    more = [f"x{value}", value * 100] if isinstance(value, str) else [not value] if isinstance(value, bool) else []
    return [None, *of_others[:1], *more]


@pytest.mark.parametrize("collection", DOCUMENTS)
def test_a_changed_field_queues_whose_model_would_be_another_and_no_others(read, collection):
    paths = [path for path in read.fields[collection] if path != "_id"]
    assert paths
    wrong = []
    for document in documents_of(read, collection):
        for path in paths:
            for value in other_values(read, collection, path, value_at(plain(document), path)):
                try:
                    key = {"_id": document["_id"]}
                    read.collection(collection).replace_one(key, with_value(document, path, value))
                    due, queued = read.due(), read.queued()
                finally:
                    read.collection(collection).replace_one(key, document)
                if due != queued:
                    wrong.append((path, value, document["_id"], queued - due, due - queued))
    assert wrong == []


@pytest.mark.parametrize("collection", DOCUMENTS)
def test_a_deleted_document_queues_whose_model_would_be_another_and_no_others(read, collection):
    n_due = 0
    for document in documents_of(read, collection):
        try:
            read.collection(collection).delete_one({"_id": document["_id"]})
            due, queued = read.due(), read.queued()
        finally:
            read.collection(collection).insert_one(document)
        assert queued == due, document
        n_due += len(due)
    assert n_due, "no document of the collection makes a difference"


def test_every_collection_that_a_training_reads_is_changed(read):
    assert read.fields.keys() - OWN_COLLECTIONS == DOCUMENTS.keys()


def test_as_long_as_nothing_changes_nobody_is_queued(read):
    assert read.due() == read.queued() == set()
