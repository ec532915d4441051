"""The collection of parked changes, or the output for metrics, is not available.

Lost metrics stop nothing. A change that failed and cannot be parked fails its invocation, so that its source delivers
it again: the other changes stay processed, and no change is lost.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from importlib import import_module
from typing import Any

import pytest
from pymongo import MongoClient

from shared.documents import Document
from shared.errors import Unavailable
from tests.changes import documentdb, inserted, state
from tests.conftest import NOT_PRIMARY, Databases
from tests.factories import an_id


@pytest.fixture(scope="session")
def mongo_uri(private_server: str) -> str:
    return private_server


@pytest.fixture(scope="session")
def client(private_server: str) -> Iterator[MongoClient[Document]]:
    with MongoClient[Document](private_server, tz_aware=True) as connected:
        yield connected


class Broken:
    """A standard output that cannot be written to."""

    def write(self, text: str) -> int:
        raise BrokenPipeError

    def flush(self) -> None:
        """Nothing is ever buffered."""


@contextmanager
def refusing(uri: str, namespace: str) -> Iterator[None]:
    """Inside the `with`, the server refuses all writes to that collection."""
    failure = {"failCommands": ["update", "insert", "findAndModify"], "namespace": namespace, "errorCode": NOT_PRIMARY}
    with MongoClient[Document](uri) as admin:
        admin.admin.command({"configureFailPoint": "failCommand", "mode": "alwaysOn", "data": failure})
        try:
            yield
        finally:
            admin.admin.command({"configureFailPoint": "failCommand", "mode": "off"})


def test_a_run_whose_metrics_are_lost_has_been_done(
    deployed: None, store: Any, noon: datetime, monkeypatch: pytest.MonkeyPatch, logged: Any
) -> None:
    handler = import_module("functions.stats.handlers.refresh_content_stats").handler
    monkeypatch.setattr(sys, "stdout", Broken())

    answer = handler({"time": noon.isoformat()}, None)

    monkeypatch.undo()
    assert answer["read"] == 0
    assert [line["message"] for line in logged()] == ["done", "metrics are lost"]


def test_a_change_that_cannot_be_parked_is_delivered_again_and_the_others_are_done(
    deployed: None, store: Any, databases: Databases, mongo_uri: str
) -> None:
    handler = import_module("functions.topics.handlers.classify_content").handler
    store.app.contents.insert_one(state("good"))
    batch = documentdb(inserted("good"), inserted("bad") | {"documentKey": {"_id": {"$oid": "no id"}}})

    with refusing(mongo_uri, databases.analytics.parkedChanges.full_name), pytest.raises(Unavailable):
        handler(batch, None)

    assert databases.app.contentinfo.find_one({"contentId": an_id("good")}), "the other one is annotated"
    assert databases.analytics.parkedChanges.count_documents({}) == 0
    handler(batch, None)
    assert databases.analytics.parkedChanges.count_documents({}) == 1
    assert databases.app.contentinfo.count_documents({}) == 1
