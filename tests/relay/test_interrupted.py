"""A database that refuses the relay's commands for a while: no change is lost, and the relay goes on by itself. On a
server of its own."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient

from relay.meter import logger
from tests.factories import an_id, post
from tests.relay.conftest import Receiver, position_of
from tests.waiting import allowed, until

CODES = {"ShutdownInProgress": 91, "NotWritablePrimary": 10107, "PrimarySteppedDown": 189, "Unauthorized": 13}
each_code = pytest.mark.parametrize("code", CODES.values(), ids=CODES)


@pytest.fixture(scope="module")
def mongo_uri(private_server: str) -> str:
    """Checked so often that a server that announced its shutdown, and did not shut down, is soon used again."""
    return f"{private_server}&heartbeatFrequencyMS=500"


@pytest.fixture(scope="module")
def client(private_server: str) -> Iterator[MongoClient[dict[str, Any]]]:
    with MongoClient[dict[str, Any]](private_server, tz_aware=True) as connected:
        yield connected


@pytest.fixture
def application(client, config):
    """The application's posts, by a client that is not made to fail."""
    return client[config.app_db].contents


@pytest.fixture
def interrupted(monkeypatch):
    """The reason for each time that the relay had to begin again."""
    reasons: list[str] = []
    warning = logger.warning
    monkeypatch.setattr(
        logger,
        "warning",
        lambda message, **more: (
            reasons.append(more["reason"]) if message == "interrupted" else warning(message, **more)
        ),
    )
    return reasons


@each_code
@pytest.mark.parametrize("commands", [["getMore"], ["aggregate", "getMore"], ["update", "findAndModify"]], ids="+".join)
def test_what_changes_while_the_database_refuses_is_sent_afterwards(
    store, follow, failing, application, noon, interrupted, commands, code
):
    receiver = Receiver()
    with follow(receiver, lease_s=30.0, batch=5):
        application.insert_one(post("before", now=noon))
        until(lambda: receiver.of(an_id("before")))
        with failing(*commands, code=code):
            application.insert_many([post(f"post {number}", now=noon) for number in range(12)])
            until(lambda: interrupted or len(receiver.changes) == 13)
        until(lambda: all(receiver.of(an_id(f"post {number}")) for number in range(12)), 5)
        until(lambda: position_of(store).get("sent", 0) >= 13)

    times = [change["clusterTime"] for change in receiver.changes]
    first = {change["documentKey"]["_id"]: change["clusterTime"] for change in reversed(receiver.changes)}
    assert len(first) == 13
    assert sorted(set(times)) == sorted(first.values()), "a batch may come twice, none is made up"


@each_code
def test_its_own_lease_is_taken_again_at_once(store, follow, failing, application, noon, interrupted, code):
    """Even one that could not be given back, and would hold for minutes."""
    receiver = Receiver()
    with follow(receiver, lease_s=600.0):
        holder = store.analytics.leases.find_one({"_id": "relay contents"})["holder"]
        with failing("aggregate", "getMore", "delete", code=code):
            application.insert_one(post("meanwhile", now=noon))
            until(lambda: interrupted)
        ended = time.monotonic()
        until(lambda: receiver.of(an_id("meanwhile")))
        assert time.monotonic() - ended < allowed(5)
        assert store.analytics.leases.find_one({"_id": "relay contents"})["holder"] == holder


def test_what_cannot_be_noted_is_sent_again_and_what_cannot_be_parked_is_not_passed_over(
    store, follow, failing, application, noon, interrupted
):
    receiver = Receiver(refuses=lambda event: "poison" in event.text)
    with follow(receiver, lease_s=30.0) as follower:
        with failing("update", code=CODES["Unauthorized"]):
            application.insert_one(post("poison", now=noon))
            application.insert_one(post("sound", now=noon))
            until(lambda: len(interrupted) >= 2)
            assert store.analytics.parkedChanges.count_documents({}) == 0
            assert position_of(store).get("sent", 0) == 0
        until(lambda: position_of(store).get("sent", 0) >= 2)
        assert follower.meter.parked == store.analytics.parkedChanges.count_documents({}) == 1

    assert receiver.of(an_id("sound"))


def test_told_to_stop_while_the_database_refuses_everything_it_ends(store, follow, failing, interrupted):
    everything = ("aggregate", "getMore", "find", "update", "findAndModify", "delete")
    with follow(Receiver()):
        pass

    with failing(*everything, code=CODES["Unauthorized"]):
        with follow(Receiver(), wait=False):
            until(lambda: len(interrupted) >= 2)
            asked = time.monotonic()
        assert time.monotonic() - asked < allowed(5)
