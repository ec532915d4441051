"""Demo networks to measure on, in databases of their own that are dropped afterwards; and the load on the server."""

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
from functions.bots.options import Bots
from local import ownership
from local.workspace import drop, truth_of
from local.world import SIZES, World, WorldOptions, build_world, documents, truth_documents, write_world
from local.world.ids import Identities
from shared.config import HERE, Settings, load
from shared.documents import Document
from shared.store import Store, connect, schema

Tell = Callable[[str], None]

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)  # every network is drawn around this moment
# The server expires documents by its own clock, for which NOW is long past [hours].
NOTHING_EXPIRES = '{"bots": {"kept": 900000, "superseded": 900000}}'
KEY = "a signing key of the benchmarks, and of nothing else"


@dataclass(frozen=True, slots=True)
class BenchDatabase:
    """A demo network in databases of its own.

    environment  variables that a deployment would set, for child processes
    truth        database of what people do after NOW; no function may read it
    """

    size: str
    seed: int
    world: World
    environment: dict[str, str]
    settings: Settings
    store: Store
    truth: Database[Document]

    def settle(self) -> None:
        """Flush earlier writes to disk, so that the next measurement does not pay for them."""
        self.store.client.admin.command("fsync")

    def add_text(self) -> None:
        """Write what a text pipeline would know, once: topics, and the language and topic of most posts."""
        if self.store.analytics[schema.TOPICS.name].estimated_document_count():
            return
        ids = Identities(self.world)
        self.store.analytics[schema.TOPICS.name].insert_many(list(truth_documents.topics(self.world, ids)))
        info = list(truth_documents.content_info(self.world, ids))
        self.store.app[schema.CONTENT_INFO.name].insert_many(info, ordered=False)


@contextmanager
def open_bench_database(
    uri: str, size: str, seed: int, tell: Tell, options: WorldOptions | None = None
) -> Iterator[BenchDatabase]:
    """Write a network with every index of the schema; its databases are dropped on exit.

    size     one of SIZES, or a name for `options`
    options  of a network that is none of SIZES
    tell     called with each step
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


def review_anew(bench: BenchDatabase, due: datetime) -> None:
    """Replace everything about bots by the features of all credentials, labelled by the verdicts of the world."""
    store, options = bench.store, bench.settings.options.of(Bots)
    bot_collections = (schema.SUSPECTS, schema.CREDENTIAL_FEATURES, schema.BOT_ARTIFACTS)
    for collection in bot_collections:
        database = store.app if collection.database == "app" else store.analytics
        ownership.drop_collection(database[collection.name])
    ownership.delete(store.analytics[schema.ARTIFACT_VERSIONS.name], {"family": "bots"})
    ownership.delete(store.analytics[schema.WATERMARKS.name], {"_id": extract_reading_features.NAME})
    schema.apply(store.app, store.analytics)
    rows = documents.suspicious_credentials(bench.world, Identities(bench.world))
    store.app[schema.SUSPECTS.name].insert_many(rows)
    extract_reading_features.run(store, options, now=due)
    sweep_verdicts.run(store, options, now=due)


def machine(store_uri: str) -> Document:
    """The machine and the versions that the figures are measured on."""
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
    """Processes that waited for a core in the last minute; more than our own two or three disturb the measurement."""
    return round(getloadavg()[0], 2)


def server_cpu_seconds(store: Store) -> float | None:
    """Processor time of the server since its start [s]; None where it is not a process of this machine."""
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
    """What the database server did, for all its clients together: nothing else may use it during a measurement.

    commands  received, of any kind
    read      documents returned
    written   documents inserted, updated or deleted, without those that an update or a $merge inserted
    mb        sent over the network, both directions together [MB]
    """

    commands: int
    read: int
    written: int
    mb: float

    def __sub__(self, before: "Workload") -> "Workload":
        return Workload(
            self.commands - before.commands - 1,  # the serverStatus before
            self.read - before.read,
            self.written - before.written,
            round(self.mb - before.mb, 2),
        )


def work_so_far(store: Store) -> Workload:
    """What the server did since its start."""
    status = store.client.admin.command("serverStatus")
    documents, network = status["metrics"]["document"], status["network"]
    return Workload(
        int(network["numRequests"]),
        int(documents["returned"]),
        sum(int(documents[kind]) for kind in ("inserted", "updated", "deleted")),
        (network["bytesIn"] + network["bytesOut"]) / 1e6,
    )


@dataclass(frozen=True, slots=True)
class StorageSize:
    """Storage of one collection after all jobs.

    size          of the network
    mb, index_mb  documents and indexes on disk, compressed as MongoDB does it by default [MB]
    """

    size: str
    collection: str
    documents: int
    mb: float
    index_mb: float


def storage_sizes(bench: BenchDatabase) -> list[StorageSize]:
    """Every collection of the schema that has documents, the largest first."""
    bench.settle()
    sizes = []
    for collection in schema.COLLECTIONS:
        database = bench.store.app if collection.database == "app" else bench.store.analytics
        stats = database.command("collStats", collection.name)
        if stats["count"]:
            megabytes = (round(stats[name] / 1e6, 3) for name in ("storageSize", "totalIndexSize"))
            sizes.append(StorageSize(bench.size, collection.name, stats["count"], *megabytes))
    return sorted(sizes, key=lambda size: -size.mb - size.index_mb)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
