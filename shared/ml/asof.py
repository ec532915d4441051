"""Counters as of any moment of the past, rebuilt from timestamped events.

The value of a counter today includes the events that a model is to predict; its value as of a moment before does not.

These are no as-of joins of a library (`pandas.merge_asof`): such a join gives the last event, and no count that decays,
and pandas would take 44 MB of the 250 MB that a function may have with its layers. Tests compare with a search through
all events.
"""

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.clock import HOUR_MS
from shared.columns import FloatArray, IntArray

_INTEGER_BITS = 63


class AsOf:
    """Counts of events by key, and the last one of each key, strictly before a moment.

    keys    (n_events,)  0 and above
    at      (n_events,)  moments of the events, in whole milliseconds, none before `origin`  [hours since any epoch]
    origin  [hours since the same epoch]
    half_life_hours  events count 2^(-age / half-life) instead of 1, if given  [hours]

    A key and a moment share one sortable integer; ValueError if the largest key and moment do not fit into it.
    """

    def __init__(self, keys: NDArray[Any], at: FloatArray, origin: float, half_life_hours: float | None = None) -> None:
        self._origin = origin
        self._half_life = half_life_hours
        latest = int((at.max(initial=origin) - origin) * HOUR_MS) + 2  # so that there is a moment after all events
        self._bits = latest.bit_length()
        self._unused = int(keys.max(initial=0)) + 1
        if self._unused.bit_length() + self._bits > _INTEGER_BITS:
            raise ValueError(f"{self._unused} keys over {latest / HOUR_MS:.0f} hours are more than can be told apart")
        self._unsorted = self._join(keys, at)

    @cached_property
    def _joined(self) -> IntArray:
        """(n_events,) keys with moments, sorted at the first use, so that counters that are not used cost nothing.

        They are sorted in place: the first use must not be in two threads at once.
        """
        joined = self._unsorted
        joined.sort()
        return joined

    @cached_property
    def _decayed(self) -> FloatArray:
        assert self._half_life is not None
        return _decayed_sums(self._joined >> self._bits, self._moment(slice(None)), self._half_life)

    def count(self, keys: NDArray[Any], at: FloatArray) -> NDArray[np.float64]:
        """(n,) number of events of each key, (n,), before each moment, (n,) [hours]; decayed with a half-life.

        >>> likes = AsOf(np.array([7, 7, 8]), np.array([1.0, 3.0, 2.0]), origin=0.0)
        >>> likes.count(np.array([7, 7, 7, 8]), np.array([1.0, 2.0, 9.0, 9.0])).tolist()
        [0.0, 1.0, 2.0, 1.0]
        """
        first, end = self._range(keys, at)
        if self._half_life is None:
            return (end - first).astype(np.float64)
        if not len(self._joined):
            return np.zeros(len(first))
        last = np.maximum(end - 1, 0)
        since = np.maximum(at - self._moment(last), 0.0)
        return np.where(end > first, self._decayed[last] * np.exp2(-since / self._half_life), 0.0)

    def last(self, keys: NDArray[Any], at: FloatArray) -> FloatArray:
        """(n,) moment of the last event of each key, (n,), before each moment, (n,) [hours]; -inf if there is none."""
        first, end = self._range(keys, at)
        if not len(self._joined):
            return np.full(len(first), -np.inf)
        return np.where(end > first, self._moment(np.maximum(end - 1, 0)), -np.inf)

    def _range(self, keys: NDArray[Any], at: FloatArray) -> tuple[IntArray, IntArray]:
        keys = np.minimum(keys.astype(np.int64), self._unused)
        first = np.searchsorted(self._joined, keys << self._bits)
        return first, np.searchsorted(self._joined, self._join(keys, at))

    def _moment(self, event: IntArray | slice) -> FloatArray:
        """(n,) moments of these events [hours], decoded from the sorted integers, so that no second array is kept."""
        moment: FloatArray = (self._joined[event] & ((1 << self._bits) - 1)) / HOUR_MS + self._origin
        return moment

    def _join(self, keys: NDArray[Any], at: FloatArray) -> IntArray:
        moment = np.clip(np.round((at - self._origin) * HOUR_MS), 0, 2**self._bits - 1).astype(np.int64)
        joined: IntArray = (keys.astype(np.int64) << self._bits) | moment
        return joined


def _decayed_sums(keys: NDArray[Any], at: FloatArray, half_life_hours: float) -> FloatArray:
    """(n_events,) decayed count of the key's events at the moment of each event, itself included.

    keys, at  (n_events,) each, sorted by key, then by moment [hours]

    Each sum is that of the event before, decayed, plus 1. All are computed together by recursive doubling, each within
    its key: one running sum over all keys would lose the old events of a key in the precision of many new ones of
    another.
    """
    sums = np.ones(len(keys))
    factor = np.zeros(len(keys))
    factor[1:] = np.where(keys[1:] == keys[:-1], np.exp2(-np.diff(at) / half_life_hours), 0.0)
    step, active = 1, np.flatnonzero(factor)
    while len(active):
        sums[active] += factor[active] * sums[active - step]
        factor[active] *= factor[active - step]
        active = active[factor[active] > 0]
        step *= 2
    return sums
