"""Lists of items, ids for example, that are short enough for one command."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")

IDS_A_BATCH = 10_000


def in_batches(items: Iterable[Item], size: int = IDS_A_BATCH) -> Iterator[list[Item]]:
    """Lists of at most `size` items, in order; none is empty. Without a size they have what fits in one command.

    >>> list(in_batches("abcde", 2))
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    batch = list[Item]()
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
