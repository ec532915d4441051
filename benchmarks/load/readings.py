"""Time and memory of extract_reading_features on more and more credentials, in a process of its own."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from bson.raw_bson import RawBSONDocument
from numpy.typing import NDArray

from benchmarks.bench_database import NOTHING_EXPIRES, NOW, BenchDatabase, Tell, databases
from benchmarks.floors import Figure
from benchmarks.load import jobs
from benchmarks.load.jobs import Job, Run
from benchmarks.table import Sheet, yes_or_no
from local.world import SIZES, build_world
from shared.store import schema

CREDENTIALS = (1_000, 10_000, 100_000)
EXPOSURES = 501  # of each credential; the first has none before it, and so no gap
BATCH = 100  # credentials whose exposures are written together
MAX_MB = 200.0
JOB = Job("bots", "extract_reading_features", (schema.CREDENTIAL_FEATURES,))

# The fields that the job reads, and nothing else, in documents that all have one length: (name, BSON type, width).
FIELDS = (
    ("_id", 7, "V12"),
    ("seenCredential", 7, "V12"),
    ("content", 7, "V12"),
    ("seenAt", 9, "<i8"),
    ("offScreenAt", 9, "<i8"),
    ("updatedAt", 9, "<i8"),
)


@dataclass(frozen=True, slots=True)
class Extracted:
    """One run over so many credentials: its time [s] and peak memory."""

    credentials: int
    seconds: float
    peak: Figure
    run: Run


def measure(uri: str, tell: Tell, sizes: tuple[int, ...] = CREDENTIALS) -> list[Extracted]:
    """For each number of credentials, write their exposures and extract the features of all."""
    return [_extracted(uri, size, tell) for size in sizes]


def sheet_of(runs: list[Extracted]) -> Sheet:
    """Time and memory by number of credentials."""
    rows = [
        (
            f"{run.credentials:,}",
            f"{run.credentials * (EXPOSURES - 1):,}",
            f"{run.seconds:.1f} s",
            f"{run.credentials / run.seconds:,.0f}",
            run.peak.text,
            run.peak.floor_text,
            yes_or_no([run.peak]),
        )
        for run in runs
    ]
    columns = ("credentials", "readings", "time", "credentials a second", "memory", "floor", "met")
    note = "Everybody from nothing, whole process; the exposures hold only the fields that are read."
    return Sheet("Reading features at scale", columns, rows, note)


def _extracted(uri: str, credentials: int, tell: Tell) -> Extracted:
    more = {"FEEDKEEPER_OPTIONS": NOTHING_EXPIRES}
    with databases(uri, f"readings-{credentials}", more) as (environment, settings, store):
        tell(f"readings of {credentials:,} credentials: writing")
        _write(store.app, credentials, tell)
        for index in schema.FEED_ITEMS.indexes:
            if index.keys[0][0] in ("seenCredential", "updatedAt"):
                tell(f"readings of {credentials:,} credentials: index {index.name}")
                store.app[schema.FEED_ITEMS.name].create_indexes([index.model()])
        store.analytics[schema.CREDENTIAL_FEATURES.name].create_indexes(
            [index.model() for index in schema.CREDENTIAL_FEATURES.indexes]
        )
        world = build_world(SIZES["XS"], now=NOW)  # a BenchDatabase needs a world; nothing of it is written
        bench = BenchDatabase("readings", 0, world, environment, settings, store, store.app)
        tell(f"readings of {credentials:,} credentials: extracting")
        run = jobs.run(bench, JOB, NOW)
        return Extracted(credentials, run.seconds, Figure(run.peak_mb, "MB", MAX_MB), run)


def _write(app: Any, credentials: int, tell: Tell) -> None:
    """Write the exposures of all credentials, batch by batch in two threads, so that they lie scattered on disk."""
    batches = -(-credentials // BATCH)

    def write(batch: int) -> None:
        app[schema.FEED_ITEMS.name].insert_many(_documents(batch), ordered=False)
        if batch % 50 == 0:
            tell(f"readings of {credentials:,} credentials: {batch * BATCH:,} written")

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(write, range(batches)))


def _documents(batch: int) -> list[RawBSONDocument]:
    """The exposures of a batch, encoded together: to encode each alone would take longer than to store them."""
    rng = np.random.default_rng(batch)
    n = BATCH * EXPOSURES
    layout, template = _layout()
    rows = np.frombuffer(template * n, np.uint8).copy().view(layout)
    rows["_id"] = rows["content"] = _ids(np.arange(n) + batch * n)
    rows["seenCredential"] = _ids(np.arange(batch * BATCH, (batch + 1) * BATCH).repeat(EXPOSURES))
    reading = rng.lognormal(1, 1, n) * 1_000
    gap = (reading + rng.lognormal(0.3, 0.9, n) * 1_000).reshape(BATCH, EXPOSURES)
    seen_at = NOW.timestamp() * 1_000 - 60_000 - gap.sum(axis=1)[:, None] + gap.cumsum(axis=1)
    rows["seenAt"] = rows["updatedAt"] = seen_at.ravel()
    rows["offScreenAt"] = seen_at.ravel() + reading
    raw, size = rows.tobytes(), layout.itemsize
    return [RawBSONDocument(raw[at : at + size]) for at in range(0, len(raw), size)]


def _ids(numbers: NDArray[Any]) -> NDArray[np.void]:
    """(n,) ids of twelve bytes, one for each of the (n,) numbers; none is zero, which stands for no id."""
    raw = np.zeros((len(numbers), 12), np.uint8)
    raw[:, 4:] = (numbers + 1).astype(">u8").view(np.uint8).reshape(-1, 8)
    return raw.view("V12").ravel()


def _layout() -> tuple[np.dtype[np.void], bytes]:
    """(dtype with the offsets of the values, a BSON document of FIELDS with zeros for values).

    A BSON document is its length, then the type, name and value of each field, then a zero.
    """
    names, formats, offsets, raw = [], [], [], b"\0" * 4
    for name, kind, width in FIELDS:
        raw += bytes([kind]) + name.encode() + b"\0"
        names.append(name)
        formats.append(width)
        offsets.append(len(raw))
        raw += b"\0" * np.dtype(width).itemsize
    raw = (len(raw) + 1).to_bytes(4, "little") + raw[4:] + b"\0"
    return np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": len(raw)}), raw
