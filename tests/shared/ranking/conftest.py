"""A network of three countries that tests only read."""

from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient

from shared.ranking.counters import Counters
from shared.ranking.history import History, read_history
from tests.networks import NOON, QUICK, opened, write_three_countries


@pytest.fixture(scope="session")
def history(mongo_uri: str, client: MongoClient[dict[str, Any]]) -> Iterator[History]:
    """With exposures."""
    with opened(mongo_uri, client) as network:
        write_three_countries(network)
        yield read_history(network.store, QUICK, now=NOON, with_exposures=True)


@pytest.fixture(scope="session")
def counters(history: History) -> Counters:
    return Counters(history)
