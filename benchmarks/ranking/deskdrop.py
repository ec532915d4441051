"""Deskdrop as a network to rank on: events before a cut are the past, the tenth of the events after it the future."""

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from bson import ObjectId

from benchmarks.bench_database import BenchDatabase, Tell, databases
from benchmarks.ranking.queries import CANDIDATES, NetworkQueries
from local.deskdrop import COLUMNS, ENGAGEMENTS, Event, documents, import_deskdrop, object_id, read_events
from local.tables import Tally
from local.world import SIZES, build_world
from shared.columns import id_array, id_keys, lookup
from shared.errors import BadEvent
from shared.ranking.history import History
from shared.store import schema

CUTS = (50, 60, 70, 80, 90)  # part of the events that is the past [%]
FUTURE = 10  # part of the events that is the future [%]
MIN_EVENTS = 20  # usable events of a file, so that each tenth has two
# A year of a quiet network: the windows are longer than those of a busy one [hours].
OPTIONS = '{"coldstart": {"window": 4800, "holdout": 192, "longest_holdout": 1536, "examples_span": 960}}'
LONG_AGO_DAYS = 10_000.0


@dataclass(frozen=True, slots=True)
class DeskdropDatabase:
    """The past in a database, and what accounts engaged with afterwards.

    future     (account, content) ids of the engagements after the cut
    protocols  maximum age of candidates, by name [days]
    """

    bench: BenchDatabase
    now: datetime
    future: list[tuple[ObjectId, ObjectId]]
    protocols: dict[str, float]

    def queries(self, history: History, days: float) -> NetworkQueries:
        """Draw candidates: posts that the account had neither seen nor engaged with before the cut.

        Each query has the posts that the account engaged with later and other posts of the last days, 200 together, or
        half of those posts in a smaller network. Accounts that have too few such posts have no query.
        """
        posts, rng = len(history.posts), np.random.default_rng(0)
        account = lookup(id_keys(id_array(account for account, _ in self.future)), id_keys(history.accounts.ids))
        post = lookup(id_keys(id_array(content for _, content in self.future)), id_keys(history.posts.ids))
        is_known = (account >= 0) & (post >= 0)
        later = np.unique(account[is_known] * posts + post[is_known])
        before = np.concatenate(
            [events.account * posts + events.post for events in (history.engagements, history.impressions)]
        )
        later = later[~np.isin(later, before)]
        recent = np.flatnonzero(history.posts.created > -24 * days)
        length = min(CANDIDATES, len(recent) // 2)
        accounts, rows, relevant = [], [], []
        for number in np.unique(later // max(posts, 1)).tolist():
            positives = later[later // posts == number] % posts
            excluded = np.concatenate([positives, before[before // posts == number] % posts])
            positives = positives[: length - 1]
            negatives = rng.permutation(recent[~np.isin(recent, excluded)])[: length - len(positives)]
            if len(positives) and len(positives) + len(negatives) == length:
                order = rng.permutation(length)
                rows.append(np.concatenate([positives, negatives])[order])
                relevant.append(order < len(positives))
                accounts.append(number)
        numbers, shape = np.array(accounts, np.int64), (len(accounts), length)
        country = history.accounts.country[numbers] if len(numbers) else numbers
        return NetworkQueries(
            numbers, country, np.array(rows, np.int64).reshape(shape), np.array(relevant, np.bool_).reshape(shape)
        )


def read_deskdrop(file: Path, now: datetime, tell: Tell) -> list[Event]:
    """The usable events of a file, oldest first; `tell` is called with how many lines are kept, and why others are not.

    Repeated events are returned, but not counted as kept, since an import leaves them out.
    Raises NotFound without the file, BadEvent where too few events are usable.
    """
    tally = Tally()
    events = sorted(read_events(file, tally, now=now, progress=lambda step, done, total: None))
    documents.History.of(events, tally)
    for line in tally.summary():
        tell(line)
    if len(events) < MIN_EVENTS:
        raise BadEvent(f"{file} has {len(events)} usable events; a past and a future need at least {MIN_EVENTS}")
    return events


@contextmanager
def open_deskdrop(uri: str, events: Sequence[Event], cut: int, tell: Tell) -> Iterator[DeskdropDatabase]:
    """Import the events before a cut, with every index of the schema; the databases are dropped on exit.

    cut  part of the events that is the past [%]
    """
    past, end = (len(events) * percent // 100 for percent in (cut, cut + FUTURE))
    now = datetime.fromtimestamp(events[past - 1].at, UTC)
    with databases(uri, "desk", {"FEEDKEEPER_OPTIONS": OPTIONS}) as (environment, settings, store):
        schema.apply(store.app, store.analytics)
        tell(f"Deskdrop, {cut} %: importing")
        with TemporaryDirectory() as folder:
            file = Path(folder) / "past.csv"
            with file.open("w", newline="", encoding="utf-8") as out:
                csv.writer(out).writerows([COLUMNS, *(event[: len(COLUMNS)] for event in events[:past])])
            import_deskdrop(file, store.app, store.analytics, now=now, keep_times=True)
        future = [
            (object_id("account", event.person), object_id("content", event.content))
            for event in events[past:end]
            if event.kind in ENGAGEMENTS
        ]
        world = build_world(SIZES["XS"], now=now)  # a BenchDatabase needs a world; nothing reads this one
        bench = BenchDatabase("Deskdrop", cut, world, environment, settings, store, store.app)
        yield DeskdropDatabase(bench, now, future, {"all posts": LONG_AGO_DAYS, "posts of the last 30 days": 30.0})
