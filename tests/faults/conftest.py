"""Fixtures of several tests here: a database as it is deployed, credentials with labels, and the relay in a thread."""

import numpy as np
import pytest

from shared.artifacts import Registry
from shared.store import Store, open_store, schema
from tests.bots.conftest import Town, extract, is_bot, judge, like_a_bot, like_a_person, names, readings, train
from tests.conftest import SIGNING_KEY
from tests.relay.conftest import follow

__all__ = ["follow"]


@pytest.fixture
def prepared(deployed: None) -> Store:
    """The store that the real handlers use, with every index."""
    store = open_store()
    schema.apply(store.app, store.analytics)
    return store


@pytest.fixture
def labelled(store: Store) -> Town:
    """The credentials of 12 bots and 20 people, all of them labelled, and a live detector."""
    rng = np.random.default_rng(3)
    everybody = names(12, 20)
    for name in everybody:
        store.app.feeditems.insert_many(readings(name, *(like_a_bot if is_bot(name) else like_a_person)(rng)))
    extract(store)
    judge(store, *everybody)
    town = Town(store, Registry(store.analytics, [SIGNING_KEY.encode()]), everybody)
    assert train(town).written == 1
    return town
