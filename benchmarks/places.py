"""Demo networks to measure on: databases of their own on one server, gone afterwards."""

import platform
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from os import cpu_count, getloadavg, sysconf
from pathlib import Path
from secrets import token_hex

from pymongo.database import Database

from functions.bots import extract_reading_features, sweep_verdicts
from local import ownership
from local.workspace import drop, truth_of
from local.world import SIZES, World, WorldOptions, build_world, documents, truth_documents, write_world
from local.world.ids import Identities
from shared.config import HERE, Settings, load
from shared.documents import Document
from shared.store import Store, connect, schema

Tell = Callable[[str], None]

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)  # every network is drawn around this moment
# The server ages documents out by its own clock, for which that moment is long past [hours].
NOTHING_EXPIRES = '{"bots": {"kept": 900000, "superseded": 900000}}'
KEY = "a signing key of the benchmarks, and of nothing else"


@dataclass(frozen=True, slots=True)
class BenchDatabase:
    """A network, and how to get at it.

    environment  what a deployment would set, for child processes
    truth        what people did after NOW; no function may read it
    """

    size: str
    seed: int
    world: World
    environment: dict[str, str]
    settings: Settings
    store: Store
    truth: Database[Document]

    def settle(self) -> None:
        """Have the server finish writing what came before, so that it is not on the next one's clock."""
        self.store.client.admin.command("fsync")

    def add_text(self) -> None:
        """Also leave what a text pipeline would know: topics, and the language and topic of most posts."""
        if self.store.analytics[schema.TOPICS.name].estimated_document_count():
            return
        ids = Identities(self.world)
        self.store.analytics[schema.TOPICS.name].insert_many(list(truth_documents.topics(self.world, ids)))
        info = list(truth_documents.content_info(self.world, ids))
        self.store.app[schema.CONTENT_INFO.name].insert_many(info, ordered=False)


@contextmanager
def open_place(
    uri: str, size: str, seed: int, tell: Tell, options: WorldOptions | None = None
) -> Iterator[BenchDatabase]:
    """Write a network with every index of the schema; its databases are dropped on exit.

    options  of a network whose size has a name of its own
    """
    more = {"TRAINING_QUEUE": HERE, "FEEDKEEPER_OPTIONS": NOTHING_EXPIRES, "OPENBLAS_NUM_THREADS": "1"}
    tell(f"world {size}, seed {seed}: drawing")
    world = build_world(replace(options or SIZES[size], seed=seed), now=NOW)
    with databases(uri, f"{size}-{seed}", more) as (environment, settings, store):
        truth = truth_of(store)
        write_world(
            world,
            store.app,
            store.analytics,
            truth,
            progress=lambda name, done, total: tell(f"world {size}, seed {seed}: {name} {done:,} of {total:,}"),
        )
        schema.apply(store.app, store.analytics)
        yield BenchDatabase(size, seed, world, environment, settings, store, truth)


@contextmanager
def databases(uri: str, name: str, more: Mapping[str, str]) -> Iterator[tuple[dict[str, str], Settings, Store]]:
    """Empty databases of a random name of their own, dropped on exit: their environment, settings and store.

    more  environment variables beside those that say where the databases are
    """
    environment = {"MONGO_URI": uri, "DB_PREFIX": f"bench-{name}-{token_hex(6)}-", "ARTIFACT_KEYS": KEY, **more}
    settings = load(environment)
    store = connect(settings)
    try:
        ownership.claim(store.app, store.analytics)
        yield environment, settings, store
    finally:
        drop(store)
        store.client.close()


def review_anew(place: BenchDatabase, due: datetime) -> None:
    """Features of everybody, labelled by the verdicts that the network was drawn with; nothing else of bots."""
    store, options = place.store, place.settings.options.bots
    ours = (schema.SUSPECTS, schema.CREDENTIAL_FEATURES, schema.BOT_ARTIFACTS)
    for collection in ours:
        database = store.app if collection.database == "app" else store.analytics
        ownership.drop_collection(database[collection.name])
    ownership.delete(store.analytics[schema.ARTIFACT_VERSIONS.name], {"family": "bots"})
    ownership.delete(store.analytics[schema.WATERMARKS.name], {"_id": extract_reading_features.NAME})
    schema.apply(store.app, store.analytics)
    rows = documents.suspicious_credentials(place.world, Identities(place.world))
    store.app[schema.SUSPECTS.name].insert_many(rows)
    extract_reading_features.run(store, options, now=due)
    sweep_verdicts.run(store, options, now=due)


def machine(store_uri: str) -> Document:
    """What the figures were measured on."""
    store = connect(load({"MONGO_URI": store_uri}))
    with store.client:
        version = store.client.server_info()["version"]
    return {
        "cores": cpu_count(),
        "memory_gb": round(sysconf("SC_PAGE_SIZE") * sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "processor": _processor(),
        "python": platform.python_version(),
        "mongodb": version,
    }


def load_average() -> float:
    """Processes that wanted a core in the last minute; what is above our own two or three is disturbance."""
    return round(getloadavg()[0], 2)


def server_cpu_seconds(store: Store) -> float | None:
    """Processor time that the server has used since it began; None where it is not a process of this machine."""
    process = Path(f"/proc/{store.client.admin.command('serverStatus')['pid']}")
    try:
        if not (process / "comm").read_text().startswith("mongod"):
            return None
        fields = (process / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Workload:
    """What the database did for somebody; of a whole server, so that nothing else may ask it anything meanwhile.

    commands  that it was sent, of whatever kind
    read      documents that it returned
    written   documents that it inserted, updated or deleted; not those that an update or a $merge inserted
    mb        that went over the network, both ways together [MB]
    """

    commands: int
    read: int
    written: int
    mb: float

    def __sub__(self, before: "Workload") -> "Workload":
        return Workload(
            self.commands - before.commands - 1,  # which was the look before
            self.read - before.read,
            self.written - before.written,
            round(self.mb - before.mb, 2),
        )


def work_so_far(store: Store) -> Workload:
    """Since the server began."""
    status = store.client.admin.command("serverStatus")
    documents, network = status["metrics"]["document"], status["network"]
    return Workload(
        int(network["numRequests"]),
        int(documents["returned"]),
        sum(int(documents[what]) for what in ("inserted", "updated", "deleted")),
        (network["bytesIn"] + network["bytesOut"]) / 1e6,
    )


@dataclass(frozen=True, slots=True)
class StorageSize:
    """What one collection takes of a network's size, in the end.

    mb, index_mb  on disk, compressed as MongoDB does it by default [MB]
    """

    size: str
    collection: str
    documents: int
    mb: float
    index_mb: float


def stored(place: BenchDatabase) -> list[StorageSize]:
    """Every collection of the schema that holds something, the largest first."""
    place.settle()
    found = []
    for collection in schema.COLLECTIONS:
        database = place.store.app if collection.database == "app" else place.store.analytics
        took = database.command("collStats", collection.name)
        if took["count"]:
            sizes = (round(took[name] / 1e6, 3) for name in ("storageSize", "totalIndexSize"))
            found.append(StorageSize(place.size, collection.name, took["count"], *sizes))
    return sorted(found, key=lambda one: -one.mb - one.index_mb)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
