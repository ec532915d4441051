"""Arrays of ids and of what belongs to them: keys that sort and search fast, and the way back to ObjectIds.

A table is a mapping of names to arrays of one length (`Columns`). The ids of a column are twelve bytes each, of which
zeros stand for none.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from bson import ObjectId
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Float32Array = NDArray[np.float32]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
IdArray = NDArray[np.void]
KeyArray = NDArray[np.uint64]
Columns = dict[str, NDArray[Any]]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def id_keys(ids: IdArray) -> KeyArray:
    """(n,) 64-bit keys that sort and search fast; two different ids share one with a chance of 2⁻⁶⁴."""
    raw = np.ascontiguousarray(ids).view(np.uint8).reshape(-1, 12)
    head = np.ascontiguousarray(raw[:, :8]).view("<u8").ravel()
    tail = np.ascontiguousarray(raw[:, 8:]).view("<u4").ravel().astype(np.uint64)
    mixed_head = (head ^ (head >> np.uint64(29))) * _GOLDEN
    keys: KeyArray = (mixed_head ^ (mixed_head >> np.uint64(32))) + tail * (_GOLDEN << np.uint64(1) | np.uint64(1))
    return keys


def id_order(ids: IdArray) -> tuple[NDArray[np.uint32], KeyArray]:
    """Keys for `np.lexsort` that sort as the ids do in MongoDB."""
    raw = np.ascontiguousarray(ids).view(np.uint8).reshape(-1, 12)
    return np.ascontiguousarray(raw[:, 8:]).view(">u4").ravel(), np.ascontiguousarray(raw[:, :8]).view(">u8").ravel()


def object_ids(ids: IdArray) -> list[ObjectId]:
    """The ids as the driver writes them."""
    raw = ids.tobytes()
    return [ObjectId(raw[i : i + 12]) for i in range(0, len(raw), 12)]


def to_bson(keys: NDArray[np.bytes_]) -> list[ObjectId | str]:
    """The keys as the driver writes them; none may be empty."""
    return [ObjectId(key[1:].decode()) if key[:1] == b"o" else key[1:].decode() for key in keys.tolist()]


def concat(parts: Sequence[Columns]) -> Columns:
    """The same columns of several reads, one below the other; at least one read."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def is_valid(ids: IdArray) -> BoolArray:
    """(n,) False where a document had no id."""
    found: BoolArray = id_keys(ids) != 0
    return found


def deduplicate(records: Columns, key: Sequence[str], rank: NDArray[Any]) -> Columns:
    """Each event once, though an application may have recorded it more than once: of the records that agree in every
    column of `key` the one with the least `rank`, (n,). Records without one of the ids stay, for nothing tells what
    they repeat."""
    columns = [records[name] for name in key]
    keys, told = combine_keys(*columns), np.ones(len(rank), bool)
    for column in columns:
        told &= is_valid(column) if _holds_ids(column) else True
    ascending = np.sort(keys[told])
    if not (ascending[1:] == ascending[:-1]).any():
        return records
    order = np.lexsort((rank, keys))
    repeats = np.zeros(len(rank), bool)
    repeats[order[1:]] = keys[order[1:]] == keys[order[:-1]]
    return {name: column[~(repeats & told)] for name, column in records.items()}


def combine_keys(*columns: NDArray[Any]) -> KeyArray:
    """(n,) one 64-bit key for what stands in these columns together, which are ids or whole numbers."""
    keys: KeyArray = np.zeros(len(columns[0]), np.uint64)
    for column in columns:
        values: KeyArray = id_keys(column) if _holds_ids(column) else column.astype(np.int64).view(np.uint64)
        keys = np.asarray((keys ^ (keys >> np.uint64(29))) * _GOLDEN + (values ^ (values >> np.uint64(32))) * _GOLDEN)
    return keys


def _holds_ids(column: NDArray[Any]) -> bool:
    return column.dtype.kind == "V"


def unique_ids(ids: IdArray) -> IdArray:
    """Each id once, but for the zeros that stand for none."""
    keys, first = np.unique(id_keys(ids), return_index=True)
    return np.asarray(ids[first[keys != 0]])


def id_array(ids: Iterable[ObjectId]) -> IdArray:
    """(n,) the ids as `read_columns` gives them."""
    return np.frombuffer(b"".join(one.binary for one in ids), "V12")


def lookup(keys: KeyArray, table: KeyArray) -> IntArray:
    """(n,) where each key stands in the table, -1 where it does not.

    >>> lookup(np.array([5, 7, 9], "u8"), np.array([9, 5], "u8")).tolist()
    [1, -1, 0]
    """
    if not len(table):
        return np.full(len(keys), -1)
    order = np.argsort(table, kind="stable")
    at = np.minimum(np.searchsorted(table, keys, sorter=order), len(table) - 1)
    found = order[at]
    return np.where(table[found] == keys, found, -1)
