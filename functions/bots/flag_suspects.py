"""Choose the credentials that a reviewer should look at."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np

from functions.bots.detector import FAMILY, FINGERPRINT, KEY, Detector
from functions.bots.options import Bots
from functions.bots.reading_features import FEATURES
from functions.bots.store.credential_features import CredentialFeatures
from functions.bots.store.pending_verdicts import PendingVerdicts
from functions.bots.store.suspects import Suspect, Suspects
from shared.artifacts import Artifact, Registry
from shared.clock import from_epoch_ms
from shared.columns import BoolArray, Columns, FloatArray, IntArray, to_bson
from shared.documents import Credential
from shared.report import Report
from shared.store import Store, schema

NAME: Final = "flag_suspects"


def run(store: Store, registry: Registry, options: Bots, *, now: datetime) -> Report:
    """Put suspects before the reviewers: the most suspicious ones within the daily budget, and a few sampled at random.

    A credential is put there once. Its score and reasons are kept up to date until it is judged; after that it is not
    flagged again for `cool_down`. The sampled ones lie below the threshold: only their verdicts show which bots the
    threshold misses. Safe to repeat. Days are UTC; what the budget of today leaves out is considered again tomorrow.
    Verdicts of the console that can no longer be taken back are made valid first.
    """
    suspects, features = Suspects(store), CredentialFeatures(store)
    settled = PendingVerdicts(store).settle(now=now)
    with store.leases.hold(NAME):
        loaded, refused = registry.load(FAMILY, KEY, FINGERPRINT, _with_version)
        if loaded is None:
            return Report(written=settled, details={"skipped": "there is no detector yet", "refused": len(refused)})
        detector, version = loaded
        rows = newest_of_each(features.unjudged(FEATURES.names, options))
        unreviewed = UnreviewedCredentials(to_bson(rows["credential"]), rows, detector.scores(features_of(rows)))
        waiting = {suspect.credential: suspect for suspect in suspects.waiting()}
        eligible = find_eligible(store, options, unreviewed, waiting, now)
        above = unreviewed.score >= detector.limit

        flagged = most_suspicious(unreviewed, eligible & above)[: remaining_budget(store, options.daily_budget, now)]
        sampled = random_sample(unreviewed, np.flatnonzero(eligible & ~above), day_of(now))
        sampled = sampled[: remaining_budget(store, options.daily_sample, now, sampled=True)]
        current = [
            unreviewed.suspect(row, detector, version)
            for row, credential in enumerate(unreviewed.credential)
            if credential in waiting
        ]
        refreshed = [suspect for suspect in current if suspect.finding != waiting[suspect.credential].finding]
        new = [unreviewed.suspect(row, detector, version) for row in flagged]
        new += [unreviewed.suspect(row, detector, version, sampled=True) for row in sampled]
        written = suspects.put([*new, *refreshed], now=now)
        removed = store.erasures.sweep(schema.SUSPECTS)
    details = {
        "above": int((eligible & above).sum()),
        "flagged": len(new),
        "refreshed": len(refreshed),
        "waiting": len(waiting) + len(new),
        "refused": len(refused),
    }
    return Report(len(unreviewed.credential), settled + written, removed, details=details)


def _with_version(artifact: Artifact) -> tuple[Detector, str]:
    return Detector.read(artifact), artifact.manifest.version


@dataclass(frozen=True, slots=True)
class UnreviewedCredentials:
    """The credentials without a verdict, one row each.

    credential  (n,)
    rows        columns of each credential's newest window: first, last [ms since 1970] and the features
    score       (n,) 0..1, higher = more like a bot
    """

    credential: Sequence[Credential]
    rows: Columns
    score: FloatArray

    def suspect(self, row: int, detector: Detector, model: str, *, sampled: bool = False) -> Suspect:
        """The credential of that row as the reviewers get it.

        model    version of the detector
        sampled  whether it was drawn at random, below the threshold
        """
        first, last = (from_epoch_ms(int(self.rows[name][row])) for name in ("first", "last"))
        features = np.array([self.rows[name][row] for name in FEATURES.names])
        score = round(float(self.score[row]), 4)
        return Suspect(self.credential[row], first, last, score, detector.reasons(features), model, sampled)


def newest_of_each(rows: Columns) -> Columns:
    """The newest window of each credential with finite features: runs that were cut short may have left several."""
    order = np.lexsort((-rows["last"], rows["credential"]))
    credential = rows["credential"][order]
    newest = order[np.unique(credential, return_index=True)[1]] if len(order) else order
    has_key, is_finite = rows["credential"][newest] != b"", np.isfinite(features_of(rows)[newest]).all(axis=1)
    usable = newest[has_key & is_finite]
    return {name: column[usable] for name, column in rows.items()}


def features_of(rows: Columns) -> FloatArray:
    """(n, k) features in the order that a detector expects."""
    return np.stack([rows[name] for name in FEATURES.names], axis=1)


def find_eligible(
    store: Store, options: Bots, unreviewed: UnreviewedCredentials, waiting: Collection[Credential], now: datetime
) -> BoolArray:
    """(n,) whether each credential may be flagged: it is not waiting for a verdict, had none within `cool_down`, and is
    not of an erased account."""
    excluded = CredentialFeatures(store).labelled_since(now - options.cool_down, now=now)
    excluded |= Suspects(store).labelled() | store.erasures.credentials()
    allowed = [credential not in waiting and credential not in excluded for credential in unreviewed.credential]
    return np.array(allowed, bool)


def day_of(now: datetime) -> datetime:
    """The beginning of the day."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


def remaining_budget(store: Store, budget: int, now: datetime, *, sampled: bool = False) -> int:
    """How many more credentials may be flagged today; those flagged today count whether they are judged yet or not.

    budget   credentials a day
    sampled  whether of the sampled ones or of those above the threshold
    """
    waiting = Suspects(store).flagged(day_of(now), sampled=sampled, now=now)
    labelled = CredentialFeatures(store).flagged_and_labelled(day_of(now), sampled=sampled, now=now)
    return max(budget - waiting - labelled, 0)


def most_suspicious(unreviewed: UnreviewedCredentials, selected: BoolArray) -> list[int]:
    """The selected rows, the highest score first; those of equal scores in the order of the rows.

    selected  (n,)
    """
    by_score = np.argsort(-unreviewed.score, kind="stable")
    return [int(row) for row in by_score[selected[by_score]]]


def random_sample(unreviewed: UnreviewedCredentials, rows: IntArray, today: datetime) -> list[int]:
    """The rows in a random order that depends on the day and the credentials alone, so that runs of one day agree.

    rows  (n_rows,) positions of credentials
    """

    def draw(row: int) -> bytes:
        return hashlib.sha256(f"{today:%Y-%m-%d} {unreviewed.credential[row]}".encode()).digest()

    return sorted(rows.tolist(), key=draw)
