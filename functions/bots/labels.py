"""What people have judged, as the detector learns from it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from bson import ObjectId
from numpy.typing import NDArray

from functions.bots.reading_features import FEATURES
from shared.clock import from_epoch_ms
from shared.config import Bots
from shared.store import Store


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """One row a credential: its latest verdict, so that none counts more than another.

    ids       of the features
    features  (n, k)
    bot       (n,)
    at        (n,) when the verdict was given [ms since 1970]
    """

    ids: Sequence[ObjectId]
    features: NDArray[np.float64]
    bot: NDArray[np.bool_]
    at: NDArray[np.int64]

    @classmethod
    def read(cls, store: Store, options: Bots, *, now: datetime) -> "LabelledSet":
        """The latest; without those that have a label and lack a feature."""
        ids, verdicts, columns = store.credential_features.judged(FEATURES.names, options.labelled_most, now=now)
        features = np.stack([columns[name] for name in FEATURES.names], axis=1)
        latest = np.zeros(len(ids), bool)
        latest[np.unique(columns["credential"], return_index=True)[1]] = True  # the first, of the latest verdict
        sound = np.flatnonzero(latest & np.isfinite(features).all(axis=1) & (columns["credential"] != b""))
        rows = sound[np.argsort(columns["credential"][sound])]  # in whatever order they were judged
        bot = np.array(verdicts, bool) == options.verdict(bot=True)
        return cls([ids[row] for row in rows.tolist()], features[rows], bot[rows], columns["at"][rows])

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def span(self) -> tuple[datetime, datetime]:
        """From the first verdict to the last."""
        return from_epoch_ms(int(self.at.min())), from_epoch_ms(int(self.at.max()))

    def counts(self) -> dict[str, int]:
        """How many of either kind."""
        return {"bots": int(self.bot.sum()), "people": int((~self.bot).sum())}


def missing(judged: LabelledSet, options: Bots) -> str:
    """Why there is too little to learn from; empty where there is enough."""
    found = judged.counts()
    wanted: dict[str, Any] = {"bots": max(options.least_bots, 2), "people": max(options.least_people, 2)}
    lacking = [
        f"{found[kind]} {kind} are judged, {wanted[kind]} are needed" for kind in wanted if found[kind] < wanted[kind]
    ]
    return " and ".join(lacking)
