"""Reading features of ever more credentials: time and memory of extract_reading_features, in a process of its own."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from bson.raw_bson import RawBSONDocument
from numpy.typing import NDArray

from benchmarks.floors import Figure
from benchmarks.jobs import Job, Run, run
from benchmarks.places import NOTHING_EXPIRES, NOW, BenchDatabase, Tell, databases
from benchmarks.table import Sheet
from local.world import SIZES, build_world
from shared.store import schema

SIZES_OF = (1_000, 10_000, 100_000)  # credentials
READINGS = 501  # of each; the first has none before it
AT_ONCE = 100  # credentials whose exposures are written together
MAX_MB = 200.0
JOB = Job("bots", "extract_reading_features", (schema.CREDENTIAL_FEATURES,))

# The fields that the job reads, and nothing else, in documents that all have one length: (name, BSON type, width).
FIELDS = (
    ("_id", 7, "V12"),
    ("seenCredential", 7, "V12"),
    ("seenAt", 9, "<i8"),
    ("offScreenAt", 9, "<i8"),
    ("updatedAt", 9, "<i8"),
)


@dataclass(frozen=True, slots=True)
class Extracted:
    """One run over so many credentials."""

    credentials: int
    seconds: float
    peak: Figure
    run: Run


def measure(uri: str, tell: Tell, sizes: tuple[int, ...] = SIZES_OF) -> list[Extracted]:
    """Write the exposures of so many credentials, and describe all of them, size after size."""
    return [_extracted(uri, size, tell) for size in sizes]


def sheet_of(found: list[Extracted]) -> Sheet:
    """Time and memory by number of credentials."""
    rows = [
        (
            f"{one.credentials:,}",
            f"{one.credentials * (READINGS - 1):,}",
            f"{one.seconds:.1f} s",
            f"{one.credentials / one.seconds:,.0f}",
            one.peak.told,
            one.peak.floor_told,
            "yes" if one.peak.met else "NO",
        )
        for one in found
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
        world = build_world(SIZES["XS"], now=NOW)  # only to be a place; nothing of it is written
        place = BenchDatabase("readings", 0, world, environment, settings, store, store.app)
        tell(f"readings of {credentials:,} credentials: extracting")
        done = run(place, JOB, NOW)
        return Extracted(credentials, done.seconds, Figure(done.peak_mb, "MB", MAX_MB), done)


def _write(app: Any, credentials: int, tell: Tell) -> None:
    """The exposures of all, in no order of credentials that an index could profit from beyond groups."""
    groups = -(-credentials // AT_ONCE)

    def write(group: int) -> None:
        app[schema.FEED_ITEMS.name].insert_many(_documents(group), ordered=False)
        if group % 50 == 0:
            tell(f"readings of {credentials:,} credentials: {group * AT_ONCE:,} written")

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(write, range(groups)))


def _documents(group: int) -> list[RawBSONDocument]:
    """Encoded many at once: to encode fifty million one by one would take longer than to store them."""
    rng = np.random.default_rng(group)
    n = AT_ONCE * READINGS
    layout, template = _layout()
    rows = np.frombuffer(template * n, np.uint8).copy().view(layout)
    rows["_id"] = _ids(np.arange(n) + group * n)
    rows["seenCredential"] = _ids(np.arange(group * AT_ONCE, (group + 1) * AT_ONCE).repeat(READINGS))
    reading = rng.lognormal(1, 1, n) * 1_000
    gap = (reading + rng.lognormal(0.3, 0.9, n) * 1_000).reshape(AT_ONCE, READINGS)
    begun = NOW.timestamp() * 1_000 - 60_000 - gap.sum(axis=1)[:, None] + gap.cumsum(axis=1)
    rows["seenAt"] = rows["updatedAt"] = begun.ravel()
    rows["offScreenAt"] = begun.ravel() + reading
    raw, size = rows.tobytes(), layout.itemsize
    return [RawBSONDocument(raw[at : at + size]) for at in range(0, len(raw), size)]


def _ids(numbers: NDArray[Any]) -> NDArray[np.void]:
    made = np.zeros((len(numbers), 12), np.uint8)
    made[:, 4:] = numbers.astype(">u8").view(np.uint8).reshape(-1, 8)
    return made.view("V12").ravel()


def _layout() -> tuple[np.dtype[np.void], bytes]:
    """Where the values lie, and a document without them: length; type, name and value of each; a zero."""
    names, formats, offsets, text = [], [], [], b"\0" * 4
    for name, kind, width in FIELDS:
        text += bytes([kind]) + name.encode() + b"\0"
        names.append(name)
        formats.append(width)
        offsets.append(len(text))
        text += b"\0" * np.dtype(width).itemsize
    text = (len(text) + 1).to_bytes(4, "little") + text[4:] + b"\0"
    return np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": len(text)}), text
