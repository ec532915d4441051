"""The primary steps down while changes are processed."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import AutoReconnect

from local.mongod import mongo_server
from relay.follow import Follower
from relay.sinks import sink
from relay.watched import watched
from shared.runtime.options import Relay
from tests.faults.writers import Writer, caught_up, differences
from tests.relay.conftest import has_sent, position_of
from tests.waiting import allowed, until

STEPS_DOWN = 3


@pytest.fixture(scope="module")
def mongo_uri() -> Iterator[str]:
    """A replica set of three nodes."""
    with mongo_server(private=True, cache_gb=0.25, nodes=3) as uri:
        yield uri


@pytest.fixture(scope="module")
def client(mongo_uri: str) -> Iterator[MongoClient[dict[str, Any]]]:
    with MongoClient[dict[str, Any]](mongo_uri, tz_aware=True) as connected:
        yield connected


def test_posts_that_are_written_while_the_primary_steps_down_are_annotated(prepared, client):
    stop, contents = threading.Event(), watched()[0]
    follower = Follower(prepared, contents, sink("here", contents), Relay(batch=16, heartbeat_s=0.2), stop)
    thread = threading.Thread(target=follower.run)
    thread.start()
    try:
        until(lambda: position_of(prepared).get("token"))
        with Writer(prepared, seed=2) as writer:
            for _ in range(STEPS_DOWN):
                until(has_sent(prepared, 20), 60.0)
                with suppress(AutoReconnect):  # the old primary may close the connection before it answers
                    client.admin.command("replSetStepDown", 3, secondaryCatchUpPeriodSecs=1, force=True)
        assert caught_up(prepared)
        assert differences(prepared, writer.posts) == []
        assert follower.meter.parked == 0
    finally:
        stop.set()
        thread.join(allowed(30))
    assert not thread.is_alive()
