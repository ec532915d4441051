"""Reading many documents as arrays, without making a Python object of each.

The server is asked for documents whose fields have fixed types, so that all have the same length and a batch of them is
one array. What is missing, or of another type, comes as its kind's neutral value: an id of zeros, 1970, nan, -1. A code
is a whole number that an expression computes.

On the way the two are told apart: documents with a value that is not what it should be are named (`malformed`), by one
more aggregation where there are any.
"""

from collections.abc import Collection as Container
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from bson import ObjectId
from numpy.typing import NDArray
from pymongo.collection import Collection

from shared.store.column_kinds import BEFORE, BEHIND, DTYPE, MALFORMED_CODE, Kind, fixed, is_wrong, neutralise
from shared.store.identity import NO_ID
from shared.store.malformed import MOST_IDS, name_malformed

__all__ = [
    "MALFORMED_CODE",
    "NO_ID",
    "Columns",
    "Fields",
    "Kind",
    "as_stored",
    "distinct",
    "id_array",
    "id_keys",
    "id_order",
    "joined",
    "known",
    "mixed",
    "object_ids",
    "positions",
    "read_batches",
    "read_columns",
]

Columns = dict[str, NDArray[Any]]
Fields = Mapping[str, tuple[Kind, Any]]
Stages = list[dict[str, Any]]

DOCUMENTS_A_BATCH = 50_000
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def read_columns(
    collection: Collection[dict[str, Any]],
    pipeline: Stages,
    fields: Fields,
    optional: Container[str] = (),
    documents: tuple[Stages, Fields] | None = None,
) -> Columns:
    """Arrays out of an aggregation: for each name its kind and the expression that gives the value.

    id      (n,) twelve bytes each, also of an id stored as 24 hex digits; compare them with `id_keys`, turn them back
            with `object_ids`
    key     (n,) of an id or a text, whichever it is, empty for anything else; turn them back with `as_stored`
    moment  (n,) int64    [ms since 1970]
    number  (n,) float64
    code    (n,) int32; an expression says MALFORMED_CODE where it cannot tell

    optional   fields that a sound document may lack
    documents  where the pipeline gives no documents of the collection: one that does, and what to look at in them
    """
    parts = list(read_batches(collection, pipeline, fields, optional, documents))
    return joined(parts) if parts else {name: np.empty(0, _layout(fields)[name]) for name in fields}


def read_batches(
    collection: Collection[dict[str, Any]],
    pipeline: Stages,
    fields: Fields,
    optional: Container[str] = (),
    documents: tuple[Stages, Fields] | None = None,
) -> Iterator[Columns]:
    """The same part by part, so that no more than one of them is in memory."""
    layout, malformed = _layout(fields), 0
    shown = {name: fixed(kind, expression) for name, (kind, expression) in fields.items()}
    stages = [*pipeline, {"$project": {"_id": 0} | shown}]
    batches = collection.aggregate_raw_batches(stages, batchSize=DOCUMENTS_A_BATCH, allowDiskUse=True)
    for batch in batches:
        if batch:
            raw = memoryview(batch)  # type: ignore[arg-type]  # bytes, whatever the stubs say
            columns = {name: np.frombuffer(raw, layout)[name].copy() for name in fields}
            wrong = [neutralise(kind, columns[name], name in optional) for name, (kind, _) in fields.items()]
            malformed += int(np.logical_or.reduce(wrong).sum()) if wrong else 0
            yield columns
    if malformed:
        _name_malformed(collection, *(documents or (pipeline, fields)), optional, malformed)


def id_keys(ids: NDArray[np.void]) -> NDArray[np.uint64]:
    """(n,) 64-bit keys that sort and search fast; two different ids share one with a chance of 2⁻⁶⁴."""
    raw = np.ascontiguousarray(ids).view(np.uint8).reshape(-1, 12)
    head = np.ascontiguousarray(raw[:, :8]).view("<u8").ravel()
    tail = np.ascontiguousarray(raw[:, 8:]).view("<u4").ravel().astype(np.uint64)
    mixed = (head ^ (head >> np.uint64(29))) * _GOLDEN
    keys: NDArray[np.uint64] = (mixed ^ (mixed >> np.uint64(32))) + tail * (_GOLDEN << np.uint64(1) | np.uint64(1))
    return keys


def id_order(ids: NDArray[np.void]) -> tuple[NDArray[np.uint32], NDArray[np.uint64]]:
    """Keys for `np.lexsort` that sort as the ids do in MongoDB."""
    raw = np.ascontiguousarray(ids).view(np.uint8).reshape(-1, 12)
    return np.ascontiguousarray(raw[:, 8:]).view(">u4").ravel(), np.ascontiguousarray(raw[:, :8]).view(">u8").ravel()


