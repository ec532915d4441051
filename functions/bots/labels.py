"""The labelled set that the detector is trained on: features of credentials with a reviewer's verdict."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
from bson import ObjectId
from numpy.typing import NDArray

from functions.bots.options import Bots
from functions.bots.reading_features import FEATURES
from functions.bots.store.credential_features import CredentialFeatures
from shared.clock import from_epoch_ms
from shared.store import Store

SPLITS: Final = 5  # parts of the labelled set, each scored by a detector that was fitted on the others
REPEATS: Final = 2  # times that it is split anew


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """One row a credential, by its latest verdict, so that no credential counts more than another.

    ids       (n,) `_id`s of the stored features
    features  (n, k)
    bot       (n,) whether the verdict says bot
    at        (n,) when the verdict was given [ms since 1970]
    """

    ids: Sequence[ObjectId]
    features: NDArray[np.float64]
    bot: NDArray[np.bool_]
    at: NDArray[np.int64]

    @classmethod
    def read(cls, store: Store, options: Bots, *, now: datetime) -> "LabelledSet":
        """The latest verdicts, at most `max_labelled` labels; without credentials that lack a feature."""
        stored = CredentialFeatures(store)
        ids, verdicts, columns = stored.labelled(FEATURES.names, options.max_labelled, now=now)
        features = np.stack([columns[name] for name in FEATURES.names], axis=1)
        latest = np.zeros(len(ids), bool)
        latest[np.unique(columns["credential"], return_index=True)[1]] = True  # labels come with the latest first
        usable = np.flatnonzero(latest & np.isfinite(features).all(axis=1) & (columns["credential"] != b""))
        rows = usable[np.argsort(columns["credential"][usable])]  # an order that does not depend on the verdicts
        bot = np.array(verdicts, bool) == options.verdict(bot=True)
        return cls([ids[row] for row in rows.tolist()], features[rows], bot[rows], columns["at"][rows])

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def span(self) -> tuple[datetime, datetime]:
        """The moments of the first and of the last verdict."""
        return from_epoch_ms(int(self.at.min())), from_epoch_ms(int(self.at.max()))

    def counts(self) -> dict[str, int]:
        """The number of bots and of people."""
        return {"bots": int(self.bot.sum()), "people": int((~self.bot).sum())}


def insufficient_labels(labelled: LabelledSet, options: Bots) -> str:
    """Why there are too few labels to learn from; empty where there are enough."""
    counts = labelled.counts()
    needed = {"bots": max(options.min_bots, 2), "people": max(options.min_people, 2)}
    reasons = [
        f"{counts[kind]} {kind} are judged, {minimum} are needed"
        for kind, minimum in needed.items()
        if counts[kind] < minimum
    ]
    return " and ".join(reasons)
