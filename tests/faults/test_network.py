"""Faults of the network between a function and its database: stalled, cut, cut under TLS, and no free connection.

A proxy between them passes on bytes until a test stalls or cuts it.
"""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from shared.config import forget_settings
from shared.documents import Document
from shared.errors import Unavailable
from shared.store import Store, close_store
from shared.store.deadline import deadline
from tests.conftest import Databases
from tests.factories import post
from tests.waiting import allowed, until

LEFT_S, PLENTY_S = 4.0, 60.0  # time that Lambda leaves the function
POSTS = 30
FLOWING, STALLED, CUT = "flowing", "stalled", "cut"
FAULTS = [
    *(("plain", state, after) for state in (STALLED, CUT) for after in (0, 3, 8)),
    *(("tls", state, 3) for state in (STALLED, CUT)),
]


class Wire:
    """Passes bytes on between clients and a server; serves `tls` to the clients."""

    def __init__(self, server: tuple[str, int], tls: ssl.SSLContext | None = None) -> None:
        self._server, self._tls = server, tls
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._open: list[socket.socket] = []
        self.state, self._left = FLOWING, -1
        threading.Thread(target=self._accept, daemon=True).start()

    def fails(self, state: str, after: int) -> None:
        """Get into that state, stalled or cut, after so many more answers of the server."""
        self._state_after, self._left = state, after

    def heals(self) -> None:
        """Pass on bytes again; connections that were made before are closed."""
        self.state, self._left = FLOWING, -1
        self._cut()

    def close(self) -> None:
        self._listening.close()
        self._cut()

    def _cut(self) -> None:
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        self._open.clear()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        if self.state == CUT:
            client.close()
            return
        with suppress(OSError):
            if self._tls:
                client = self._tls.wrap_socket(client, server_side=True)
            server = socket.create_connection(self._server)
            self._open += [client, server]
            threading.Thread(target=self._pass, args=(client, server, False), daemon=True).start()
            self._pass(server, client, True)

    def _pass(self, source: socket.socket, target: socket.socket, answers: bool) -> None:
        with suppress(OSError, ValueError):
            while data := source.recv(65_536):
                if answers and self._left >= 0:
                    self._left -= 1
                    if self._left < 0:
                        self.state = self._state_after
                if self.state == CUT:
                    self._cut()  # in the middle of a message
                    return
                if self.state == STALLED:
                    return
                target.sendall(data)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a self-signed certificate of localhost and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    pem, unencrypted = serialization.Encoding.PEM, serialization.NoEncryption()
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, unencrypted)
    file.write_bytes(secret + signed.public_bytes(pem))
    return file


@pytest.fixture
def wire(
    request: pytest.FixtureRequest,
    deployed: None,
    store: Store,
    environment: dict[str, str],
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Wire]:
    """The proxy through which the functions of a test reach the database; the `store` of the test does not use it."""
    tls, query = None, "directConnection=true"
    if request.param == "tls":
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(certificate)
        query += f"&tls=true&tlsCAFile={certificate}"
    address = store.client.address
    assert address is not None
    proxy = Wire(address, tls)
    monkeypatch.setenv("MONGO_URI", f"mongodb://localhost:{proxy.port}/?{query}")
    forget_settings()
    close_store()
    yield proxy
    proxy.heals()
    close_store()  # sends commands to the server, so that the proxy is still needed
    proxy.close()


class Invocation:
    """Lambda's context, as far as a function uses it."""

    aws_request_id = "of a test"

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        return int((self._end - time.monotonic()) * 1_000)


def refresh(at: datetime, left_s: float = PLENTY_S) -> Document:
    handler: Callable[[Any, Any], Document] = import_module("functions.stats.handlers.refresh_content_stats").handler
    return handler({"time": at.isoformat(), "source": "aws.scheduler"}, Invocation(left_s))


@pytest.mark.parametrize(("wire", "state", "after"), FAULTS, indirect=["wire"])
def test_a_job_fails_within_its_time_and_the_next_run_has_the_same_results(
    wire: Wire, store: Store, databases: Databases, snapshot: Callable[[], Any], noon: datetime, state: str, after: int
) -> None:
    store.app.contents.insert_many([post(f"post {number}", now=noon) for number in range(POSTS)])
    refresh(noon)
    undisturbed = snapshot()
    store.analytics.contentStats.delete_many({})
    store.analytics.watermarks.delete_many({})

    wire.fails(state, after)
    began = time.monotonic()
    with pytest.raises(Unavailable, match="the database"):
        refresh(noon, LEFT_S)
    took = time.monotonic() - began
    wire.heals()
    store.analytics.leases.delete_many({})  # as a quarter of an hour later
    refresh(noon)

    assert took < allowed(LEFT_S)
    assert snapshot() == undisturbed


@pytest.mark.parametrize(("wire", "state"), [("plain", STALLED), ("tls", CUT)], indirect=["wire"])
def test_a_change_that_the_network_lost_is_delivered_again(
    wire: Wire, store: Store, noon: datetime, state: str
) -> None:
    handler = import_module("functions.topics.handlers.classify_content").handler
    text = post("post", now=noon)
    store.app.contents.insert_one(text)
    change = {
        "operationType": "insert",
        "ns": {"db": "app-db", "coll": "contents"},
        "documentKey": {"_id": {"$oid": str(text["_id"])}},
    }
    event = {"detail-type": "MongoDB Database Trigger for app-db.contents", "detail": change}
    handler(event, Invocation(PLENTY_S))
    store.app.contentinfo.delete_many({})

    wire.fails(state, 1)
    began = time.monotonic()
    with pytest.raises(Unavailable):
        handler(event, Invocation(LEFT_S))
    took = time.monotonic() - began
    wire.heals()
    assert not store.analytics.parkedChanges.find_one(), "its source delivers it again"
    handler(event, Invocation(PLENTY_S))

    assert took < allowed(LEFT_S)
    assert store.app.contentinfo.count_documents({"contentId": text["_id"]}) == 1


def test_a_read_without_a_free_connection_does_not_wait_for_ever(
    deployed: None, store: Store, databases: Databases
) -> None:
    """All connections of the pool are in use, by reads that take longer than there is time."""
    store.app.contents.insert_one(post("post", now=datetime.now(UTC)))
    size = int(store.client.options.pool_options.max_pool_size)
    slow = {"$where": f"sleep({1_000 * allowed(4.0):.0f}) || true"}

    with ThreadPoolExecutor(size) as threads:
        for _ in range(size):
            threads.submit(lambda: list(store.app.contents.find(slow)))
        until(lambda: running(databases) == size)
        began = time.monotonic()
        with pytest.raises(Exception, match="time") as failure, deadline(1.0):
            store.app.contents.find_one()
        took = time.monotonic() - began

    assert type(failure.value).__module__.startswith("pymongo")
    assert took < allowed(2.0)


def running(databases: Databases) -> int:
    """How many of those reads are running on the server."""
    reads = {"ns": f"{databases.app.name}.contents", "active": True}
    return len(list(databases.app.client.admin.aggregate([{"$currentOp": {}}, {"$match": reads}])))


@pytest.mark.parametrize("wire", ["plain"], indirect=True)
def test_a_network_that_is_stalled_from_the_beginning_is_reported_in_time(wire: Wire, noon: datetime) -> None:
    wire.state = STALLED
    began = time.monotonic()

    with pytest.raises(Unavailable, match="does not answer"):
        refresh(noon, LEFT_S)

    assert time.monotonic() - began < allowed(LEFT_S)
