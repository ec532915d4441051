"""A function, as Lambda runs it, that is killed in the middle of its work, or whose database stops answering."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from layers.build import build_all
from local.sandbox import EXITED, Outcome, Sandbox, Shipped, python_of_the_runtime, unpack
from local.waiting import slowness
from shared.documents import Document
from shared.store import Store
from tests.conftest import falling_silent
from tests.contract.conftest import Deployment, deployment
from tests.factories import an_id, post
from tests.waiting import allowed, until

__all__ = ["deployment"]

POSTS, BATCH, DONE = 100, 10, 9  # posts, posts of a batch, and batches that are written before the fault
TIMEOUT_S = 8.0


@pytest.fixture(scope="session")
def mongo_uri(private_server: str) -> str:
    return private_server


@pytest.fixture(scope="session")
def client(private_server: str) -> Iterator[MongoClient[Document]]:
    with MongoClient[Document](private_server, tz_aware=True) as connected:
        yield connected


@pytest.fixture
def shipped(
    deployment: Deployment, store: Store, environment: dict[str, str], noon: datetime, tmp_path: Path
) -> Shipped:
    """The function that annotates posts, in ten batches."""
    store.app.contents.insert_many([post(f"post {number}", now=noon) for number in range(POSTS)])
    variables = environment | {"FEEDKEEPER_OPTIONS": f'{{"topics": {{"batch": {BATCH}}}}}', "LOG_LEVEL": "WARNING"}
    layers = build_all(python_of_the_runtime())
    shipped = unpack("reclassifyContents", deployment.folder, tmp_path, layers, variables, slowness=slowness())
    return replace(shipped, timeout=allowed(TIMEOUT_S))


def test_a_run_that_is_killed_at_nine_tenths_is_finished_by_the_next_and_nothing_is_done_twice(
    shipped: Shipped, store: Store, environment: dict[str, str], noon: datetime, tmp_path: Path
) -> None:
    info = store.app.contentinfo
    with Sandbox(replace(shipped, timeout=allowed(60.0)), tmp_path / "log") as sandbox, ThreadPoolExecutor(1) as thread:
        with falling_silent(environment["MONGO_URI"], "update", after=DONE, namespace=info.full_name):
            running = thread.submit(sandbox.invoke, tick(noon))
            until(lambda: len(annotated(info)) == DONE * BATCH)
            sandbox.kill()  # as Lambda does at the time-out
            killed = running.result()
        before = annotated(info)
        store.analytics.leases.delete_many({})  # as a quarter of an hour later
        finished = sandbox.invoke(tick(noon + timedelta(minutes=20)))

    assert killed.error == EXITED
    nothing_is_done_twice(info, before, finished)


def test_a_run_whose_database_stops_answering_ends_before_it_is_killed_and_blocks_no_other(
    shipped: Shipped, store: Store, environment: dict[str, str], noon: datetime, tmp_path: Path
) -> None:
    info = store.app.contentinfo
    with Sandbox(shipped, tmp_path / "log") as sandbox:
        with falling_silent(environment["MONGO_URI"], "update", after=DONE, namespace=info.full_name):
            ended = sandbox.invoke(tick(noon))
        before = annotated(info)
        finished = sandbox.invoke(tick(noon + timedelta(minutes=1)))

    assert ended.error == "Unavailable"
    assert ended.seconds < shipped.timeout
    nothing_is_done_twice(info, before, finished)


def nothing_is_done_twice(info: Any, before: dict[Any, datetime], finished: Outcome) -> None:
    assert len(before) == DONE * BATCH
    assert finished.answer["written"] == POSTS - DONE * BATCH, finished.error
    after = annotated(info)
    assert {post: after[post] for post in before} == before
    assert after.keys() == {an_id(f"post {number}") for number in range(POSTS)}


def tick(at: datetime) -> Document:
    return {"time": at.isoformat()}


def annotated(info: Any) -> dict[Any, datetime]:
    """When each post was annotated."""
    return {row["contentId"]: row["updatedAt"] for row in info.find({}, {"contentId": 1, "updatedAt": 1})}
