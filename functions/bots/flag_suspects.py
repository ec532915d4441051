"""Whom a person should look at."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np

from functions.bots.detector import FAMILY, FINGERPRINT, KEY, Detector
from functions.bots.reading_features import FEATURES
from shared.artifacts import Registry
from shared.clock import from_epoch_ms
from shared.columns import Columns, FloatArray, IntArray, to_bson
from shared.config import Bots
from shared.documents import Credential
from shared.report import Report
from shared.store import Store, schema
from shared.store.suspects import Suspect

NAME: Final = "flag_suspects"


def run(store: Store, registry: Registry, options: Bots, *, now: datetime) -> Report:
    """Put suspects before the reviewers: the most suspicious first, as many as the day allows, and a few by lot.

    A credential comes once, and its finding is kept up to date until it is judged; then it is left alone for
    `cool_down`. Those that are drawn by lot lie below the threshold: without them nobody would know whom it misses.
    Safe to repeat. Days are UTC; what the budget does not allow today is weighed again tomorrow.
    """
    with store.leases.hold(NAME):
        found, refused = registry.load(FAMILY, KEY, FINGERPRINT, lambda one: (Detector.read(one), one))
        if found is None:
            return Report(details={"skipped": "there is no detector yet", "refused": len(refused)})
        detector, artifact = found
        rows = newest_of_each(store.credential_features.unjudged(FEATURES.names))
        people = UnreviewedCredentials(to_bson(rows["credential"]), rows, detector.scores(features_of(rows)))
        waiting = {one.credential: one for one in store.suspects.waiting()}
        left_alone = store.credential_features.judged_since(now - options.cool_down, now=now) | store.suspects.judged()
        left_alone |= store.erasures.credentials()
        free = np.array([one not in waiting and one not in left_alone for one in people.credential], bool)
        above = people.score >= detector.limit

        today = day_of(now)
        by_score = np.argsort(-people.score, kind="stable")
        flagged = by_score[(free & above)[by_score]][: remaining_budget(store, options.daily_budget, now)].tolist()
        drawn = random_sample(people, np.flatnonzero(free & ~above), today)
        drawn = drawn[: remaining_budget(store, options.daily_sample, now, sampled=True)]
        version = artifact.manifest.version
        here = [people.suspect(row, detector, version) for row, one in enumerate(people.credential) if one in waiting]
        refreshed = [one for one in here if one.finding != waiting[one.credential].finding]
        new = [people.suspect(row, detector, version) for row in flagged]
        new += [people.suspect(row, detector, version, sampled=True) for row in drawn]
        written = store.suspects.put([*new, *refreshed], now=now)
        removed = store.erasures.sweep(schema.SUSPECTS)
    details = {
        "above": int((free & above).sum()),
        "flagged": len(new),
        "refreshed": len(refreshed),
        "waiting": len(waiting) + len(new),
        "refused": len(refused),
    }
    return Report(len(people.credential), written, removed, details=details)


@dataclass(frozen=True, slots=True)
class UnreviewedCredentials:
    """Those whom nobody has judged: one row a credential, its newest window, and its score (n,)."""

    credential: Sequence[Credential]
    rows: Columns
    score: FloatArray

    def suspect(self, row: int, detector: Detector, model: str, *, sampled: bool = False) -> Suspect:
        """One of them, as the reviewers get it."""
        first, last = (from_epoch_ms(int(self.rows[name][row])) for name in ("first", "last"))
        own = np.array([self.rows[name][row] for name in FEATURES.names])
        score = round(float(self.score[row]), 4)
        return Suspect(self.credential[row], first, last, score, detector.reasons(own), model, sampled)


def newest_of_each(rows: Columns) -> Columns:
    """One row a credential: two runs that were cut short may have left more."""
    order = np.lexsort((-rows["last"], rows["credential"]))
    credential = rows["credential"][order]
    first = order[np.unique(credential, return_index=True)[1]] if len(order) else order
    sound = first[(rows["credential"][first] != b"") & np.isfinite(features_of(rows)[first]).all(axis=1)]
    return {name: column[sound] for name, column in rows.items()}


def features_of(rows: Columns) -> FloatArray:
    """(n, k) in the order that a detector expects."""
    return np.stack([rows[name] for name in FEATURES.names], axis=1)


def day_of(now: datetime) -> datetime:
    """The beginning of the day."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


def remaining_budget(store: Store, budget: int, now: datetime, *, sampled: bool = False) -> int:
    """How many may be flagged yet, of those that a day allows; what is judged by now counts too."""
    here = store.suspects.flagged(day_of(now), sampled=sampled, now=now)
    judged = store.credential_features.flagged_and_judged(day_of(now), sampled=sampled, now=now)
    return max(budget - here - judged, 0)


def random_sample(people: UnreviewedCredentials, rows: IntArray, today: datetime) -> list[int]:
    """These rows in the order of the day's lot, which is the same whenever it is drawn."""

    def lot(row: int) -> bytes:
        return hashlib.sha256(f"{today:%Y-%m-%d} {people.credential[row]}".encode()).digest()

    return sorted(rows.tolist(), key=lot)
