"""One real MongoDB for the whole run, a pair of databases for every test."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from local.mongod import mongo_server
from shared.config import Settings, load
from shared.store import Store, connect, schema

Document = dict[str, Any]
Snapshot = Callable[[], dict[str, list[Document]]]

SIGNING_KEY = "a key of the tests, and of nothing else"
_servers = ExitStack()
_uri: list[str] = []


def _server_uri() -> str:
    if not _uri:
        _uri.append(_servers.enter_context(mongo_server()))
    return _uri[0]


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell each worker of a parallel run where the one server is."""
    node.workerinput["mongo_uri"] = _server_uri()


def pytest_unconfigure() -> None:
    """Stop the server with the run that started it."""
    _servers.close()


@pytest.fixture(scope="session")
def mongo_uri(request: pytest.FixtureRequest) -> str:
    """The server of this run; started by the first test that asks when the run is not parallel."""
    given = getattr(request.config, "workerinput", None)
    return str(given["mongo_uri"]) if given else _server_uri()


@pytest.fixture(scope="session")
def client(mongo_uri: str) -> Iterator[MongoClient[Document]]:
    with MongoClient[Document](mongo_uri, tz_aware=True) as connected:
        yield connected


@dataclass(frozen=True, slots=True)
class Databases:
    """The databases of one test."""

    app: Database[Document]
    analytics: Database[Document]
    truth: Database[Document]


@pytest.fixture
def environment(mongo_uri: str) -> dict[str, str]:
    """What a deployment would set, with a prefix of this test's own."""
    return {"MONGO_URI": mongo_uri, "DB_PREFIX": f"t{uuid4().hex[:12]}-", "ARTIFACT_KEYS": SIGNING_KEY}


@pytest.fixture
def chosen(environment: dict[str, str]) -> Settings:
    return load(environment)


@pytest.fixture
def databases(client: MongoClient[Document], chosen: Settings, environment: dict[str, str]) -> Iterator[Databases]:
    """Empty databases, dropped afterwards."""
    truth = environment["DB_PREFIX"] + "eval-db"
    yield Databases(client[chosen.app_db], client[chosen.analytics_db], client[truth])
    for name in (chosen.app_db, chosen.analytics_db, truth):
        client.drop_database(name)


@pytest.fixture
def store(chosen: Settings, databases: Databases) -> Iterator[Store]:
    """The store of this test, with every index of the schema."""
    opened = connect(chosen)
    schema.apply(opened.app, opened.analytics)
    yield opened
    opened.client.close()


@pytest.fixture
def noon() -> datetime:
    return datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
def snapshot(databases: Databases) -> Snapshot:
    """Every document of both databases, but for leases."""

    def take() -> dict[str, list[Document]]:
        return {
            f"{database.name}.{name}": list(database[name].find().sort("_id", 1))
            for database in (databases.app, databases.analytics)
            for name in sorted(database.list_collection_names())
            if name != schema.LEASES.name
        }

    return take
