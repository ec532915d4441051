"""Credentials that read like people and like machines, and reviewers' verdicts on them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pytest

from functions.bots import extract_reading_features, sweep_verdicts, train_bot_detector
from functions.bots.options import Bots
from shared.artifacts import Registry
from shared.documents import Document
from shared.store import Store
from tests.conftest import SIGNING_KEY
from tests.factories import an_id, reading

NOON = datetime.fromisoformat("2026-01-31T12:00:00+00:00")
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
CENTURY = timedelta(days=36_500)
# The server ages documents out by its own clock, for which noon is long past.
QUICK = Bots(limit=60, min_readings=40, kept=CENTURY, superseded=CENTURY / 2)
READINGS = 70  # of each credential


def read(
    store: Store, credential: str, gaps: Iterable[float], seconds: Iterable[float], *, until: datetime = NOON
) -> None:
    """Store exposures, the last one a minute before `until`; `gaps` and `seconds` (reading times) are in seconds."""
    store.app.feeditems.insert_many(readings(credential, gaps, seconds, until=until))


def readings(
    credential: str, gaps: Iterable[float], seconds: Iterable[float], *, until: datetime = NOON
) -> list[Document]:
    """The exposures that `read` stores."""
    starts = np.cumsum(list(gaps))
    begin = until - MINUTE - timedelta(seconds=float(starts[-1]))
    pairs = zip(starts.tolist(), seconds, strict=True)
    made = [reading(credential, at=begin + timedelta(seconds=start), seconds=float(length)) for start, length in pairs]
    return [exposure | {"updatedAt": exposure["seenAt"]} for exposure in made]


def like_a_person(rng: np.random.Generator, n: int = READINGS) -> tuple[np.ndarray, np.ndarray]:
    """(gaps, seconds), each (n,): skims some posts, reads others long, and pauses five times."""
    seconds = rng.lognormal(1, rng.uniform(0.8, 1.3), n)
    gaps = seconds + rng.lognormal(0.3, 0.9, n)
    gaps[rng.choice(n, 5, replace=False)] += rng.uniform(1_900, 20_000, 5)
    return gaps, seconds


def like_a_bot(rng: np.random.Generator, n: int = READINGS) -> tuple[np.ndarray, np.ndarray]:
    """(gaps, seconds), each (n,): reads every post for about the same time, and moves on evenly."""
    seconds = np.maximum(rng.normal(3, rng.uniform(0.1, 0.6), n), 0.3)
    return seconds + np.abs(rng.normal(1, 0.2, n)), seconds


@dataclass(frozen=True)
class Town:
    """Credentials b0, b1, … of bots and p0, p1, … of people; those of `judged` have a verdict."""

    store: Store
    registry: Registry
    judged: Sequence[str]

    @property
    def unjudged(self) -> list[str]:
        """The names without a verdict."""
        return [name for name in names(24, 60) if name not in self.judged]


def names(bots: int, people: int) -> list[str]:
    return [f"b{number}" for number in range(bots)] + [f"p{number}" for number in range(people)]


def is_bot(name: str) -> bool:
    return name.startswith("b")


def extract(store: Store, options: Bots = QUICK, *, now: datetime = NOON):
    return extract_reading_features.run(store, options, now=now)


def train(town: Town, options: Bots = QUICK, *, now: datetime = NOON):
    return train_bot_detector.run(town.store, town.registry, options, now=now)


def suspect(store: Store, name: str, *, at: datetime = NOON, **fields: object) -> Document:
    """A row of the application for a credential's newest window."""
    newest = store.analytics.credentialfeatures.find_one({"seenCredential": an_id(name)}, sort=[("lastSeenAt", -1)])
    assert newest is not None
    key = {field: newest[field] for field in ("seenCredential", "firstSeenAt", "lastSeenAt")}
    return {"_id": an_id(f"suspicion of {name}"), **key, "createdAt": at - HOUR, **fields}


def judge(store: Store, *who: str, at: datetime = NOON, wrong: bool = False, options: Bots = QUICK) -> None:
    """Reviewers give a verdict on each, a minute apart, and the verdicts become labels."""
    for number, name in enumerate(who):
        verdict = options.verdict(bot=is_bot(name) is not wrong)
        fields = {"verificationStatus": verdict, "verifiedAt": at - number * MINUTE}
        store.app.suspiciouscredentials.insert_one(suspect(store, name, at=at, **fields))
    sweep_verdicts.run(store, options, now=at)


@pytest.fixture
def registry(store):
    return Registry(store.analytics, [SIGNING_KEY.encode()])


@pytest.fixture
def town(store, registry):
    """24 bots and 60 people with their features; 14 and 40 of them are judged."""
    rng = np.random.default_rng(3)
    rows = []
    for name in names(24, 60):
        gaps, seconds = (like_a_bot if is_bot(name) else like_a_person)(rng)
        rows += readings(name, gaps, seconds)
    store.app.feeditems.insert_many(rows)
    extract(store)
    judged = names(14, 40)
    judge(store, *judged)
    return Town(store, registry, judged)


@pytest.fixture
def guarded(town):
    """The same with a detector."""
    assert train(town).written == 1
    return town
