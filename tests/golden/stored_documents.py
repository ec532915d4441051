"""Every document that the functions store of a demo network, to compare two versions of the code.

    python -m tests.golden.stored_documents write FILE
    python -m tests.golden.stored_documents compare BEFORE AFTER

`write` draws a network, runs every scheduled function on it, once from nothing and once after changes, and writes all
documents of both databases to FILE. `compare` names the collections that differ, with examples, and ends with 1 where
any does.

Run `write` in a checkout of each version, on one machine: another processor may round the last digit otherwise. The
network is drawn from a fixed seed around a fixed moment, and the functions run as of it, so that documents are equal to
the byte, but for what the clock and chance decide: moments of the run itself become "now", ids that the server or the
driver drew become a number in order of appearance.
"""

import gzip
import os
import sys
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from bson import ObjectId, Timestamp
from bson.json_util import CANONICAL_JSON_OPTIONS, dumps

from benchmarks.bench_database import NOW, BenchDatabase, open_bench_database
from benchmarks.load import jobs
from functions.topics.taxonomy import taxonomy
from local import ownership
from local.mongod import mongo_server
from local.runs import FIRST_RUNS, run_pipeline
from shared.config import forget_settings
from shared.documents import Document
from shared.store import close_store, schema
from tests.conftest import OF_RUNS

SIZE, SEED = "S", 7
AFTER_CHANGES = NOW + timedelta(hours=1)
EXCLUDED = OF_RUNS | {FIRST_RUNS, ownership.MARKER}  # of one process


def write(file: Path) -> None:
    """Run every scheduled function on a fixed network and write what is stored afterwards, a document a line."""
    began = datetime.now(UTC) - timedelta(seconds=1)
    with mongo_server() as uri, open_bench_database(uri, SIZE, SEED, print) as place:
        os.environ |= place.environment
        forget_settings()
        place.store.analytics[schema.TOPICS.name].insert_many(
            {"_id": ObjectId(sha256(path.encode()).digest()[:12]), "path": path, "createdAt": NOW}
            for path in taxonomy().paths
        )
        run_pipeline(place.store, NOW, anew=True)
        rng = np.random.default_rng(SEED)
        for change in (jobs.change_posts, jobs.add_engagements, jobs.act_of_some, jobs.read_on):
            change(place, AFTER_CHANGES, rng)
        run_pipeline(place.store, AFTER_CHANGES, anew=True)
        with gzip.open(file, "wt") as out:
            for line in _lines(place, began):
                out.write(line + "\n")
        close_store()


def _lines(place: BenchDatabase, began: datetime) -> Iterator[str]:
    keys = {collection.name: collection.key for collection in schema.COLLECTIONS}
    for database, title in ((place.store.app, "app"), (place.store.analytics, "analytics")):
        for name in sorted(set(database.list_collection_names()) - EXCLUDED):
            key = keys.get(name, ("_id",))
            cleaned = [_without_chance(document, began, {}) for document in database[name].find()]
            rows = sorted(dumps(_key_first(document, key), json_options=CANONICAL_JSON_OPTIONS) for document in cleaned)
            yield from (f"{title}.{name}\t{row}" for row in rows)


def _key_first(document: Document, key: tuple[str, ...]) -> Document:
    first = {field: document[field] for field in key if field in document}
    return first | {field: document[field] for field in sorted(document) if field not in first}


def _without_chance(value: Any, began: datetime, drawn: dict[ObjectId, str]) -> Any:
    """The value without moments of this run, and with ids that were drawn in it by number."""
    if isinstance(value, dict):
        return {name: _without_chance(inner, began, drawn) for name, inner in value.items()}
    if isinstance(value, list):
        return [_without_chance(inner, began, drawn) for inner in value]
    if isinstance(value, datetime):
        return "now" if value >= began else value
    if isinstance(value, Timestamp) and value.as_datetime() >= began:
        return "now"
    if isinstance(value, ObjectId) and value.generation_time >= began - timedelta(seconds=1):
        return drawn.setdefault(value, f"drawn {len(drawn)}")
    return value


def compare(before_file: Path, after_file: Path) -> int:
    """Print what differs between two files, collection by collection; the number of collections that differ."""
    before, after = _read(before_file), _read(after_file)
    different = 0
    for name in sorted(before.keys() | after.keys()):
        lost, gained = before[name] - after[name], after[name] - before[name]
        print(f"{name}: {len(before[name]):,} documents, {len(lost):,} only before, {len(gained):,} only after")
        for title, rows in (("-", lost), ("+", gained)):
            for row in sorted(rows)[:2]:
                print(f"  {title} {row[:400]}")
        different += bool(lost or gained)
    print(f"{different} of {len(before.keys() | after.keys())} collections differ")
    return different


def _read(file: Path) -> dict[str, set[str]]:
    rows: defaultdict[str, set[str]] = defaultdict(set)
    with gzip.open(file, "rt") as lines:
        for line in lines:
            name, row = line.rstrip("\n").split("\t", 1)
            rows[name].add(row)
    return rows


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["write", file]:
            write(Path(file))
        case ["compare", before, after]:
            sys.exit(1 if compare(Path(before), Path(after)) else 0)
        case _:
            sys.exit(__doc__)
