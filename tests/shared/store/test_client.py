"""The connection of a process: its options, its errors, and when it is opened."""

import socket
import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from importlib import import_module

import pytest
from bson.datetime_ms import DatetimeMS
from pymongo.uri_parser import parse_uri

from shared.config import forget_settings, load
from shared.errors import BadConfig, Unavailable
from shared.store import close_store, connect, connection, open_store
from tests.waiting import allowed


@pytest.mark.parametrize(
    "uri",
    ["", "nonsense://host", "mongodb://", "mongodb://h:99999/", "mongodb://h:port/", "mongodb://secret:se@cret@h/"],
)
def test_a_uri_that_cannot_be_read_is_named_but_not_shown(config, uri):
    with pytest.raises(BadConfig, match=r"MONGO_URI cannot be used: \w+$") as caught:
        connect(replace(config, mongo_uri=uri))

    assert caught.value.__suppress_context__, "a log of the context would show the URI"


@pytest.mark.parametrize("name", ["a/b", "a b", "a.b", "$x"])
def test_a_name_that_no_database_can_have_is_refused(config, name):
    with pytest.raises(BadConfig, match="DB_PREFIX, APP_DB or ANALYTICS_DB"):
        connect(replace(config, app_db=name))


def test_writes_wait_for_the_majority_and_are_retried(store):
    options = store.client.options

    assert store.client.write_concern.document == {"w": "majority"}
    assert options.retry_writes
    assert options.retry_reads
    assert options.server_selection_timeout == 5


def test_dates_are_aware_and_a_date_beyond_the_calendar_is_a_value(store):
    store.app.things.insert_one({"_id": 1, "now": datetime(2026, 1, 1, tzinfo=UTC), "far": DatetimeMS(10**15)})

    document = store.app.things.find_one()

    assert document["now"] == datetime(2026, 1, 1, tzinfo=UTC)
    assert int(document["far"]) == 10**15


def test_a_store_is_opened_once_per_process(deployed):
    assert open_store() is open_store()


@pytest.fixture
def nobody_there(monkeypatch):
    """A port on which no server answers, and a short time-out."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    monkeypatch.setattr(connection, "ANSWER_WITHIN_MS", 300)
    monkeypatch.setenv("MONGO_URI", f"mongodb://127.0.0.1:{port}/?replicaSet=x")
    forget_settings()
    close_store()
    yield
    close_store()
    forget_settings()


def test_a_server_that_does_not_answer_is_a_failure_in_time(nobody_there):
    handler = import_module("functions.stats.handlers.refresh_content_stats").handler
    start = time.monotonic()

    with pytest.raises(Unavailable, match="the database does not answer"):
        handler({"time": "2026-01-15T12:00:00Z"}, None)

    assert time.monotonic() - start < allowed(5)


def test_a_function_may_authenticate_by_its_role_in_place_of_a_password():
    configured = load({"MONGO_URI": "mongodb://host/?authMechanism=MONGODB-AWS&authSource=%24external"})

    store = connect(configured)

    options = repr(store.client)
    assert "authmechanism='MONGODB-AWS'" in options
    assert "authsource='$external'" in options
    assert parse_uri(configured.mongo_uri)["password"] is None
    store.client.close()
