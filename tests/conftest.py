"""One real MongoDB for the whole run, a pair of databases for every test."""

import io
import json
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import PyMongoError

from local.mongod import mongo_server
from shared.config import HERE, Settings, forget_settings, load
from shared.documents import Document
from shared.runtime import log, queue, recording
from shared.store import Store, close_store, connect, schema
from shared.store.job_runs import MAX_PAGE, JobRun
from tests.waiting import allowed

Snapshot = Callable[[], dict[str, list[Document]]]
Failing = Callable[..., AbstractContextManager[None]]

OF_RUNS = {schema.LEASES.name, schema.JOB_RUNS.name}  # collections that differ after a run that changed nothing
NOT_PRIMARY = 10107
NEED_DATABASE = {"mongo_uri", "private_server"}  # fixtures, asked for directly or by others

DATABASES = ("app-db", "analytics-db", "eval-db")
SIGNING_KEY = "a key of the tests, and of nothing else"
API_KEY = "a key of the tests for tokens and of nothing else"
_servers = ExitStack()
_uri: list[str] = []
_kept: dict[str, str] = {}  # prefix of the databases that are kept from test to test, by server
_whole: dict[str, bool] = {}  # whether a pair of databases has every index, by name of the application's


def _server_uri() -> str:
    if not _uri:
        server = mongo_server(cache_gb=0.25, checkpoint_s=15, on_start=_keep_old_documents)
        _uri.append(_servers.enter_context(server))
    return _uri[0]


def _keep_old_documents(uri: str) -> None:
    """Let an embedded server keep documents of any age: most tests have old ones. A server of MONGO_URI is not changed:
    `on_start` is called with the URI of one that has been started alone."""
    with MongoClient[Document](uri) as admin:
        admin.admin.command("setParameter", 1, ttlMonitorEnabled=False)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-database", action="store_true", help="leave out tests that need MongoDB")
    parser.addoption("--rewrite-golden", action="store_true", help="write the golden files anew; then read the diff")


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Give each worker of a parallel run the address of the server."""
    if not node.config.getoption("--no-database"):
        node.workerinput["mongo_uri"] = _server_uri()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With `--no-database`, leave out every test that asks for the server, itself or by a fixture."""
    if config.getoption("--no-database"):
        without = [item for item in items if not NEED_DATABASE & set(getattr(item, "fixturenames", ()))]
        config.hook.pytest_deselected(items=[item for item in items if item not in without])
        items[:] = without


def pytest_unconfigure() -> None:
    """Stop the server with the run that started it."""
    _servers.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """End the run where its server is gone: every test after that would only wait for it until a time-out."""
    report = yield
    uri = getattr(item.config, "workerinput", {}).get("mongo_uri") or next(iter(_uri), None)
    if report.failed and uri:
        try:
            with MongoClient[Document](uri, serverSelectionTimeoutMS=int(1_000 * allowed(10))) as reached:
                reached.admin.command("ping")
        except PyMongoError as error:
            item.session.shouldstop = f"the MongoDB of the tests is gone, found out after {item.nodeid}: {error}"
    return report


@pytest.fixture(scope="session")
def mongo_uri(request: pytest.FixtureRequest) -> str:
    """The server of this run; in a run that is not parallel the first test that needs it starts it."""
    worker_input = getattr(request.config, "workerinput", None)
    return str(worker_input["mongo_uri"]) if worker_input else _server_uri()


@pytest.fixture(scope="session")
def client(mongo_uri: str) -> Iterator[MongoClient[Document]]:
    with MongoClient[Document](mongo_uri, tz_aware=True) as connected:
        yield connected
        if mongo_uri in _kept:
            for part in DATABASES:
                connected.drop_database(_kept[mongo_uri] + part)


@dataclass(frozen=True, slots=True)
class Databases:
    """The databases of one test."""

    app: Database[Document]
    analytics: Database[Document]
    truth: Database[Document]