def object_ids(ids: NDArray[np.void]) -> list[ObjectId]:
    """The ids as the driver writes them."""
    raw = ids.tobytes()
    return [ObjectId(raw[i : i + 12]) for i in range(0, len(raw), 12)]


def as_stored(keys: NDArray[np.bytes_]) -> list[ObjectId | str]:
    """The keys as the driver writes them; none may be empty."""
    return [ObjectId(key[1:].decode()) if key[:1] == b"o" else key[1:].decode() for key in keys.tolist()]


def joined(parts: Sequence[Columns]) -> Columns:
    """The same columns of several reads, one below the other; at least one read."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def known(ids: NDArray[np.void]) -> NDArray[np.bool_]:
    """(n,) False where a document had no id."""
    found: NDArray[np.bool_] = id_keys(ids) != 0
    return found


def once(records: Columns, key: Sequence[str], rank: NDArray[Any]) -> Columns:
    """Each event once, though an application may have recorded it more than once: of the records that agree in every
    column of `key` the one with the least `rank`, (n,). Records without one of the ids stay, for nothing tells what
    they repeat."""
    columns = [records[name] for name in key]
    keys, told = mixed(*columns), np.ones(len(rank), bool)
    for column in columns:
        told &= known(column) if _holds_ids(column) else True
    ascending = np.sort(keys[told])
    if not (ascending[1:] == ascending[:-1]).any():
        return records
    order = np.lexsort((rank, keys))
    repeats = np.zeros(len(rank), bool)
    repeats[order[1:]] = keys[order[1:]] == keys[order[:-1]]
    return {name: column[~(repeats & told)] for name, column in records.items()}


def mixed(*columns: NDArray[Any]) -> NDArray[np.uint64]:
    """(n,) one 64-bit key for what stands in these columns together, which are ids or whole numbers."""
    keys: NDArray[np.uint64] = np.zeros(len(columns[0]), np.uint64)
    for column in columns:
        values: NDArray[np.uint64] = id_keys(column) if _holds_ids(column) else column.astype(np.int64).view(np.uint64)
        keys = np.asarray((keys ^ (keys >> np.uint64(29))) * _GOLDEN + (values ^ (values >> np.uint64(32))) * _GOLDEN)
    return keys


def _holds_ids(column: NDArray[Any]) -> bool:
    return column.dtype.kind == "V"


def distinct(ids: NDArray[np.void]) -> NDArray[np.void]:
    """Each id once, but for the zeros that stand for none."""
    keys, first = np.unique(id_keys(ids), return_index=True)
    return np.asarray(ids[first[keys != 0]])


def id_array(ids: Iterable[ObjectId]) -> NDArray[np.void]:
    """(n,) the ids as `read_columns` gives them."""
    return np.frombuffer(b"".join(one.binary for one in ids), "V12")


def positions(keys: NDArray[np.uint64], table: NDArray[np.uint64]) -> NDArray[np.int64]:
    """(n,) where each key stands in the table, -1 where it does not.

    >>> positions(np.array([5, 7, 9], "u8"), np.array([9, 5], "u8")).tolist()
    [1, -1, 0]
    """
    if not len(table):
        return np.full(len(keys), -1)
    order = np.argsort(table, kind="stable")
    at = np.minimum(np.searchsorted(table, keys, sorter=order), len(table) - 1)
    found = order[at]
    return np.where(table[found] == keys, found, -1)


def _layout(fields: Mapping[str, tuple[Kind, Any]]) -> np.dtype[np.void]:
    """BSON of one document: its length, then type byte, name and value of each field, then a zero byte."""
    names, formats, offsets, at = [], [], [], 4
    for name, (kind, _) in fields.items():
        at += 1 + len(name.encode()) + 1 + BEFORE.get(kind, 0)
        names.append(name)
        formats.append(DTYPE[kind])
        offsets.append(at)
        at += np.dtype(DTYPE[kind]).itemsize + BEHIND.get(kind, 0)
    return np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": at + 1})


def _name_malformed(
    collection: Collection[dict[str, Any]], pipeline: Stages, fields: Fields, optional: Container[str], count: int
) -> None:
    """Name the documents with a value that is not what it should be, of which `count` rows were met."""
    wrong = [is_wrong(kind, expression, name in optional) for name, (kind, expression) in fields.items()]
    stages = [*pipeline, {"$match": {"$expr": {"$or": wrong}}}, {"$limit": MOST_IDS}, {"$project": {"_id": 1}}]
    found = [row["_id"] for row in collection.aggregate(stages, allowDiskUse=True)]
    name_malformed(collection.name, *found, more=max(count - len(found), 0) if len(found) == MOST_IDS else 0)
