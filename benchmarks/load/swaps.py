"""The guest feed under concurrent readers: they page without a pause while the job replaces it again and again."""

import multiprocessing
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from time import perf_counter
from typing import TypeVar

import numpy as np
from bson import ObjectId
from msgspec.structs import replace
from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.errors import PyMongoError

from benchmarks.bench_database import NOW, BenchDatabase, Tell
from benchmarks.floors import ORIGINAL, ORIGINAL_SWAPS, Figure
from benchmarks.load import jobs
from benchmarks.table import Sheet, yes_or_no
from functions.coldstart import build_guest_feed
from functions.coldstart.options import GuestFeedOptions
from shared.artifacts import Registry
from shared.countries import COUNTRIES, GLOBAL_PARTITION
from shared.documents import Document
from shared.ranking.options import Coldstart
from shared.store import schema

Result = TypeVar("Result")

UUID = re.compile(r" UUID [0-9a-f-]+")  # differs between error messages of one kind

SWAPS = 50  # generations that are published
READERS = 4  # processes
ROWS = 160  # of each country's list: seven pages, the last one short
PAGE = 25
SMALL_BATCH = 10  # rows: half of the readers fetch a page in several batches, with a cursor open across a swap
EXPLAIN_EVERY = 25  # reads
BETWEEN_RUNS = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class SwapResult:
    """What the readers observed.

    counts              pages, reads and faults, by name
    errors              failed reads, by attempt and message
    generations         distinct generations of the feed that were read [count]
    median_ms, p99_ms   time of a page [ms]
    swaps               generations that were published [count]
    """

    counts: dict[str, int]
    errors: dict[str, int]
    generations: int
    median_ms: float
    p99_ms: float
    swaps: int

    def figures(self) -> dict[str, Figure]:
        """Numbers of faults, none of which may occur."""
        names = ("empty pages", "partial pages", "mixed pages", "unindexed reads", "failed reads")
        return {name: Figure(self.counts.get(name, 0), "", 0) for name in names}


def under_readers(bench: BenchDatabase, tell: Tell) -> SwapResult:
    """Publish SWAPS generations with the real job while READERS processes page through the lists."""
    tell("swaps: train_coldstart")
    jobs.from_nothing(bench, jobs.TRAIN, NOW)
    publish(bench, 0)
    spawn = multiprocessing.get_context("spawn")
    stop = spawn.Event()
    readers, pipes = [], []
    for number in range(READERS):
        receiver, sender = spawn.Pipe(duplex=False)
        arguments = (bench.environment["MONGO_URI"], bench.settings.app_db, number, stop, sender)
        readers.append(spawn.Process(target=read_until, args=arguments, daemon=True))
        pipes.append(receiver)
    try:
        for reader in readers:
            reader.start()
        for pipe in pipes:
            pipe.recv()  # the first page is read
        for number in range(1, SWAPS + 1):
            tell(f"swaps: {number} of {SWAPS} under {READERS} readers")
            publish(bench, number)
    finally:
        stop.set()
    results = [pipe.recv() for pipe in pipes]
    for reader in readers:
        reader.join()
    counts, errors, generations, milliseconds = (list(part) for part in zip(*results, strict=True))
    times = np.concatenate(milliseconds)
    return SwapResult(
        dict(sum(counts, Counter())),
        dict(sum(errors, Counter())),
        len(set().union(*generations)),
        round(float(np.median(times)), 2),
        round(float(np.quantile(times, 0.99)), 2),
        SWAPS,
    )


def publish(bench: BenchDatabase, number: int) -> None:
    """Publish one generation, a minute after the one before."""
    registry = Registry(bench.store.analytics, bench.settings.artifact_keys)
    options = bench.settings.options
    short = replace(options.of(GuestFeedOptions), rows_per_country=ROWS)
    build_guest_feed.run(bench.store, registry, short, options.of(Coldstart), now=NOW + number * BETWEEN_RUNS)


def read_until(uri: str, database: str, number: int, stop: Event, sender: Connection) -> None:
    """Page through the lists of countries in random order until `stop`, then send (counts, errors, generations, ms)."""
    rng = np.random.default_rng(number)
    partitions = (*COUNTRIES, GLOBAL_PARTITION)
    with MongoClient[Document](uri, tz_aware=True) as client:
        reader = Reader(client[database][schema.GUEST_FEED.name], SMALL_BATCH if number % 2 else PAGE)
        reader.page(partitions[0], None)
        sender.send("ready")
        while not stop.is_set():
            reader.read_list(partitions[int(rng.integers(len(partitions)))])
        sender.send((reader.counts, reader.errors, reader.generations, np.array(reader.milliseconds)))


