"""Every sample of a change is handled by the real handler of classify_content, with the effect that its name says."""

import json
from datetime import UTC, datetime
from functools import cache

import pytest
from bson import ObjectId

from functions.topics.handlers.classify_content import handler
from layers.build import ROOT
from shared.runtime.change_events import arrivals
from shared.store import open_store, schema
from tests.changes import as_json, change_event, documentdb, ids, inserted, keys, queued, relayed, returned

FOLDER = ROOT / "events/topics/classify_content"
SAMPLES = sorted(FOLDER.glob("*.json"))
POST = ObjectId("6204bb1f5c1a4f0012a3b4c5")
OTHER_TEXT = "The cat slept on the sofa all day with her kittens"

INSERTS = {"atlas_plain", "atlas_extended", "atlas_canonical", "documentdb", "relay", "relay_bus"}
READS = {"relay_key_only", "atlas_update_without_document"}
DELETES = {"atlas_delete", "documentdb_delete"}
OTHERS = {"atlas_like"}

OPERATORS = [{"$ne": None}, {"$gt": ""}, {"$where": "sleep(10000)"}, {"$regex": "^(a+)+$"}, {"$in": [str(POST)]}]


@cache
def sample(stem):
    return json.loads((FOLDER / f"{stem}.json").read_text())


def kind_of(stem):
    """The sample that is inside an SQS message."""
    return "atlas_plain" if stem == "sqs_atlas" else stem.removeprefix("sqs_")


@pytest.fixture
def app(deployed, databases):
    """The application's database with the indexes of a deployment."""
    schema.apply(open_store().app, open_store().analytics)
    return databases.app


@pytest.fixture
def rows(app, databases):
    """Finds what is stored about posts, each with the paths of its topics."""

    def find():
        paths = {topic["_id"]: topic["path"] for topic in databases.analytics.topics.find()}
        stored_rows = app.contentinfo.find({"removedAt": {"$exists": False}})
        return {row["contentId"]: row | {"topics": [paths[topic] for topic in row["topics"]]} for row in stored_rows}

    return find


def stored(text):
    """The post of the samples in the form in which the application stores it."""
    return {"_id": POST, "visibility": "publish", "payload": {"message": text}}


def test_every_sample_has_an_expectation():
    kinds = INSERTS | READS | DELETES | OTHERS

    assert {kind_of(path.stem) for path in SAMPLES} == kinds


@pytest.mark.parametrize("stem", [path.stem for path in SAMPLES if kind_of(path.stem) in INSERTS])
def test_an_inserted_post_is_about_football(app, rows, stem):
    answer = handler(sample(stem), None)

    assert returned(answer) == [] if stem.startswith("sqs") else answer == {"read": 1, "written": 1}
    assert rows().keys() == {POST}
    row = rows()[POST]
    assert (row["language"], row["topics"]) == ("en", ["sports", "sports/football"])
    assert (row["clusterTime"].time, row["clusterTime"].inc) == (1644477216, 2)


@pytest.mark.parametrize("stem", sorted(READS))
def test_a_change_without_a_document_is_read_from_the_application(app, rows, stem):
    app.contents.insert_one(stored(OTHER_TEXT))

    assert handler(sample(stem), None) == {"read": 1, "written": 1}
    assert rows()[POST]["topics"] == ["pets", "pets/cats"]


@pytest.mark.parametrize("stem", sorted(READS | DELETES))
def test_of_a_post_that_is_gone_nothing_is_kept(app, rows, stem):
    handler(sample("atlas_plain"), None)
    assert rows().keys() == {POST}

    assert handler(sample(stem), None) == {"read": 1, "written": 0, "removed": 1}
    assert rows() == {}
    assert handler(sample("relay"), None) == {"read": 1, "written": 0}, "the insert comes again, too late"
    assert rows() == {}


def test_a_like_changes_nothing(app, rows):
    assert handler(sample("atlas_like"), None) == {"read": 0, "written": 0, "unconcerned": 1}
    assert rows() == {}


def test_the_same_post_by_every_way_is_one_row_written_once(app):
    handler(sample("atlas_plain"), None)
    once = list(app.contentinfo.find())

    for path in SAMPLES:
        if kind_of(path.stem) in INSERTS | OTHERS:
            handler(sample(path.stem), None)

    assert list(app.contentinfo.find()) == once


@pytest.mark.parametrize("operator", OPERATORS, ids=str)
@pytest.mark.parametrize(
    "around", [relayed, documentdb, lambda change: queued(relayed(change))], ids=["relay", "documentdb", "sqs"]
)
def test_an_operator_for_a_key_is_refused_and_no_query_runs(app, databases, around, operator):
    app.contents.insert_one(stored(OTHER_TEXT))
    before = list(app.contents.find())
    app.command("profile", 2)

    for kind in ("insert", "update", "delete"):
        handler(around(change_event(kind, "x") | {"documentKey": {"_id": operator}}), None)

    app.command("profile", 0)
    assert [query["ns"] for query in app["system.profile"].find()] == []
    assert list(app.contents.find()) == before
    assert databases.analytics.parkedChanges.count_documents({"reason": "documentKey._id: needs an id"}) == (
        0 if "Records" in around({}) else 3
    )


def test_operators_inside_a_document_are_only_values(app, rows):
    strange = {
        "visibility": "publish",
        "payload": {"message": OTHER_TEXT, "$where": "sleep(10000)", "a.b": 1, "__proto__": {"x": 1}},
        "updatedAt": {"$ne": None},
    }
    event = inserted("one") | {"fullDocument": strange}
    message = inserted("two") | {"fullDocument": {"visibility": "publish", "payload": {"message": {"$ne": None}}}}
    visibility = inserted("three") | {"fullDocument": strange | {"visibility": {"$ne": "deleted"}}}

    answer = handler(relayed(event, message, visibility), None)

    assert answer == {"read": 3, "written": 1, "removed": 2, "malformed": 1}
    assert rows().keys() == set(ids("one"))
    assert rows()[ids("one")[0]]["topics"] == ["pets", "pets/cats"]


def test_of_a_batch_with_poison_the_others_are_named(app, rows, databases):
    poison = [{"operationType": ["drop"]}, as_json({"a": 1}), "text", change_event("insert", 7)]

    answer = handler(documentdb(inserted("one"), *poison, inserted("two")), None)

    assert answer == {"read": 2, "written": 2, "parked": 4}
    assert rows().keys() == set(ids("one", "two"))
    assert databases.analytics.parkedChanges.distinct("function") == ["classify_content"]


def test_the_samples_name_the_same_post():
    for path in SAMPLES:
        changes = [arrival.change for arrival in arrivals(sample(path.stem), "contents", now=datetime.now(UTC))]
        assert keys(changes) == [POST]
