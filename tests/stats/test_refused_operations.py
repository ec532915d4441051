"""A database that refuses: a clear failure, and what was there stays. On a server of its own."""

from collections.abc import Iterator
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from pymongo import MongoClient

from shared.errors import Unavailable

NOT_WRITABLE, UNAUTHORIZED = 10107, 13


@pytest.fixture(scope="session")
def mongo_uri(private_server: str) -> str:
    return private_server


@pytest.fixture(scope="session")
def client(private_server: str) -> Iterator[MongoClient[dict[str, Any]]]:
    with MongoClient[dict[str, Any]](private_server, tz_aware=True) as connected:
        yield connected


@pytest.fixture
def handler(deployed, job):
    return import_module(f"functions.stats.handlers.{job.name}").handler


@pytest.mark.parametrize("code", [NOT_WRITABLE, UNAUTHORIZED], ids=["not writable", "unauthorized"])
def test_what_is_refused_at_the_first_run_leaves_nothing_half_written(
    store, job, handler, network, noon, rows, failing, code
):
    with failing("update", "aggregate", code=code), pytest.raises(Unavailable, match=r"the database"):
        handler({"time": noon.isoformat()}, None)

    assert rows(job.collection) == []
    assert rows("watermarks") == []


@pytest.mark.parametrize("commands", [["update"], ["aggregate"], ["delete"], ["update", "delete"]], ids="+".join)
def test_what_is_refused_later_keeps_every_row(store, job, handler, network, noon, rows, failing, commands):
    handler({"time": noon.isoformat()}, None)
    network.app.contents.update_many({}, {"$set": {"visibility": "deleted", "updatedAt": noon}})
    network.app.engagements.update_many({}, {"$set": {"visibility": "deleted", "updatedAt": noon}})
    before = {row["_id"] for row in rows(job.collection)}
    mark = rows("watermarks")

    with failing(*commands), pytest.raises(Unavailable):
        handler({"time": (noon + timedelta(hours=1)).isoformat()}, None)

    if "delete" in commands:
        assert {row["_id"] for row in rows(job.collection)} == before, "pruning comes last"
    assert rows("watermarks") == mark, "the next run looks at the same changes"


def test_the_run_after_a_refused_one_makes_good(store, job, handler, network, noon, rows, failing):
    with failing("update", "aggregate"), pytest.raises(Unavailable):
        handler({"time": noon.isoformat()}, None)
    network.analytics.leases.delete_many({})

    handler({"time": noon.isoformat()}, None)

    assert rows(job.collection)


def test_a_refusal_is_logged_once_with_its_name(store, handler, network, noon, failing, logged):
    with failing("aggregate", "update", code=UNAUTHORIZED), pytest.raises(Unavailable):
        handler({"time": noon.isoformat()}, None)

    failures = [line for line in logged() if line["level"] == "ERROR"]
    assert [(one["message"], one["error"]) for one in failures] == [("failed", "Unavailable")]
    assert "Unauthorized" in failures[0]["reason"]
