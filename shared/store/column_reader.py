"""Reading many documents as arrays, without making a Python object of each.

The server projects documents to fields of fixed types, so that all have the same length and a batch of them is one
array. A value that is missing, or of another type, becomes the neutral value of its kind: an id of zeros, 1970, nan or
-1. A code is a whole number that an expression computes.

PyMongoArrow does the same, but needs pyarrow, 164 MB of the 250 MB that a function may have with its layers. Tests
compare the columns with the documents that `find` gives.

Documents with a malformed value are reported by their ids (`malformed`), by one more aggregation where there are any.
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
    batch_size: int = DOCUMENTS_A_BATCH,
) -> Columns:
    """The results of an aggregation as one array for each field.

    fields      by name, the kind of the column and the expression that gives the value
    optional    fields that a sound document may lack
    documents   where the results of the pipeline are no documents of the collection: a pipeline whose results are, and
                the fields to check in them
    batch_size  results that are read at once, at most

    Kinds:
    id      (n,) twelve bytes each, also of an id stored as 24 hex digits; compare them with `id_keys`, turn them back
            with `object_ids`
    key     (n,) of an id or a text, empty for anything else; turn them back with `to_bson`
    moment  (n,) int64    [ms since 1970]
    number  (n,) float64
    code    (n,) int32; an expression gives MALFORMED_CODE where its input is malformed
    """
    parts = list(read_batches(collection, pipeline, fields, optional, documents, batch_size))
    return concat(parts) if parts else {name: np.empty(0, _layout(fields)[name]) for name in fields}


def read_batches(
    collection: Collection[dict[str, Any]],
    pipeline: Stages,
    fields: Fields,
    optional: Container[str] = (),
    documents: tuple[Stages, Fields] | None = None,
    batch_size: int = DOCUMENTS_A_BATCH,
) -> Iterator[Columns]:
    """The columns of `read_columns`, batch by batch, so that only one batch is in memory."""
    layout, malformed = _layout(fields), 0
    shown = {name: fixed(kind, expression) for name, (kind, expression) in fields.items()}
    stages = [*pipeline, {"$project": {"_id": 0} | shown}]
    batches = collection.aggregate_raw_batches(stages, batchSize=batch_size, allowDiskUse=True)
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
    """The layout of a document in BSON: its length, then type byte, name and value of each field, then a zero byte."""
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
    """Report the documents that hold a malformed value.

    count  the malformed rows that were read
    """
    wrong = [is_wrong(kind, expression, name in optional) for name, (kind, expression) in fields.items()]
    stages = [*pipeline, {"$match": {"$expr": {"$or": wrong}}}, {"$limit": MAX_IDS}, {"$project": {"_id": 1}}]
    ids = [row["_id"] for row in collection.aggregate(stages, allowDiskUse=True)]
    name_malformed(collection.name, *ids, more=max(count - len(ids), 0) if len(ids) == MAX_IDS else 0)
