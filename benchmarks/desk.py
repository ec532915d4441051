"""Deskdrop as a network to rank on: nine tenths of its events are the past, the last tenth is the future."""

import csv
import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.places import Place, Tell, databases
from benchmarks.quality import CANDIDATES, Lists
from local.deskdrop import ENGAGEMENTS, import_deskdrop, object_id
from local.world import SIZES, build_world
from shared.network.history import History
from shared.store import schema
from shared.store.columns import id_array, id_keys, positions

Index = NDArray[np.int64]

PAST_RATIO = 0.9
# A year of a quiet network: what counts is looked back for further, and judged over longer times, than in a busy one.
OPTIONS = '{"coldstart": {"window": 4800, "holdout": 192, "longest_holdout": 768, "examples_span": 960}}'
LONG_AGO_DAYS = 10_000.0


@dataclass(frozen=True, slots=True)
class DeskPlace:
    """The past in a database, and what people engaged with afterwards.

    protocols  how old candidates may be, by name [days]
    """

    place: Place
    now: datetime
    future: list[tuple[Any, Any]]
    protocols: dict[str, float]

    def lists(self, history: History, days: float) -> tuple[Index, Lists]:
        """(account, lists): what each account engaged with later and had neither seen nor engaged with before, filled
        up to 200 with posts of the last days that it had not either, and mixed."""
        posts, rng = len(history.posts), np.random.default_rng(0)
        account = positions(id_keys(id_array(who for who, _ in self.future)), id_keys(history.actors.ids))
        post = positions(id_keys(id_array(what for _, what in self.future)), id_keys(history.posts.ids))
        known = (account >= 0) & (post >= 0)
        later = np.unique(account[known] * posts + post[known])
        before = np.concatenate([events.actor * posts + events.post for events in (history.acts, history.seen)])
        later = later[~np.isin(later, before)]
        there = np.flatnonzero(history.posts.created > -24 * days)
        people, rows, chosen = [], [], []
        for one in np.unique(later // posts).tolist():
            picked = later[later // posts == one] % posts
            barred = np.concatenate([picked, before[before // posts == one] % posts])
            others = rng.permutation(there[~np.isin(there, barred)])[: CANDIDATES - len(picked)]
            if len(picked) + len(others) == CANDIDATES:
                mixed = rng.permutation(CANDIDATES)
                rows.append(np.concatenate([picked, others])[mixed])
                chosen.append(mixed < len(picked))
                people.append(one)
        number = np.array(people, np.int64)
        return number, Lists(history.actors.country[number], np.array(rows), np.array(chosen))


@contextmanager
def open_desk_place(uri: str, file: Path, tell: Tell) -> Iterator[DeskPlace]:
    """Import the past with every index of the schema; its databases are dropped on exit."""
    with gzip.open(file) as raw:
        rows = sorted(csv.DictReader(io.TextIOWrapper(raw)), key=lambda row: int(row["timestamp"]))
    cut = int(len(rows) * PAST_RATIO)
    now = datetime.fromtimestamp(int(rows[cut - 1]["timestamp"]), UTC)
    with databases(uri, "desk", {"FEEDKEEPER_OPTIONS": OPTIONS}) as (environment, settings, store):
        schema.apply(store.app, store.analytics)
        tell("Deskdrop: importing")
        with TemporaryDirectory() as folder:
            past = Path(folder) / "past.csv"
            with past.open("w", newline="") as out:
                writer = csv.DictWriter(out, rows[0])
                writer.writeheader()
                writer.writerows(rows[:cut])
            import_deskdrop(past, store.app, store.analytics, now=now, keep_times=True)
        future = [
            (object_id("account", row["personId"]), object_id("content", row["contentId"]))
            for row in rows[cut:]
            if row["eventType"] in ENGAGEMENTS
        ]
        nothing = build_world(SIZES["XS"], now=now)  # a place has a world; nobody looks at this one
        place = Place("Deskdrop", 0, nothing, environment, settings, store, store.app)
        yield DeskPlace(place, now, future, {"all posts": LONG_AGO_DAYS, "posts of the last 30 days": 30.0})
