"""Reviews: which heavy readers a person has judged, and on which window of their views."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from local.world.exposures import Exposures
from local.world.sizes import WorldOptions
from local.world.viewers import Viewers
from shared.columns import BoolArray, FloatArray, IntArray

WINDOW = 500  # usable views that a verdict is based on


@dataclass(frozen=True, slots=True)
class Reviews:
    """One row per verdict.

    viewer                       (n,) index into People
    first_seen_at, last_seen_at  (n,) of the window [s from now]
    verdict                      (n,) as it is stored, see WorldOptions.verdict_true_means
    """

    viewer: IntArray
    first_seen_at: FloatArray
    last_seen_at: FloatArray
    verdict: BoolArray

    def __len__(self) -> int:
        return len(self.viewer)


def draw_reviews(rng: Generator, options: WorldOptions, viewers: Viewers, exposures: Exposures) -> Reviews:
    """Review `verified_ratio` of the viewers whose last views make a full window."""
    starts = np.concatenate([[0], viewers.views.cumsum()])
    reviewed = [v for v in np.flatnonzero(viewers.views >= WINDOW) if rng.random() < options.verified_ratio]
    windows = [(v, starts[v] + _window(exposures, starts[v], starts[v + 1])) for v in reviewed]
    full = [(v, rows) for v, rows in windows if len(rows) == WINDOW]
    viewer = np.array([v for v, _ in full], np.int64)
    return Reviews(
        viewer=viewer,
        first_seen_at=exposures.seen_at[np.array([rows[0] for _, rows in full], np.int64)],
        last_seen_at=exposures.seen_at[np.array([rows[-1] for _, rows in full], np.int64)],
        verdict=viewers.is_bot[viewer] == (options.verdict_true_means == "bot"),
    )


def _window(exposures: Exposures, first: int, last: int) -> IntArray:
    """(at most WINDOW,) rows, counted from `first`, of the latest views with a usable reading time.

    The first reported view is left out, since it has no gap.
    """
    off_screen_at, seen_at = exposures.off_screen_at[first:last], exposures.seen_at[first:last]
    reported = np.flatnonzero(~np.isnan(off_screen_at))
    return reported[1:][off_screen_at[reported[1:]] >= seen_at[reported[1:]]][-WINDOW:]
