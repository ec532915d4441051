"""Whatever a training reads, changed without a date or deleted: exactly the accounts of which a training would make
another model are queued, once models are compared with what there is.

The fields are those that the commands of a training name, the accounts those of which a training at the same moment
makes another taste, but for what it is measured against: the whole country's part of a topic or a language.
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
from functions.feed.candidate_features import LANGUAGES, AffinityCounters
from functions.feed.user_profile import profiles_now
from shared.documents import Document
from shared.store import connection, schema
from tests.factories import account, an_id, engagement, exposure, follow, topic, topics_of, user
from tests.faults.reads import Fields, Recorder, fields_read, paths_of
from tests.networks import HOUR, NOON, QUICK, QUICK_MEMBERS, Network, opened, write_village

COMPARED = NOON + QUICK_MEMBERS.compare_every
# What we make ourselves: models name the version of it, erasures have plans of their own.
MADE = {one.name for one in schema.OURS} - {schema.CONTENT_INFO.name}
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
    """A network with models, the fields that their training reads, and what it made of each account."""

    def __init__(self, network: Network, fields: Fields) -> None:
        self.network, self.fields = network, fields
        self.mark: Document = network.store.analytics.watermarks.find_one({"_id": plan_personal_training.NAME}) or {}
        self.models = {str(row["account"]) for row in network.store.analytics.mlArtifacts.find()}
        self.before = made(network)

    def collection(self, name: str) -> Any:
        store = self.network.store
        return (store.analytics if name == schema.CONTENT_FILTERING.name else store.app)[name]

    def due(self) -> set[str]:
        """The accounts of which a training at the moment of the first would make another model, or their first."""
        after = made(self.network)
        others = {key for key in self.models if after.get(key) != self.before[key]}
        return others | {key for key in after.keys() - self.models if after[key]["acts"] or after[key]["follows"]}

    def queued(self) -> set[str]:
        """Those that the next plan queues, which leaves everything as it was."""
        try:
            return set(plan(self.network, COMPARED))
        finally:
            marks = self.network.store.analytics.watermarks
            marks.replace_one({"_id": plan_personal_training.NAME}, self.mark)


def plan(network: Network, now: datetime) -> list[str]:
    messages: list[Any] = []
    plan_personal_training.run(network.store, network.registry, messages.extend, QUICK_MEMBERS, QUICK, now=now)
    return [one for message in messages for one in message["accounts"]]


def made(network: Network) -> dict[str, Document]:
    """What is the account's own of the taste that it would get now."""
    train_personal.forget()
    trainer = train_personal.open_trainer(network.store, network.registry, QUICK, QUICK_MEMBERS, now=NOON)
    ids = trainer.profiles.history.accounts.ids
    tastes = profiles_now(trainer.profiles, np.arange(len(ids)))
    return {
        str(ObjectId(key.tobytes())): {
            "country": profile.country,
            "acts": profile.acts,
            "follows": profile.follows,
            "topics": profile.topics[["key", "acts"]].tolist(),
            "languages": acts_by_language(trainer.profiles, number, profile.languages["key"]),
            "authors": profile.authors.tolist(),
            "posts": profile.posts.tolist(),
        }
        for number, (key, profile) in enumerate(zip(ids, tastes, strict=True))
    }


def acts_by_language(tastes: AffinityCounters, number: int, keys: Any) -> list[tuple[int, float]]:
    acts = tastes.of_language.count(number * LANGUAGES + keys.astype(np.int64), np.zeros(len(keys)))
    return list(zip(keys.tolist(), acts.tolist(), strict=True))


def furnish(network: Network) -> None:
    """Something in every collection and field that a training reads."""
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
    for minutes, act in enumerate(app.engagements.find().sort("_id", 1)):  # what is of one moment has no order
        at = act["createdAt"] - timedelta(minutes=minutes)
        app.engagements.update_one({"_id": act["_id"]}, {"$set": {"createdAt": at, "updatedAt": at}})
    app.relationships.insert_many([follow("thai", f"author {n}", at=NOON - HOUR) for n in (1, 7)])
    app.relationships.insert_one(follow("american", "author 2", at=NOON - HOUR, blocking=True))
    app.feeditems.insert_many(
        exposure(who, what, at=NOON - HOUR / 3, offScreenAt=NOON - HOUR / 3 + timedelta(seconds=seconds))
        for who, what, seconds in (("thai", "p4", 3), ("thai", "p5", 1), ("lurker", "p4", 3))
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
                stored[name].update(path for one in database[name].find() for path in paths_of(one))
        recorder.on = True
        trainer = train_personal.open_trainer(network.store, network.registry, QUICK, QUICK_MEMBERS, now=NOON)
        train_personal.run(network.store, trainer, network.registry, QUICK, QUICK_MEMBERS, accounts, now=NOON)
        recorder.on = False
        yield Read(network, fields_read(recorder.commands, stored))
    train_personal.forget()


def chosen(read: Read, collection: str) -> list[Document]:
    """The documents that change."""
    found = []
    for name in DOCUMENTS[collection]:
        if isinstance(name, tuple):
            who, what = name
            query: Document = {"user": an_id(who), "targetRef": DBRef("content", an_id(what))}
        elif " saw " in name:
            who, what = name.split(" saw ")
            query = {"viewer": an_id(f"account of {who}"), "content": an_id(what)}
        else:
            query = {"_id": an_id(name)}
        found.append(read.collection(collection).find_one(query))
    assert all(found)
    return found


def plain(value: Any) -> Any:
    """The same with references as documents, to be changed."""
    items = value.as_doc() if isinstance(value, DBRef) else value
    return {name: plain(one) for name, one in items.items()} if isinstance(items, dict) else items


def value_at(document: Document, path: str) -> Any:
    found: Any = document
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found


def with_value(document: Document, path: str, value: Any) -> Document:
    """The document with another value there; without the field for None."""
    changed: Document = plain(document)
    *above, name = path.split(".")
    place = changed
    for one in above:
        place = place.setdefault(one, {})
    if value is None:
        place.pop(name, None)
    else:
        place[name] = value
    return changed


def other_values(read: Read, collection: str, path: str, value: Any) -> list[Any]:
    """Nothing, what stands there in another document, and what else there may be of its type."""
    elsewhere = (value_at(plain(one), path) for one in read.collection(collection).find().sort("_id", 1))
    of_others = [one for one in elsewhere if one is not None and one != value and type(one) is type(value)]
    if isinstance(value, datetime):  # the same day, since it decides which day an input is of; and out of the window
        return [None, value - HOUR / 2, value - timedelta(days=40)]
    more = [f"x{value}", value * 100] if isinstance(value, str) else [not value] if isinstance(value, bool) else []
    return [None, *of_others[:1], *more]


@pytest.mark.parametrize("collection", DOCUMENTS)
def test_a_changed_field_queues_whose_model_would_be_another_and_no_others(read, collection):
    paths = [path for path in read.fields[collection] if path != "_id"]
    assert paths
    wrong = []
    for document in chosen(read, collection):
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
    some = 0
    for document in chosen(read, collection):
        try:
            read.collection(collection).delete_one({"_id": document["_id"]})
            due, queued = read.due(), read.queued()
        finally:
            read.collection(collection).insert_one(document)
        assert queued == due, document
        some += len(due)
    assert some, "no document of the collection makes a difference"


def test_every_collection_that_a_training_reads_is_changed(read):
    assert read.fields.keys() - MADE == DOCUMENTS.keys()


def test_as_long_as_nothing_changes_nobody_is_queued(read):
    assert read.due() == read.queued() == set()
