"""Which indexes of the schema the databases lack, and making them."""

from collections.abc import Iterator
from typing import Any

from pymongo.database import Database
from pymongo.errors import OperationFailure

from shared.config import Exposures
from shared.documents import Document
from shared.errors import BadConfig
from shared.store.schema.application import DEFAULT_NAMES, FEED_ITEMS, feed_items
from shared.store.schema.tables import COLLECTIONS
from shared.store.schema.types import Collection, Index


def missing(
    app: Database[Document], analytics: Database[Document], names: Exposures = DEFAULT_NAMES
) -> Iterator[tuple[Collection, Index]]:
    """Every index of the table that the databases lack."""
    for wanted in (feed_items(names) if one is FEED_ITEMS else one for one in COLLECTIONS):
        found = (app if wanted.database == "app" else analytics)[wanted.name].index_information()
        have = {tuple(i["key"]): i for i in found.values()}
        yield from ((wanted, index) for index in wanted.indexes if not _serves(have.get(index.keys), index))


def _serves(found: Any, wanted: Index) -> bool:
    if found is None:
        return False
    expires = None if wanted.expires_after is None else wanted.expires_after.total_seconds()
    flags = bool(found.get("unique", False) or not wanted.unique) and bool(found.get("sparse")) == wanted.sparse
    return flags and found.get("expireAfterSeconds") == expires


def apply(app: Database[Document], analytics: Database[Document], names: Exposures = DEFAULT_NAMES) -> int:
    """Make what is missing and return how many indexes that was.

    Raises BadConfig naming the index where the data does not allow it (two documents with one unique key, or an index
    of that name with other options).
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
