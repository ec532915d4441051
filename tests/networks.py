"""Small networks, and options that fit them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from msgspec.structs import replace
from pymongo import MongoClient
from pymongo.database import Database

from functions.coldstart.options import GuestFeedOptions
from functions.feed.options import Members
from local.world import WorldOptions, build_world, write_world
from shared.artifacts import Registry
from shared.artifacts.snapshots import Snapshots
from shared.config import load
from shared.documents import Document
from shared.ranking.options import Coldstart
from shared.store import Store, connect, schema
from tests.conftest import SIGNING_KEY
from tests.factories import account, engagement, post, user, write_users

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)

# Countries th, us and jp. Under these options th and at least one more are ranked better by a model of their own.
THREE_COUNTRIES = WorldOptions(
    users=200, contents=1_000, engagements=8_000, feed_items=8_000, countries=3, with_text=True, seed=13
)
QUICK = replace(
    Coldstart(),
    base_country="th",
    max_positives=2_000,
    max_country_positives=800,
    rounds=20,
    country_rounds=8,
    min_country_queries=10,
    min_country_positives=200,
    candidates=50,
    min_gain_se=0.0,
)
SHORT = GuestFeedOptions(rows_per_country=10)
QUICK_MEMBERS = Members(
    max_positives=3_000, negatives=5, rounds=20, min_queries=10, accounts_per_message=50, refresh_interval_s=0.0
)


@dataclass(frozen=True, slots=True)
class Network:
    """Databases that hold a network, open for a job."""

    store: Store
    registry: Registry
    environment: dict[str, str]

    @property
    def snapshots(self) -> Snapshots:
        return Snapshots(self.store.analytics, load(self.environment).artifact_keys)

    def feed(self, country: str) -> list[Document]:
        return list(self.store.app.guestfeeditems.find({"countryCode": country}).sort("_id", 1))

    def staging(self) -> list[str]:
        return self.store.app.list_collection_names(filter={"name": {"$regex": "^guestfeeditemstemp"}})


ARTIFACTS = (
    schema.COUNTRY_ARTIFACTS,
    schema.GLOBAL_ARTIFACTS,
    schema.MEMBER_ARTIFACTS,
    schema.ACCOUNT_ARTIFACTS,
    schema.ARTIFACT_VERSIONS,
)


def index_artifacts(analytics: Database[Document]) -> None:
    """Create the indexes that promotions rely on; small networks do without the others."""
    for collection in ARTIFACTS:
        analytics[collection.name].create_indexes([index.model() for index in collection.indexes])


def copy_artifacts(source: Database[Document], target: Database[Document]) -> None:
    for collection in ARTIFACTS:
        if documents := list(source[collection.name].find()):
            target[collection.name].insert_many(documents)


@contextmanager
def opened(mongo_uri: str, client: MongoClient[Document]) -> Iterator[Network]:
    """Empty databases, dropped at the end of the `with`."""
    environment = {"MONGO_URI": mongo_uri, "DB_PREFIX": f"n{uuid4().hex[:12]}-", "ARTIFACT_KEYS": SIGNING_KEY}
    config = load(environment)
    store = connect(config)
    index_artifacts(store.analytics)
    try:
        yield Network(store, Registry(store.analytics, config.artifact_keys), environment)
    finally:
        store.client.close()
        for name in (config.app_db, config.analytics_db, f"{environment['DB_PREFIX']}truth"):
            client.drop_database(name)


def write_three_countries(network: Network) -> None:
    world = build_world(THREE_COUNTRIES, now=NOON)
    truth = network.store.client[f"{network.environment['DB_PREFIX']}truth"]
    write_world(world, network.store.app, network.store.analytics, truth)


def write_village(store: Store, *, posts: int = 30) -> None:
    """Posts p0, p1, … of ten authors, an hour apart, the newest first, and readers who like every third post."""
    names = [f"p{number}" for number in range(posts)]
    store.app.contents.insert_many(
        [post(name, now=NOON, age_hours=1 + n, author=f"author {n % 10}") for n, name in enumerate(names)]
    )
    readers = {"thai": "th", "american": "us", "nomad": None}
    store.app.accounts.insert_many([account(f"account of {who}", now=NOON, country=c) for who, c in readers.items()])
    store.app.users.insert_many([user(who, now=NOON) for who in readers])
    write_users(store.app, *(f"author {number}" for number in range(10)), now=NOON)
    store.app.engagements.insert_many(
        [engagement(who, name, at=NOON - HOUR / 2) for who in readers for name in names[::3]]
    )
