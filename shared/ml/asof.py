"""Counters as they stood at any moment of the past, rebuilt from timestamped events.

A counter read today already holds what a model is to predict. These give what was known just before.
"""

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.clock import HOUR_MS
from shared.columns import FloatArray, IntArray

_INTEGER_BITS = 63


class AsOf:
    """Events by key and moment, answering how many, how fresh and when last, strictly before a moment.

    keys  (n_events,)  what is counted, from 0 on
    at    (n_events,)  when it happened, none before `origin`  [hours since any origin, told apart by the millisecond]

    Keys and moments share one sortable integer; ValueError where the largest of both do not fit together.
    """

    def __init__(self, keys: NDArray[Any], at: FloatArray, origin: float, half_life_hours: float | None = None) -> None:
        self._origin = origin
        self._half_life = half_life_hours
        latest = int((at.max(initial=origin) - origin) * HOUR_MS) + 2  # so that a moment behind all events exists
        self._bits = latest.bit_length()
        self._unused = int(keys.max(initial=0)) + 1
        if self._unused.bit_length() + self._bits > _INTEGER_BITS:
            raise ValueError(f"{self._unused} keys over {latest / HOUR_MS:.0f} hours are more than can be told apart")
        self._unsorted = self._join(keys, at)

    @cached_property
    def _joined(self) -> IntArray:
        """Sorted when it is first asked for: who needs few of many counters does not wait for the others.

        In place, so that the first to ask is one thread.
        """
        joined = self._unsorted
        joined.sort()
        return joined

    @cached_property
    def _faded(self) -> FloatArray:
        assert self._half_life is not None
        return _faded(self._joined >> self._bits, self._moment(slice(None)), self._half_life)

    def count(self, keys: NDArray[Any], at: FloatArray) -> NDArray[np.float64]:
        """(n,) events of each key before each moment; with a half-life each event counts 2^(-its age / half-life).

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
        return np.where(end > first, self._faded[last] * np.exp2(-since / self._half_life), 0.0)

    def last(self, keys: NDArray[Any], at: FloatArray) -> FloatArray:
        """(n,) moment of the last event of each key before each moment  [hours]; -inf where there was none."""
        first, end = self._range(keys, at)
        if not len(self._joined):
            return np.full(len(first), -np.inf)
        return np.where(end > first, self._moment(np.maximum(end - 1, 0)), -np.inf)

    def _range(self, keys: NDArray[Any], at: FloatArray) -> tuple[IntArray, IntArray]:
        keys = np.minimum(keys.astype(np.int64), self._unused)
        first = np.searchsorted(self._joined, keys << self._bits)
        return first, np.searchsorted(self._joined, self._join(keys, at))

    def _moment(self, event: IntArray | slice) -> FloatArray:
        """When these events happened, out of what they are sorted by, which keeps no second array of them."""
        moment: FloatArray = (self._joined[event] & ((1 << self._bits) - 1)) / HOUR_MS + self._origin
        return moment

    def _join(self, keys: NDArray[Any], at: FloatArray) -> IntArray:
        moment = np.clip(np.round((at - self._origin) * HOUR_MS), 0, 2**self._bits - 1).astype(np.int64)
        joined: IntArray = (keys.astype(np.int64) << self._bits) | moment
        return joined


def _faded(keys: NDArray[Any], at: FloatArray, half_life_hours: float) -> FloatArray:
    """(n_events,) for events by key and moment: what those of the key up to and with each are worth at its moment.

    Each is the one before, faded, plus 1. Solved for all at once, over ever longer stretches, each within one key:
    a running sum over all keys would lose the old events of one in the many new ones of another.
    """
    worth = np.ones(len(keys))
    fading = np.zeros(len(keys))
    fading[1:] = np.where(keys[1:] == keys[:-1], np.exp2(-np.diff(at) / half_life_hours), 0.0)
    behind, active = 1, np.flatnonzero(fading)
    while len(active):
        worth[active] += fading[active] * worth[active - behind]
        fading[active] *= fading[active - behind]
        active = active[fading[active] > 0]
        behind *= 2
    return worth
