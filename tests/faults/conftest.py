"""What the tests of changes use: the relay in a thread, and a database as it is deployed."""

import pytest

from shared.store import Store, open_store, schema
from tests.relay.conftest import follow

__all__ = ["follow"]


@pytest.fixture
def prepared(deployed: None) -> Store:
    """The store that the real handlers use, with every index."""
    store = open_store()
    schema.apply(store.app, store.analytics)
    return store
