"""Items of many owners, each owner's in order of time, with fast look-up by moment."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from shared.columns import FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Timelines:
    """Items sorted by owner, then time, as one array for a single binary search.

    items   (n,)             index of each item
    starts  (n_owners + 1,)  where each owner's items begin
    keys    (n,)             owner x stride + time since `first`, ascending
    first   before all moments [s]
    stride  longer than the time from `first` to the last moment [s]
    """

    items: IntArray
    starts: IntArray
    keys: FloatArray
    first: float
    stride: float

    @classmethod
    def of(cls, owner: IntArray, at: FloatArray, owners: int) -> Self:
        """Sort items by their owners (n,) and moments `at` (n,)."""
        first, last = float(at.min(initial=0.0)) - 1.0, float(at.max(initial=0.0)) + 1.0
        stride = last - first + 1.0
        items = np.lexsort((at, owner))
        keys = owner[items] * stride + (at[items] - first)
        return cls(items, np.searchsorted(owner[items], np.arange(owners + 1)), keys, first, stride)

    def earlier(self, owner: IntArray, at: FloatArray) -> IntArray:
        """(n,) number of items of each owner before each moment.

        >>> lines = Timelines.of(np.array([0, 1, 1]), np.array([5.0, 1.0, 9.0]), 2)
        >>> lines.earlier(np.array([0, 1, 1]), np.array([5.0, 5.0, 99.0])).tolist()
        [0, 1, 2]
        """
        since_first = np.clip(at - self.first, 0.0, self.stride - 1.0)
        return np.searchsorted(self.keys, owner * self.stride + since_first) - self.starts[owner]

    def counts(self, owner: IntArray) -> IntArray:
        """(n,) number of items of each owner."""
        return self.starts[owner + 1] - self.starts[owner]

    def at_position(self, owner: IntArray, position: IntArray) -> IntArray:
        """(n,) the item at a position among its owner's, 0 is the earliest; the position must exist."""
        items: IntArray = self.items[self.starts[owner] + position]
        return items