@pytest.fixture
def environment(mongo_uri: str, request: pytest.FixtureRequest) -> dict[str, str]:
    """The environment variables of a deployment, with a prefix of databases that no other test uses at the same time.

    Creating every index takes longer than most tests do. So a test with a `store` gets databases that its worker keeps
    from test to test, empty and with their indexes; any other test gets a pair of its own.
    """
    prefix = f"t{uuid4().hex[:12]}-"
    if "store" in request.fixturenames:
        prefix = _kept.setdefault(mongo_uri, prefix)
    return {
        "MONGO_URI": mongo_uri,
        "DB_PREFIX": prefix,
        "ARTIFACT_KEYS": SIGNING_KEY,
        "TRAINING_QUEUE": HERE,
        "EVERY_FUNCTION": HERE,
        "API_KEYS": API_KEY,
    }


@pytest.fixture
def config(environment: dict[str, str]) -> Settings:
    return load(environment)


@pytest.fixture
def databases(client: MongoClient[Document], config: Settings, environment: dict[str, str]) -> Iterator[Databases]:
    """Empty databases, empty again or dropped afterwards."""
    truth = environment["DB_PREFIX"] + "eval-db"
    pair = Databases(client[config.app_db], client[config.analytics_db], client[truth])
    yield pair
    if environment["DB_PREFIX"] in _kept.values():
        _whole[config.app_db] = empty(pair)
    else:
        for name in (config.app_db, config.analytics_db, truth):
            client.drop_database(name)


def empty(databases: Databases) -> bool:
    """Delete all documents, and every collection whose indexes are not those of the schema. Returns whether every
    collection with indexes was there and still is.

    Needs few commands where a test has written little: most tests touch a few collections out of many.
    """
    parts = zip((databases.app, databases.analytics, databases.truth), ("app", "analytics", "truth"), strict=True)
    whole = [_empty(database, kind) for database, kind in parts]
    return all(whole)


def _empty(database: Database[Document], kind: str) -> bool:
    """Empty one database.

    kind  its name in the schema
    """
    indexes = {item.name: len(item.indexes) + 1 for item in schema.COLLECTIONS if item.database == kind}
    names, stats = database.list_collection_names(), database.command("dbStats")
    if set(names) <= indexes.keys() and stats["indexes"] == sum(indexes[name] for name in names):
        if stats["objects"]:
            for name in _filled(database, names):
                database[name].delete_many({})
        return all(name in names for name, count in indexes.items() if count > 1)
    database.command("profile", 0)
    for name in names:
        if len(database[name].index_information()) == indexes.get(name):
            database[name].delete_many({})
        else:
            database[name].drop()
    return False


def _filled(database: Database[Document], names: list[str]) -> list[str]:
    """The collections that have documents."""

    def first(name: str) -> list[Document]:
        return [{"$limit": 1}, {"$project": {"_id": 0, "of": {"$literal": name}}}]

    unions = [{"$unionWith": {"coll": name, "pipeline": first(name)}} for name in names[1:]]
    return [row["of"] for row in database[names[0]].aggregate([*first(names[0]), *unions])]


@pytest.fixture
def store(config: Settings, databases: Databases) -> Iterator[Store]:
    """The store of this test, with every index of the schema."""
    opened = connect(config)
    if not _whole.get(config.app_db):
        schema.apply(opened.app, opened.analytics)
    yield opened
    opened.client.close()


@pytest.fixture
def noon() -> datetime:
    return datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
def snapshot(databases: Databases) -> Snapshot:
    """Every document of both databases, except those of the runs themselves."""

    def take() -> dict[str, list[Document]]:
        return {
            f"{database.name}.{name}": list(database[name].find().sort("_id", 1))
            for database in (databases.app, databases.analytics)
            for name in sorted(database.list_collection_names())
            if name not in OF_RUNS
        }

    return take


