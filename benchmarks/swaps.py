"""The guest feed under readers: they page without a pause while the real job publishes generation after generation."""

import multiprocessing
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from time import perf_counter
from typing import TypeVar

import numpy as np
from bson import ObjectId
from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.errors import PyMongoError

from benchmarks import jobs
from benchmarks.floors import Figure
from benchmarks.places import NOW, BenchDatabase, Tell
from functions.coldstart import build_guest_feed
from shared.artifacts import Registry
from shared.countries import COUNTRIES, GLOBAL_PARTITION
from shared.documents import Document
from shared.store import schema

Result = TypeVar("Result")

NUMBERS = re.compile(r" UUID [0-9a-f-]+")  # what differs between messages of one kind

SWAPS = 50
READERS = 4
ROWS = 160  # of each list: seven pages, the last one short
PAGE = 25
SMALL_BATCH = 10  # half of the readers fetch a page in several batches, so that their cursors are open across a swap
EXPLAIN_EVERY = 25
BETWEEN_RUNS = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class ImpressionCount:
    """What the readers met: how many of each, why reads failed at either attempt, and what a page took."""

    counts: dict[str, int]
    errors: dict[str, int]
    generations: int
    median_ms: float
    p99_ms: float
    swaps: int

    def figures(self) -> dict[str, Figure]:
        """Faults, none of which may occur."""
        names = ("empty pages", "partial pages", "mixed pages", "unindexed reads", "failed reads")
        return {name: Figure(self.counts.get(name, 0), "", 0) for name in names}


def under_readers(place: BenchDatabase, tell: Tell) -> ImpressionCount:
    """Publish many generations with the real job while readers page through the lists."""
    tell("swaps: train_coldstart")
    jobs.from_nothing(place, jobs.TRAIN, NOW)
    publish(place, 0)
    spawn = multiprocessing.get_context("spawn")
    stop = spawn.Event()
    readers, mouths = [], []
    for number in range(READERS):
        mouth, ear = spawn.Pipe(duplex=False)
        arguments = (place.environment["MONGO_URI"], place.settings.app_db, number, stop, ear)
        readers.append(spawn.Process(target=read_until, args=arguments, daemon=True))
        mouths.append(mouth)
    try:
        for reader in readers:
            reader.start()
        for mouth in mouths:
            mouth.recv()  # the first page is read
        for number in range(1, SWAPS + 1):
            tell(f"swaps: {number} of {SWAPS} under {READERS} readers")
            publish(place, number)
    finally:
        stop.set()
    found = [mouth.recv() for mouth in mouths]
    for reader in readers:
        reader.join()
    counts, errors, generations, milliseconds = (list(part) for part in zip(*found, strict=True))
    times = np.concatenate(milliseconds)
    return ImpressionCount(
        dict(sum(counts, Counter())),
        dict(sum(errors, Counter())),
        len(set().union(*generations)),
        round(float(np.median(times)), 2),
        round(float(np.quantile(times, 0.99)), 2),
        SWAPS,
    )


def publish(place: BenchDatabase, number: int) -> None:
    """One generation, a minute after the one before."""
    registry = Registry(place.store.analytics, place.settings.artifact_keys)
    options = place.settings.options
    short = replace(options.guest_feed, rows_per_country=ROWS)
    build_guest_feed.run(place.store, registry, short, options.coldstart, now=NOW + number * BETWEEN_RUNS)


def read_until(uri: str, database: str, number: int, stop: Event, ear: Connection) -> None:
    """Page through the lists of countries in any order until told to stop; then tell what was met."""
    rng = np.random.default_rng(number)
    partitions = (*COUNTRIES, GLOBAL_PARTITION)
    with MongoClient[Document](uri, tz_aware=True) as client:
        reader = Reader(client[database][schema.GUEST_FEED.name], SMALL_BATCH if number % 2 else PAGE)
        reader.page(partitions[0], None)
        ear.send("ready")
        while not stop.is_set():
            reader.read_list(partitions[int(rng.integers(len(partitions)))])
        ear.send((reader.counts, reader.errors, reader.generations, np.array(reader.milliseconds)))


class Reader:
    """A client as the application is one, that looks closely at what it gets."""

    def __init__(self, feed: Collection[Document], batch: int) -> None:
        self._feed = feed
        self._batch = batch
        self.counts: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.generations: set[object] = set()
        self.milliseconds: list[float] = []

    def read_list(self, country: str) -> None:
        """Every page of a country's list, each from where the last one ended."""
        until: ObjectId | None = None
        while True:
            rows = self.page(country, until)
            if rows is None:
                return
            if not rows:
                self.counts["empty pages"] += 1
                return
            self._look_at(rows, until)
            until = rows[-1]["_id"]
            if rank(until) >= ROWS - 1:
                return

    def page(self, country: str, until: ObjectId | None) -> list[Document] | None:
        """One page; None where a second attempt fails too."""
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

    def _look_at(self, rows: list[Document], until: ObjectId | None) -> None:
        """A page is whole when it goes on where the last one ended, leaves no rank out, and is full or the last one."""
        generations = {row["createdAt"] for row in rows}
        self.generations |= generations
        self.counts["mixed pages"] += len(generations) > 1
        first = rank(rows[0]["_id"])
        start = 0 if until is None else rank(until) + 1
        ranks = [rank(row["_id"]) for row in rows]
        whole = first == start and ranks == list(range(first, min(first + PAGE, ROWS)))
        self.counts["partial pages"] += not whole

    def _explain(self, query: Document) -> None:
        """The read uses an index, and the collection has every index that it should have."""
        plan = self._answered(lambda: self._feed.find(query).sort("score", -1).limit(PAGE).explain())
        indexes = self._answered(self._feed.index_information)
        self.counts["explained"] += 1
        if plan is None or indexes is None:
            return
        stages = set(stages_of(plan["queryPlanner"]["winningPlan"]))
        lacking = {index.name for index in schema.GUEST_FEED.indexes} - indexes.keys()
        self.counts["unindexed reads"] += "IXSCAN" not in stages or "COLLSCAN" in stages or bool(lacking)

    def _answered(self, read: Callable[[], Result]) -> Result | None:
        """What the first or the second attempt gives."""
        for attempt in ("retried reads", "failed reads"):
            try:
                return read()
            except PyMongoError as error:
                self.counts[attempt] += 1
                told = NUMBERS.sub("", str(error).partition(", full error")[0])
                self.errors[f"{attempt}: {type(error).__name__}, {told}"] += 1
        return None


def rank(row: ObjectId) -> int:
    """Where a row stands in its list: the first four bytes of its `_id`."""
    return int.from_bytes(row.binary[:4], "big")


def stages_of(plan: Document) -> list[str]:
    """Names of the stages of a query plan.

    >>> stages_of({"stage": "LIMIT", "inputStage": {"stage": "FETCH", "inputStage": {"stage": "IXSCAN"}}})
    ['LIMIT', 'FETCH', 'IXSCAN']
    """
    below = [plan["inputStage"]] if "inputStage" in plan else plan.get("inputStages", [])
    return [plan.get("stage", ""), *(name for one in below for name in stages_of(one))]
