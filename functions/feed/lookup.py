"""A few keys among many that stay where they are."""

import numpy as np
from numpy.typing import NDArray

from shared.ranking.counters import all_of


class Lookup:
    """Finds a few keys in a table that stays, without looking at all of it."""

    def __init__(self, table: NDArray[np.uint64]) -> None:
        self._order = np.argsort(table, kind="stable")
        self._keys, first = np.unique(table[self._order], return_index=True)
        self._start = np.append(first, len(table))

    def __call__(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        """(n_found,) where any of these keys, each once, stands in the table.

        >>> Lookup(np.array([5, 7, 5], "u8"))(np.array([9, 5], "u8")).tolist()
        [0, 2]
        """
        first = np.searchsorted(self._keys, keys, "left")
        there = first[first < np.searchsorted(self._keys, keys, "right")]
        return all_of(self._start, self._order, there)[1]
