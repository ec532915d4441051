"""A search index over a fixed table of keys."""

import numpy as np

from shared.columns import IntArray, KeyArray
from shared.ranking.counters import all_of


class Lookup:
    """Finds the rows of a few keys in a table that does not change, by binary search."""

    def __init__(self, table: KeyArray) -> None:
        """Sort the table once; (n,), keys may repeat."""
        self._order = np.argsort(table, kind="stable")
        self._keys, first = np.unique(table[self._order], return_index=True)
        self._start = np.append(first, len(table))

    def __call__(self, keys: KeyArray) -> IntArray:
        """(n_found,) rows of the table that hold any of these keys, which are distinct; in the order of the keys.

        >>> Lookup(np.array([5, 7, 5], "u8"))(np.array([9, 5], "u8")).tolist()
        [0, 2]
        """
        first = np.searchsorted(self._keys, keys, "left")
        in_table = first[first < np.searchsorted(self._keys, keys, "right")]
        return all_of(self._start, self._order, in_table)[1]