@pytest.fixture(scope="session")
def private_server() -> Iterator[str]:
    """A server of this worker alone, so that it may be made to fail; a module uses it by a `mongo_uri` of its own."""
    with mongo_server(private=True, cache_gb=0.25) as uri:
        yield uri


@pytest.fixture
def failing(private_server: str) -> Iterator[Failing]:
    """Inside a `with`, makes the private server refuse these commands of our clients: all, or the first `times`."""
    with MongoClient[Document](private_server) as admin:

        @contextmanager
        def refuse(*commands: str, code: int = NOT_PRIMARY, times: int | None = None) -> Iterator[None]:
            data = {"failCommands": list(commands), "errorCode": code, "appName": "feedkeeper"}
            mode = {"times": times} if times else "alwaysOn"
            admin.admin.command({"configureFailPoint": "failCommand", "mode": mode, "data": data})
            try:
                yield
            finally:
                admin.admin.command({"configureFailPoint": "failCommand", "mode": "off"})

        yield refuse


@contextmanager
def falling_silent(uri: str, *commands: str, after: int = 0, namespace: str | None = None) -> Iterator[None]:
    """Inside the `with`, the server at `uri` does not answer these commands of Feedkeeper's clients.

    after      number of commands that it still answers
    namespace  to which this is restricted

    Commands that still wait for an answer at the end are killed without effect.
    """
    data: Document = {"failCommands": list(commands), "appName": "feedkeeper"}
    data |= {"blockConnection": True, "blockTimeMS": 60_000, "errorCode": NOT_PRIMARY}
    data |= {"namespace": namespace} if namespace else {}
    is_command = [{f"command.{name}": {"$exists": 1}} for name in commands]
    waiting = {"appName": "feedkeeper", "active": True, "$or": is_command}
    with MongoClient[Document](uri) as admin:
        admin.admin.command({"configureFailPoint": "failCommand", "mode": {"skip": after}, "data": data})
        try:
            yield
        finally:
            # The server does not turn the fail point off before all blocked commands have ended.
            for operation in admin.admin.aggregate([{"$currentOp": {}}, {"$match": waiting}]):
                admin.admin.command("killOp", op=operation["opid"])
            admin.admin.command({"configureFailPoint": "failCommand", "mode": "off"})


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[Document]]:
    """The lines that the functions' logger has written since the test began."""
    written = io.StringIO()
    monkeypatch.setattr(log.logger.registered_handler, "stream", written)
    return lambda: [json.loads(line) for line in written.getvalue().splitlines()]


@pytest.fixture
def deployed(environment: dict[str, str], databases: Databases, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The environment of a deployment on the databases of this test, for real handlers."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    forget_settings()
    close_store()
    queue.waiting.clear()
    yield
    close_store()
    forget_settings()


@pytest.fixture(autouse=True)
def unrecorded(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs are not recorded but where a test asks for `recorded`: what a run leaves is then what its job wrote."""
    if "recorded" not in request.fixturenames:
        monkeypatch.setattr(recording, "record", lambda run: None)


@pytest.fixture
def recorded(deployed: None, store: Store, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[JobRun]]:
    """The runs of this test's functions, the oldest first: each is written as it ends, sums too."""
    monkeypatch.setattr(recording, "sums", recording.Sums())
    monkeypatch.setattr(recording, "WRITE_EVERY_S", 0.0)
    monkeypatch.setattr(recording, "FAILED_AFTER_S", 0.0)
    monkeypatch.setattr(recording, "start", lambda write: write())
    return lambda: store.job_runs.newest(MAX_PAGE)[::-1]


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, Any], None]:
    """Compares a value with a file of tests/golden, which only `--rewrite-golden` changes."""

    def compare(name: str, value: Any) -> None:
        file = Path(__file__).parent / "golden" / f"{name}.json"
        text = json.dumps(value, indent=1, default=str, ensure_ascii=False, sort_keys=True) + "\n"
        if request.config.getoption("--rewrite-golden"):
            file.write_text(text)
        assert json.loads(text) == json.loads(file.read_text())

    return compare
