"""Reading many documents as arrays, without making a Python object of each.

The server is asked for documents whose fields have fixed types, so that all have the same length and a batch of them is
one array. What is missing, or of another type, comes as its kind's neutral value: an id of zeros, 1970, nan, -1. A code
is a whole number that an expression computes.

On the way the two are told apart: documents with a value that is not what it should be are named (`malformed`), by one
more aggregation where there are any.
"""

from collections.abc import Collection as Container
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from pymongo.collection import Collection

from shared.columns import Columns, concat
from shared.store.column_kinds import BEFORE, BEHIND, DTYPE, Kind, fixed, is_wrong, neutralise
from shared.store.malformed import MAX_IDS, name_malformed

Fields = Mapping[str, tuple[Kind, Any]]
Stages = list[dict[str, Any]]

DOCUMENTS_A_BATCH = 50_000


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
    return concat(parts) if parts else {name: np.empty(0, _layout(fields)[name]) for name in fields}


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
    stages = [*pipeline, {"$match": {"$expr": {"$or": wrong}}}, {"$limit": MAX_IDS}, {"$project": {"_id": 1}}]
    found = [row["_id"] for row in collection.aggregate(stages, allowDiskUse=True)]
    name_malformed(collection.name, *found, more=max(count - len(found), 0) if len(found) == MAX_IDS else 0)
