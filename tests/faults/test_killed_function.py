"""F11: a function that is killed at its time-out in the middle of its work, from its package, under Lambda's client."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from layers.build import build_all
from local.sandbox import TIMED_OUT, Sandbox, python_of_the_runtime, unpack
from shared.store import Store
from tests.conftest import NOT_PRIMARY, Document
from tests.contract.conftest import Deployment, deployment
from tests.factories import an_id, post

__all__ = ["deployment"]

POSTS, BATCH, DONE = 100, 10, 9  # of ten batches, nine are written
TIMEOUT_S = 8.0


@pytest.fixture(scope="session")
def mongo_uri(private_server: str) -> str:
    return private_server


@pytest.fixture(scope="session")
def client(private_server: str) -> Iterator[MongoClient[Document]]:
    with MongoClient[Document](private_server, tz_aware=True) as connected:
        yield connected


@contextmanager
def falling_silent(uri: str, namespace: str, after: int) -> Iterator[None]:
    """The database does not answer updates of that collection any more, after so many of them."""
    # The code is for what hangs when this ends: it must not be written after all.
    what: Document = {"failCommands": ["update"], "namespace": namespace, "errorCode": NOT_PRIMARY}
    what |= {"blockConnection": True, "blockTimeMS": 60_000}
    with MongoClient[Document](uri) as admin:
        admin.admin.command({"configureFailPoint": "failCommand", "mode": {"skip": after}, "data": what})
        try:
            yield
        finally:
            admin.admin.command({"configureFailPoint": "failCommand", "mode": "off"})


def test_a_run_that_is_killed_at_nine_tenths_is_finished_by_the_next_and_nothing_is_done_twice(
    deployment: Deployment, store: Store, environment: dict[str, str], noon: datetime, tmp_path: Path
) -> None:
    texts = [post(f"post {number}", now=noon) for number in range(POSTS)]
    store.app.contents.insert_many(texts)
    given = environment | {"FEEDKEEPER_OPTIONS": f'{{"topics": {{"batch": {BATCH}}}}}', "LOG_LEVEL": "WARNING"}
    layers = build_all(python_of_the_runtime())
    shipped = replace(unpack("reclassifyContents", deployment.folder, tmp_path, layers, given), timeout=TIMEOUT_S)
    info = store.app.contentinfo

    with Sandbox(shipped, tmp_path / "log") as sandbox:
        with falling_silent(environment["MONGO_URI"], info.full_name, DONE):
            killed = sandbox.invoke(tick(noon))
        before = described(info)
        store.analytics.leases.delete_many({})  # a quarter of an hour later
        finished = sandbox.invoke(tick(noon + timedelta(minutes=20)))

    assert killed.error == TIMED_OUT
    assert TIMEOUT_S <= killed.seconds < TIMEOUT_S + 2
    assert len(before) == DONE * BATCH
    assert finished.answer["written"] == POSTS - DONE * BATCH, (tmp_path / "log").read_text()
    after = described(info)
    assert {one: after[one] for one in before} == before
    assert after.keys() == {an_id(f"post {number}") for number in range(POSTS)}


def tick(at: datetime) -> Document:
    return {"time": at.isoformat()}


def described(info: Any) -> dict[Any, datetime]:
    """When each post was described."""
    return {row["contentId"]: row["updatedAt"] for row in info.find({}, {"contentId": 1, "updatedAt": 1})}
