"""Whom a person should look at."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from functions.bots.detector import FAMILY, FINGERPRINT, KEY, Detector
from functions.bots.reading_features import FEATURES
from shared.artifacts import Artifact, Registry
from shared.clock import EPOCH
from shared.config import Bots
from shared.report import Report
from shared.store import Store
from shared.store.columns import Columns, as_stored
from shared.store.suspects import Suspect

NAME: Final = "flag_suspects"

Floats = NDArray[np.float64]
Index = NDArray[np.int64]


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
        people = newest_of_each(store.credential_features.unjudged(FEATURES.names))
        scores = detector.scores(features_of(people))
        everybody = suspects_of(people, scores, detector, artifact)
        waiting = {one.credential: one for one in store.suspects.waiting()}
        left_alone = store.credential_features.judged_since(now - options.cool_down) | store.suspects.judged()
        free = np.array([one.credential not in waiting and one.credential not in left_alone for one in everybody], bool)
        above = scores >= detector.limit

        today = now.replace(hour=0, minute=0, second=0, microsecond=0)
        order = np.argsort(-scores, kind="stable")
        chosen = [everybody[row] for row in order[(free & above)[order]][: room(store, options.daily_budget, today)]]
        by_lot = drawn(everybody, np.flatnonzero(free & ~above), today)
        chosen += [
            replace(one, sampled=True) for one in by_lot[: room(store, options.daily_sample, today, sampled=True)]
        ]
        refreshed = [one for one in everybody if one.credential in waiting and is_news(one, waiting[one.credential])]
        written = store.suspects.put([*chosen, *refreshed], now=now)
    details = {
        "above": int((free & above).sum()),
        "flagged": len(chosen),
        "refreshed": len(refreshed),
        "waiting": len(waiting) + len(chosen),
        "refused": len(refused),
    }
    return Report(len(everybody), written, details=details)


def newest_of_each(rows: Columns) -> Columns:
    """One row a credential: two runs that were cut short may have left more."""
    order = np.lexsort((-rows["last"], rows["credential"]))
    credential = rows["credential"][order]
    first = order[np.unique(credential, return_index=True)[1]] if len(order) else order
    sound = first[(rows["credential"][first] != b"") & np.isfinite(features_of(rows)[first]).all(axis=1)]
    return {name: column[sound] for name, column in rows.items()}


def features_of(rows: Columns) -> Floats:
    """(n, k) in the order that a detector expects."""
    return np.stack([rows[name] for name in FEATURES.names], axis=1)


def suspects_of(rows: Columns, scores: Floats, detector: Detector, artifact: Artifact) -> list[Suspect]:
    """Everybody, as they would be flagged."""
    features = features_of(rows)
    times = [[EPOCH + np.timedelta64(one, "ms").item() for one in rows[name].tolist()] for name in ("first", "last")]
    found = zip(as_stored(rows["credential"]), *times, scores.tolist(), features, strict=True)
    return [
        Suspect(credential, first, last, round(score, 4), detector.reasons(own), artifact.manifest.version)
        for credential, first, last, score, own in found
    ]


def room(store: Store, budget: int, today: datetime, *, sampled: bool = False) -> int:
    """How many may be flagged yet, of those that a day allows; what is judged by now counts too."""
    here = store.suspects.flagged(today, sampled=sampled)
    return max(budget - here - store.credential_features.flagged_and_judged(today, sampled=sampled), 0)


def drawn(everybody: Sequence[Suspect], rows: Index, today: datetime) -> list[Suspect]:
    """These rows in the order of the day's lot, which is the same whenever it is drawn."""

    def lot(one: Suspect) -> bytes:
        return hashlib.sha256(f"{today:%Y-%m-%d} {one.credential}".encode()).digest()

    return sorted((everybody[row] for row in rows.tolist()), key=lot)


def is_news(one: Suspect, before: Suspect) -> bool:
    """Whether the finding is another than the one that waits."""
    return one.finding != before.finding