class Reader:
    """A client that pages as the application does, and checks each page.

    batch  rows that the cursor fetches at once
    """

    def __init__(self, feed: Collection[Document], batch: int) -> None:
        self._feed = feed
        self._batch = batch
        self.counts: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.generations: set[object] = set()
        self.milliseconds: list[float] = []

    def read_list(self, country: str) -> None:
        """Read every page of a country's list, each from the end of the last one."""
        until: ObjectId | None = None
        while True:
            rows = self.page(country, until)
            if rows is None:
                return
            if not rows:
                self.counts["empty pages"] += 1
                return
            self._check(rows, until)
            until = rows[-1]["_id"]
            if rank(until) >= ROWS - 1:
                return

    def page(self, country: str, until: ObjectId | None) -> list[Document] | None:
        """Read one page after the row `until`; None where a second attempt fails too."""
        query: Document = {"countryCode": country} | ({} if until is None else {"_id": {"$gt": until}})

        def read() -> list[Document]:
            return list(self._feed.find(query).sort("score", -1).limit(PAGE).batch_size(self._batch))

        self.counts["reads"] += 1
        began = perf_counter()
        rows = self._answered(read)
        self.milliseconds.append((perf_counter() - began) * 1000)
        if self.counts["reads"] % EXPLAIN_EVERY == 0:
            self._explain(query)
        return rows

    def _check(self, rows: list[Document], until: ObjectId | None) -> None:
        """Count a page as mixed where its rows are of several generations, and as partial unless it continues the last
        one without a gap and is full or the last of its list."""
        generations = {row["createdAt"] for row in rows}
        self.generations |= generations
        self.counts["mixed pages"] += len(generations) > 1
        first = rank(rows[0]["_id"])
        start = 0 if until is None else rank(until) + 1
        ranks = [rank(row["_id"]) for row in rows]
        whole = first == start and ranks == list(range(first, min(first + PAGE, ROWS)))
        self.counts["partial pages"] += not whole

    def _explain(self, query: Document) -> None:
        """Count a read as unindexed unless it uses an index and the collection has every index of the schema."""
        plan = self._answered(lambda: self._feed.find(query).sort("score", -1).limit(PAGE).explain())
        indexes = self._answered(self._feed.index_information)
        self.counts["explained"] += 1
        if plan is None or indexes is None:
            return
        stages = set(stages_of(plan["queryPlanner"]["winningPlan"]))
        missing = {index.name for index in schema.GUEST_FEED.indexes} - indexes.keys()
        self.counts["unindexed reads"] += "IXSCAN" not in stages or "COLLSCAN" in stages or bool(missing)

    def _answered(self, read: Callable[[], Result]) -> Result | None:
        """The result of the first or the second attempt; None where both fail."""
        for attempt in ("retried reads", "failed reads"):
            try:
                return read()
            except PyMongoError as error:
                self.counts[attempt] += 1
                message = UUID.sub("", str(error).partition(", full error")[0])
                self.errors[f"{attempt}: {type(error).__name__}, {message}"] += 1
        return None


def sheet_of(result: SwapResult) -> Sheet:
    """The faults, which must be none, beside those of the original."""
    rows = [
        (name, figure.text, figure.floor_text, yes_or_no([figure]), ORIGINAL_SWAPS.get(name, ""))
        for name, figure in result.figures().items()
    ]
    counts = result.counts
    answered = counts.get("retried reads", 0) - counts.get("failed reads", 0)
    note = (
        f"{counts['reads']:,} pages, {counts.get('explained', 0):,} of them explained, over {result.generations} "
        f"generations; {answered} reads failed once and were answered when asked again; a page "
        f"took {result.median_ms} ms in the median, {result.p99_ms} ms at the 99th percentile, "
        "beside the job that builds."
    )
    title = f"Guest feed, {result.swaps} swaps under 4 readers"
    return Sheet(title, ("met by readers", "number", "floor", "met", ORIGINAL), rows, note)


def rank(row: ObjectId) -> int:
    """Rank of a row in its list: the first four bytes of its `_id`."""
    return int.from_bytes(row.binary[:4], "big")


def stages_of(plan: Document) -> list[str]:
    """Names of the stages of a query plan.

    >>> stages_of({"stage": "LIMIT", "inputStage": {"stage": "FETCH", "inputStage": {"stage": "IXSCAN"}}})
    ['LIMIT', 'FETCH', 'IXSCAN']
    """
    below = [plan["inputStage"]] if "inputStage" in plan else plan.get("inputStages", [])
    return [plan.get("stage", ""), *(name for stage in below for name in stages_of(stage))]
