"""Listing and creating the indexes of the schema that the databases lack."""

from collections.abc import Iterator
from typing import Any

from pymongo.database import Database
from pymongo.errors import OperationFailure

from shared.documents import Document
from shared.errors import BadConfig
from shared.store.options import ExposureFields
from shared.store.schema.application import DEFAULT_NAMES, FEED_ITEMS, feed_items
from shared.store.schema.tables import COLLECTIONS
from shared.store.schema.types import Collection, Index


def missing(
    app: Database[Document], analytics: Database[Document], names: ExposureFields = DEFAULT_NAMES
) -> Iterator[tuple[Collection, Index]]:
    """Every index of the schema that the databases lack."""
    for collection in (feed_items(names) if table is FEED_ITEMS else table for table in COLLECTIONS):
        information = (app if collection.database == "app" else analytics)[collection.name].index_information()
        stored = {tuple(options["key"]): options for options in information.values()}
        yield from ((collection, index) for index in collection.indexes if not _serves(stored.get(index.keys), index))


def _serves(stored: Any, index: Index) -> bool:
    """Whether the stored index, by its options, does what the index of the schema is for."""
    if stored is None:
        return False
    expires = None if index.expires_after is None else index.expires_after.total_seconds()
    flags = bool(stored.get("unique", False) or not index.unique) and bool(stored.get("sparse")) == index.sparse
    return flags and stored.get("expireAfterSeconds") == expires


def apply(app: Database[Document], analytics: Database[Document], names: ExposureFields = DEFAULT_NAMES) -> int:
    """Create the missing indexes; returns how many.

    Raises BadConfig naming the index where it cannot be created (two documents with one unique key, or an index of
    that name with other options).
    """
    count = 0
    for collection, index in missing(app, analytics, names):
        try:
            (app if collection.database == "app" else analytics)[collection.name].create_indexes([index.model()])
        except OperationFailure as error:
            answer = f"code {error.code}, {(error.details or {}).get('errmsg')}"
            raise BadConfig(f"index {index.name} on {collection.name}: {answer}") from None
        count += 1
    return count
