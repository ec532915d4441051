"""A network that tests only read, with its models and its feed, and a small network for each test that writes."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest
from bson import ObjectId
from msgspec.structs import replace
from pymongo import MongoClient

from functions.coldstart import build_guest_feed, train_coldstart
from shared.artifacts import Registry
from shared.config import load
from shared.countries import COUNTRIES, GLOBAL_PARTITION
from shared.documents import Document
from shared.ranking.counters import Counters
from shared.ranking.history import History, read_history
from shared.report import Report
from tests.networks import (
    NOON,
    QUICK,
    SHORT,
    Network,
    index_artifacts,
    opened,
    write_three_countries,
    write_village,
)

Build = Callable[..., Report]
PARTITIONS = sorted([*COUNTRIES, GLOBAL_PARTITION])


def contents(rows: list[Document]) -> list[ObjectId]:
    """The posts of rows of the guest feed."""
    return [row["content"] for row in rows]


def every_row(network: Network) -> list[Document]:
    """All rows of the live guest feed, in the order of their ids."""
    return list(network.store.app.guestfeeditems.find().sort("_id", 1))


@pytest.fixture(scope="session")
def world(mongo_uri: str, client: MongoClient[Document]) -> Iterator[Network]:
    """Three countries with models of their own and a published feed; to be read only."""
    with opened(mongo_uri, client) as network:
        write_three_countries(network)
        train_coldstart.run(network.store, network.registry, QUICK, now=NOON)
        build_guest_feed.run(network.store, network.registry, SHORT, QUICK, now=NOON)
        yield network


@pytest.fixture(scope="session")
def history(world: Network) -> History:
    return read_history(world.store, QUICK, now=NOON, with_exposures=True)


@pytest.fixture(scope="session")
def counters(history: History) -> Counters:
    return Counters(history)


@pytest.fixture
def fresh(world: Network, client: MongoClient[Document]) -> Iterator[Registry]:
    """A registry without models, for training on the shared world."""
    name = f"r{uuid4().hex[:12]}"
    index_artifacts(client[name])
    yield Registry(client[name], load(world.environment).artifact_keys)
    client.drop_database(name)


@pytest.fixture
def village(mongo_uri: str, client: MongoClient[Document]) -> Iterator[Network]:
    """Thirty posts, three readers, no models."""
    with opened(mongo_uri, client) as network:
        write_village(network.store)
        yield network


@pytest.fixture
def build(village: Network) -> Build:
    """Build the village's feed; keywords are options of the feed."""

    def run(*, now: datetime = NOON, **options: Any) -> Report:
        feed_options = replace(SHORT, **options)
        return build_guest_feed.run(village.store, village.registry, feed_options, QUICK, now=now)

    return run
