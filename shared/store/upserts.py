"""Upserts by a unique key that two writers may make at the same moment."""

from collections.abc import Sequence
from typing import Any

from pymongo import InsertOne, ReplaceOne, UpdateMany, UpdateOne
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError

MAX_ATTEMPTS = 10  # a key that is refused more often is not one that another writer just made
_DUPLICATE_KEY = 11000


def guarded_upsert(
    collection: Collection[dict[str, Any]],
    writes: Sequence[InsertOne[dict[str, Any]] | ReplaceOne[dict[str, Any]] | UpdateOne],
) -> int:
    """Insert or upsert all, each by a query that does not find what must stay; returns how many documents changed.

    Where that has the key, the server refuses the insert, and it stays.
    """
    try:
        result = collection.bulk_write(writes, ordered=False)
        return result.inserted_count + result.modified_count + result.upserted_count
    except BulkWriteError as error:
        if error.details["writeConcernErrors"] or any(
            one["code"] != _DUPLICATE_KEY for one in error.details["writeErrors"]
        ):
            raise
        return int(sum(error.details[name] for name in ("nInserted", "nModified", "nUpserted")))


def upsert_all(collection: Collection[dict[str, Any]], writes: Sequence[UpdateOne | UpdateMany]) -> int:
    """Write all, in any order, and return how many documents changed.

    Where another writer inserted the same key at the same moment, the server refuses the second insert: that one is
    asked for again, and is an update now.
    """
    changed = attempts = 0
    while writes:
        attempts += 1
        try:
            result = collection.bulk_write(writes, ordered=False)
            return changed + result.modified_count + result.upserted_count
        except BulkWriteError as error:
            failed = error.details["writeErrors"]
            others = error.details["writeConcernErrors"] or any(one["code"] != _DUPLICATE_KEY for one in failed)
            if others or attempts == MAX_ATTEMPTS:
                raise
            changed += error.details["nModified"] + error.details["nUpserted"]
            writes = [writes[one["index"]] for one in failed]
    return changed
