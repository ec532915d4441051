"""Upserts by a unique key that two writers may insert at the same moment."""

from collections.abc import Sequence
from typing import Any

from pymongo import InsertOne, ReplaceOne, UpdateMany, UpdateOne
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError

MAX_ATTEMPTS = 10  # a key that is refused more often is a conflict that no other writer caused just now
_DUPLICATE_KEY = 11000


def guarded_upsert(
    collection: Collection[dict[str, Any]],
    writes: Sequence[InsertOne[dict[str, Any]] | ReplaceOne[dict[str, Any]] | UpdateOne],
) -> int:
    """Insert or upsert documents, but leave stored ones that must stay; returns how many documents changed.

    writes  the query of each does not find a document that must stay: the server then refuses the insert of its key
    """
    try:
        result = collection.bulk_write(writes, ordered=False)
        return result.inserted_count + result.modified_count + result.upserted_count
    except BulkWriteError as error:
        if error.details["writeConcernErrors"] or any(
            refused["code"] != _DUPLICATE_KEY for refused in error.details["writeErrors"]
        ):
            raise
        return int(sum(error.details[name] for name in ("nInserted", "nModified", "nUpserted")))


def upsert_all(collection: Collection[dict[str, Any]], writes: Sequence[UpdateOne | UpdateMany]) -> int:
    """Make all writes, in any order; returns how many documents changed.

    Where another writer inserted the same key at the same moment, the server refuses the second insert: that write is
    repeated, as an update now.
    """
    changed = attempts = 0
    while writes:
        attempts += 1
        try:
            result = collection.bulk_write(writes, ordered=False)
            return changed + result.modified_count + result.upserted_count
        except BulkWriteError as error:
            failed = error.details["writeErrors"]
            other_errors = error.details["writeConcernErrors"] or any(
                refused["code"] != _DUPLICATE_KEY for refused in failed
            )
            if other_errors or attempts == MAX_ATTEMPTS:
                raise
            changed += error.details["nModified"] + error.details["nUpserted"]
            writes = [writes[refused["index"]] for refused in failed]
    return changed
