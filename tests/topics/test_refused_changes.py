"""A database that refuses while changes arrive: the whole batch comes back and none is lost. On a server of its own."""

from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient

from functions.topics.handlers import classify_content, reclassify_contents
from shared.errors import Unavailable
from tests.changes import change_event, documentdb, ids, inserted, queued, relayed, state

UNAUTHORIZED, NOT_PRIMARY = 13, 10107


@pytest.fixture(scope="session")
def mongo_uri(private_server: str) -> str:
    return private_server


@pytest.fixture(scope="session")
def client(private_server: str) -> Iterator[MongoClient[dict[str, Any]]]:
    with MongoClient[dict[str, Any]](private_server, tz_aware=True) as connected:
        yield connected


GOOD, POISON = inserted("one"), {"operationType": "poison"}
BATCHES = {
    "documentdb": documentdb(GOOD, POISON, inserted("two")),
    "relay": relayed(GOOD, POISON, inserted("two")),
    "one change": relayed(GOOD),
    "sqs": queued(relayed(GOOD), relayed(POISON), relayed(inserted("two"))),
}
each_batch = pytest.mark.parametrize("batch", BATCHES.values(), ids=BATCHES)


@pytest.fixture
def parked(databases):
    return lambda: list(databases.analytics.parkedChanges.find())


@each_batch
@pytest.mark.parametrize("code", [NOT_PRIMARY, UNAUTHORIZED], ids=["not primary", "unauthorized"])
@pytest.mark.parametrize("commands", [["find"], ["update"], ["find", "update"]], ids="+".join)
def test_what_the_database_refuses_takes_the_whole_batch_back(
    store, deployed, parked, databases, failing, batch, commands, code
):
    with failing(*commands, code=code), pytest.raises(Unavailable, match="the database"):
        classify_content.handler(batch, None)

    assert parked() == []
    assert databases.app.contentinfo.count_documents({}) == 0


@each_batch
def test_the_batch_that_comes_again_makes_good(store, deployed, databases, failing, batch):
    with failing("update"), pytest.raises(Unavailable):
        classify_content.handler(batch, None)

    classify_content.handler(batch, None)

    expected = ids("one") if batch is BATCHES["one change"] else ids("one", "two")
    assert set(databases.app.contentinfo.distinct("contentId")) == set(expected)


def test_poison_that_cannot_be_parked_comes_back_too(store, deployed, parked, databases, failing):
    with failing("update"), pytest.raises(Unavailable):
        classify_content.handler(relayed(POISON), None)

    assert parked() == []


def test_a_post_that_cannot_be_read_comes_back(store, deployed, parked, databases, failing):
    databases.app.contents.insert_one(state("one"))
    classify_content.handler(relayed(inserted("other")), None)  # which loads the annotator

    for command in ("find", "ping"):
        with failing(command, code=UNAUTHORIZED), pytest.raises(Unavailable):
            classify_content.handler(relayed(change_event("insert", "one")), None)

    assert parked() == []
    assert databases.app.contentinfo.distinct("contentId") == ids("other")


def test_a_walk_that_is_refused_goes_on_where_it_was(store, deployed, databases, failing, noon):
    databases.app.contents.insert_many([state("one"), state("two")])
    tick = {"time": noon.isoformat()}
    with failing("update"), pytest.raises(Unavailable):
        reclassify_contents.handler(tick, None)
    databases.analytics.leases.delete_many({})

    assert reclassify_contents.handler(tick, None) == {"read": 2, "written": 2, "finished": 1}


def test_a_refusal_is_logged_once_with_its_name_and_without_a_text(store, deployed, failing, logged):
    with failing("update", code=UNAUTHORIZED), pytest.raises(Unavailable):
        classify_content.handler(relayed(GOOD), None)

    (line,) = [line for line in logged() if line["level"] == "ERROR"]
    assert (line["message"], line["error"]) == ("failed", "Unavailable")
    assert "Unauthorized" in line["reason"]
    assert "in handler" in line["exception"]
    assert "striker" not in str(logged())
