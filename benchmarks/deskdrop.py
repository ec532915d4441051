"""Deskdrop as a network to rank on: what came before a cut in time is the past, the tenth of the events after it the
future."""

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.places import BenchDatabase, Tell, databases
from benchmarks.quality import CANDIDATES, EvaluationQueries
from local.deskdrop import COLUMNS, ENGAGEMENTS, Event, import_deskdrop, object_id, read_events
from local.tables import Tally
from local.world import SIZES, build_world
from shared.columns import id_array, id_keys, lookup
from shared.errors import BadEvent
from shared.ranking.history import History
from shared.store import schema

CUTS = (50, 60, 70, 80, 90)  # percent of the events that are the past
FUTURE = 10  # percent of the events that are the future
MIN_EVENTS = 20  # usable ones of a file, so that each tenth has two
# A year of a quiet network: what counts is looked back for further than in a busy one.
OPTIONS = '{"coldstart": {"window": 4800, "holdout": 192, "longest_holdout": 1536, "examples_span": 960}}'
LONG_AGO_DAYS = 10_000.0


@dataclass(frozen=True, slots=True)
class DeskdropDatabase:
    """The past in a database, and what people engaged with afterwards.

    protocols  how old candidates may be, by name [days]
    """

    place: BenchDatabase
    now: datetime
    future: list[tuple[Any, Any]]
    protocols: dict[str, float]

    def lists(self, history: History, days: float) -> EvaluationQueries:
        """What each account engaged with later and had neither seen nor engaged with before, filled
        up to 200, or to what there is for everybody, with posts of the last days that it had not either, and mixed."""
        posts, rng = len(history.posts), np.random.default_rng(0)
        account = lookup(id_keys(id_array(who for who, _ in self.future)), id_keys(history.accounts.ids))
        post = lookup(id_keys(id_array(what for _, what in self.future)), id_keys(history.posts.ids))
        known = (account >= 0) & (post >= 0)
        later = np.unique(account[known] * posts + post[known])
        before = np.concatenate(
            [events.account * posts + events.post for events in (history.engagements, history.seen)]
        )
        later = later[~np.isin(later, before)]
        there = np.flatnonzero(history.posts.created > -24 * days)
        length = min(CANDIDATES, len(there) // 2)
        people, rows, chosen = [], [], []
        for one in np.unique(later // max(posts, 1)).tolist():
            picked = later[later // posts == one] % posts
            excluded = np.concatenate([picked, before[before // posts == one] % posts])
            picked = picked[: length - 1]
            others = rng.permutation(there[~np.isin(there, excluded)])[: length - len(picked)]
            if len(picked) and len(picked) + len(others) == length:
                mixed = rng.permutation(length)
                rows.append(np.concatenate([picked, others])[mixed])
                chosen.append(mixed < len(picked))
                people.append(one)
        number, shape = np.array(people, np.int64), (len(people), length)
        country = history.accounts.country[number] if len(number) else number
        return EvaluationQueries(
            number, country, np.array(rows, np.int64).reshape(shape), np.array(chosen, np.bool_).reshape(shape)
        )


def read_deskdrop(file: Path, now: datetime) -> list[Event]:
    """The usable events of a file, the oldest first; NotFound or BadEvent where it is no file to judge on."""
    events = sorted(read_events(file, Tally(), now=now, progress=lambda step, done, total: None))
    if len(events) < MIN_EVENTS:
        raise BadEvent(f"{file} has {len(events)} usable events; a past and a future need at least {MIN_EVENTS}")
    return events


@contextmanager
def open_deskdrop(uri: str, events: Sequence[Event], cut: int, tell: Tell) -> Iterator[DeskdropDatabase]:
    """Import the first `cut` percent of the events with every index of the schema; the databases are dropped on
    exit."""
    past, end = (len(events) * percent // 100 for percent in (cut, cut + FUTURE))
    now = datetime.fromtimestamp(events[past - 1].at, UTC)
    with databases(uri, "desk", {"FEEDKEEPER_OPTIONS": OPTIONS}) as (environment, settings, store):
        schema.apply(store.app, store.analytics)
        tell(f"Deskdrop, {cut} %: importing")
        with TemporaryDirectory() as folder:
            written = Path(folder) / "past.csv"
            with written.open("w", newline="", encoding="utf-8") as out:
                csv.writer(out).writerows([COLUMNS, *(event[: len(COLUMNS)] for event in events[:past])])
            import_deskdrop(written, store.app, store.analytics, now=now, keep_times=True)
        future = [
            (object_id("account", event.person), object_id("content", event.content))
            for event in events[past:end]
            if event.kind in ENGAGEMENTS
        ]
        nothing = build_world(SIZES["XS"], now=now)  # a place has a world; nobody looks at this one
        place = BenchDatabase("Deskdrop", cut, nothing, environment, settings, store, store.app)
        yield DeskdropDatabase(place, now, future, {"all posts": LONG_AGO_DAYS, "posts of the last 30 days": 30.0})
