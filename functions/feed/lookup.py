"""A few keys among many that stay where they are."""

import numpy as np
from numpy.typing import NDArray


class Lookup:
    """Finds a few keys in a table that stays, without looking at all of it."""

    def __init__(self, table: NDArray[np.uint64]) -> None:
        self._order = np.argsort(table, kind="stable")
        self._ascending = table[self._order]

    def __call__(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        """(n_found,) where any of these keys, each once, stands in the table.

        >>> Lookup(np.array([5, 7, 5], "u8"))(np.array([9, 5], "u8")).tolist()
        [0, 2]
        """
        first = np.searchsorted(self._ascending, keys, "left")
        number = np.searchsorted(self._ascending, keys, "right") - first
        within = np.arange(number.sum()) - np.repeat(np.cumsum(number) - number, number)
        found: NDArray[np.int64] = self._order[np.repeat(first, number) + within]
        return found
