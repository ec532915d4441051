"""A world with the models of its countries and accounts, and small networks for tests that write."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from pymongo import MongoClient

from functions.coldstart import train_coldstart
from functions.feed import plan_personal_training, refresh_catalogue, train_members, train_personal
from functions.feed.feed_ranker import FeedRanker
from tests.networks import NOON, QUICK, QUICK_MEMBERS, Network, opened, write_three_countries, write_village


def train_everything(network: Network) -> list[dict[str, Any]]:
    """Run the functions one after the other; returns the messages that were queued."""
    store, registry = network.store, network.registry
    train_coldstart.run(store, registry, QUICK, now=NOON)
    refresh_catalogue.run(store, registry, network.snapshots, QUICK, QUICK_MEMBERS, now=NOON)
    train_members.run(store, registry, QUICK, QUICK_MEMBERS, now=NOON)
    return train_accounts(network)


def train_accounts(network: Network, now: datetime = NOON) -> list[dict[str, Any]]:
    """Plan, and train the queued accounts from the network as of now; returns the messages."""
    messages: list[Any] = []
    plan_personal_training.run(network.store, network.registry, messages.extend, QUICK_MEMBERS, QUICK, now=now)
    train_personal.forget()
    trainer = train_personal.open_trainer(network.store, network.registry, QUICK, QUICK_MEMBERS, now=now)
    for message in messages:
        accounts = message["accounts"]
        train_personal.run(network.store, trainer, network.registry, QUICK, QUICK_MEMBERS, accounts, now=now)
    return messages


def feed_ranker_of(network: Network) -> FeedRanker:
    return FeedRanker(network.store, network.registry, network.snapshots, QUICK_MEMBERS)


@pytest.fixture(scope="session")
def world(mongo_uri: str, client: MongoClient[dict[str, Any]]) -> Iterator[Network]:
    """Three countries with every model; to be read only."""
    with opened(mongo_uri, client) as network:
        write_three_countries(network)
        train_everything(network)
        yield network


@pytest.fixture
def village(mongo_uri: str, client: MongoClient[dict[str, Any]]) -> Iterator[Network]:
    """Thirty posts, three readers, no models."""
    with opened(mongo_uri, client) as network:
        write_village(network.store)
        yield network


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    """Drop the trainer after each test, so that none uses the network of another."""
    yield
    train_personal.forget()
