"""Ids in lists that are short enough for one command."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

Id = TypeVar("Id")

IDS_A_BATCH = 10_000


def in_batches(ids: Iterable[Id]) -> Iterator[list[Id]]:
    """Lists of at most IDS_A_BATCH ids, in order; none is empty."""
    batch: list[Id] = []
    for item in ids:
        batch.append(item)
        if len(batch) == IDS_A_BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
