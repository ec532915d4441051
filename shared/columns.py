"""Tables as arrays: ids of twelve bytes, 64-bit keys of ids that sort and search fast, and conversion to ObjectIds.

A table is a mapping of names to arrays of one length (`Columns`). In a column of ids twelve zero bytes mean no id.
"""

from collections.abc import Collection, Iterable, Sequence
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
    """(n,) 64-bit keys that sort and search fast; two different ids have the same key with a probability of 2⁻⁶⁴."""
    raw = np.ascontiguousarray(ids).view(np.uint8).reshape(-1, 12)
    head = np.ascontiguousarray(raw[:, :8]).view("<u8").ravel()
    tail = np.ascontiguousarray(raw[:, 8:]).view("<u4").ravel().astype(np.uint64)
    mixed_head = (head ^ (head >> np.uint64(29))) * _GOLDEN
    keys: KeyArray = (mixed_head ^ (mixed_head >> np.uint64(32))) + tail * (_GOLDEN << np.uint64(1) | np.uint64(1))
    return keys


def id_order(ids: IdArray) -> tuple[NDArray[np.uint32], KeyArray]:
    """(n,) each, minor and major key for `np.lexsort`, which then sorts as MongoDB sorts the ids."""
    raw = np.ascontiguousarray(ids).view(np.uint8).reshape(-1, 12)
    return np.ascontiguousarray(raw[:, 8:]).view(">u4").ravel(), np.ascontiguousarray(raw[:, :8]).view(">u8").ravel()


def object_ids(ids: IdArray) -> list[ObjectId]:
    """The (n,) ids as n ObjectIds; an id of zeros too."""
    raw = ids.tobytes()
    return [ObjectId(raw[i : i + 12]) for i in range(0, len(raw), 12)]


def to_bson(keys: NDArray[np.bytes_]) -> list[ObjectId | str]:
    """The (n,) keys of `read_columns`, none of them empty, as ObjectIds and texts; bytes of a text that are not UTF-8
    are replaced, as by the driver."""
    texts = [(key[:1], key[1:].decode(errors="replace")) for key in keys.tolist()]
    return [ObjectId(text) if kind == b"o" else text for kind, text in texts]


def concat(parts: Sequence[Columns]) -> Columns:
    """One table of the rows of several tables with the same columns; at least one table."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def is_valid(ids: IdArray) -> BoolArray:
    """(n,) False for the zeros that mean no id."""
    valid: BoolArray = id_keys(ids) != 0
    return valid


def deduplicate(records: Columns, key: Sequence[str], rank: NDArray[Any]) -> Columns:
    """Keep one of the records that agree in every column of `key`: the one with the lowest `rank`, (n,).

    An application may record one event several times. Records without one of the ids of the key are all kept, since
    nothing says which event they repeat.
    """
    columns = [records[name] for name in key]
    keys, has_key = combine_keys(*columns), np.ones(len(rank), bool)
    for column in columns:
        has_key &= is_valid(column) if _holds_ids(column) else True
    ascending = np.sort(keys[has_key])
    if not (ascending[1:] == ascending[:-1]).any():
        return records
    order = np.lexsort((rank, keys))
    repeats = np.zeros(len(rank), bool)
    repeats[order[1:]] = keys[order[1:]] == keys[order[:-1]]
    return {name: column[~(repeats & has_key)] for name, column in records.items()}


def exclude_ids(rows: Columns, ids: Collection[ObjectId], *fields: str) -> Columns:
    """The rows that hold none of these ids in any of the fields."""
    if not ids:
        return rows
    keys = id_keys(id_array(ids))
    stays = ~np.any([np.isin(id_keys(rows[field]), keys) for field in fields], axis=0)
    return {name: column[stays] for name, column in rows.items()}


def combine_keys(*columns: NDArray[Any]) -> KeyArray:
    """(n,) one 64-bit key of each row of these columns, which are ids or whole numbers; equal rows have equal keys."""
    keys: KeyArray = np.zeros(len(columns[0]), np.uint64)
    for column in columns:
        values: KeyArray = id_keys(column) if _holds_ids(column) else column.astype(np.int64).view(np.uint64)
        keys = np.asarray((keys ^ (keys >> np.uint64(29))) * _GOLDEN + (values ^ (values >> np.uint64(32))) * _GOLDEN)
    return keys


def _holds_ids(column: NDArray[Any]) -> bool:
    return column.dtype.kind == "V"


def unique_ids(ids: IdArray) -> IdArray:
    """(n_unique,) each id once, without the zeros that mean no id."""
    keys, first = np.unique(id_keys(ids), return_index=True)
    return np.asarray(ids[first[keys != 0]])


def id_array(ids: Iterable[ObjectId]) -> IdArray:
    """(n,) the ids as twelve bytes each, as `read_columns` gives them."""
    return np.frombuffer(b"".join(identity.binary for identity in ids), "V12")


def lookup(keys: KeyArray, table: KeyArray) -> IntArray:
    """(n,) position of each key in the table, which is in any order; -1 if it is not there.

    >>> lookup(np.array([5, 7, 9], "u8"), np.array([9, 5], "u8")).tolist()
    [1, -1, 0]
    """
    order = np.append(np.argsort(table, kind="stable"), -1)  # the last one is that of a key that is not there
    return order[lookup_sorted(keys, table[order[:-1]])]


def lookup_sorted(keys: NDArray[Any], ascending: NDArray[Any]) -> IntArray:
    """(n,) position of each key, (n,), in an ascending table; -1 if it is not there.

    >>> lookup_sorted(np.array([2, 4]), np.array([1, 2, 3])).tolist()
    [1, -1]
    """
    if not len(ascending):
        return np.full(len(keys), -1)
    position = np.minimum(np.searchsorted(ascending, keys), len(ascending) - 1)
    return np.where(ascending[position] == keys, position, -1)


def rank_within(groups: NDArray[np.integer[Any]]) -> IntArray:
    """(n,) position of each row within its run of equal groups, (n,), from 0.

    >>> rank_within(np.array([7, 7, 8, 9, 9, 9])).tolist()
    [0, 1, 0, 0, 1, 2]
    """
    start = np.concatenate([[0], np.flatnonzero(np.diff(groups)) + 1])
    return np.asarray(np.arange(len(groups)) - np.repeat(start, np.diff(np.append(start, len(groups)))))


def expand_ranges(first: IntArray, count: IntArray) -> tuple[IntArray, IntArray]:
    """The positions first, first + 1, ... of n ranges, one range after the other: (m,) range of each position, and (m,)
    positions.

    first, count  (n,) first position of each range, and how many it has

    >>> [part.tolist() for part in expand_ranges(np.array([5, 0, 2]), np.array([2, 0, 1]))]
    [[0, 0, 2], [5, 6, 2]]
    """
    which = np.repeat(np.arange(len(first)), count)
    return which, np.repeat(first - np.cumsum(count) + count, count) + np.arange(len(which))
