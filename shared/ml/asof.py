"""Counters as they stood at any moment of the past, rebuilt from timestamped events.

A counter read today already holds what a model is to predict. These give what was known just before.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.int64]
Hours = NDArray[np.float64]

# Keys and moments share one sortable integer: 36 bits hold two years in milliseconds, 27 are left for keys.
_MOMENT_BITS = 36
_HOUR_MS = 3_600_000.0
MOST_KEYS = 2 ** (63 - _MOMENT_BITS)


class AsOf:
    """Events by key and moment, answering how many, how fresh and when last, strictly before a moment.

    keys  (n_events,)  what is counted, 0..MOST_KEYS
    at    (n_events,)  when it happened  [hours since any origin, within two years after `origin`]
    """

    def __init__(self, keys: NDArray[Any], at: Hours, origin: float, half_life_hours: float | None = None) -> None:
        self._origin = origin
        self._half_life = half_life_hours
        joined = self._join(keys, at)
        order = np.argsort(joined, kind="stable")
        self._joined = joined[order]
        self._risen: Hours | None = None
        if half_life_hours is not None:
            weight = np.exp2((at[order] - origin) / half_life_hours)
            self._risen = np.concatenate([[0.0], np.cumsum(weight)])

    def count(self, keys: NDArray[Any], at: Hours) -> NDArray[np.float64]:
        """(n,) events of each key before each moment; with a half-life each event counts 2^(-its age / half-life).

        >>> likes = AsOf(np.array([7, 7, 8]), np.array([1.0, 3.0, 2.0]), origin=0.0)
        >>> likes.count(np.array([7, 7, 7, 8]), np.array([1.0, 2.0, 9.0, 9.0])).tolist()
        [0.0, 1.0, 2.0, 1.0]
        """
        first, end = self._range(keys, at)
        if self._risen is None or self._half_life is None:
            return (end - first).astype(np.float64)
        risen = self._risen[end] - self._risen[first]
        faded: NDArray[np.float64] = np.maximum(risen, 0.0) * np.exp2(-(at - self._origin) / self._half_life)
        return faded

    def last(self, keys: NDArray[Any], at: Hours) -> Hours:
        """(n,) moment of the last event of each key before each moment  [hours]; -inf where there was none."""
        first, end = self._range(keys, at)
        if not len(self._joined):
            return np.full(len(first), -np.inf)
        moment = self._joined[np.maximum(end - 1, 0)] & (2**_MOMENT_BITS - 1)
        return np.where(end > first, moment / _HOUR_MS + self._origin, -np.inf)

    def _range(self, keys: NDArray[Any], at: Hours) -> tuple[Keys, Keys]:
        first = np.searchsorted(self._joined, keys.astype(np.int64) << _MOMENT_BITS)
        return first, np.searchsorted(self._joined, self._join(keys, at))

    def _join(self, keys: NDArray[Any], at: Hours) -> Keys:
        moment = np.clip(np.round((at - self._origin) * _HOUR_MS), 0, 2**_MOMENT_BITS - 1).astype(np.int64)
        joined: Keys = (keys.astype(np.int64) << _MOMENT_BITS) | moment
        return joined
