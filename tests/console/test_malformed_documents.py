"""Whatever is malformed in a field of a document that a page reads: the page is answered, and so are all others."""

from __future__ import annotations

from collections import defaultdict

from bson import ObjectId
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError, WriteError

from console.app import ROUTES
from console.rights import PUBLIC, RIGHTS, ROLES
from local.query_profile import profiled
from shared.documents import Document
from shared.store import Store
from tests.console.requests import ask, logged_in
from tests.console.test_queries import pages
from tests.faults.junk import JUNK, broken
from tests.faults.reads import paths_of

__all__ = ["pages"]

DOCUMENTS = 2  # of a collection that are broken, those named in addresses first
KINDS = 1  # of junk for each field of each document; all kinds have their turn


def test_a_malformed_document_stops_no_page(store: Store, pages: dict[str, str]) -> None:
    rights = {route.path: route.right for route in ROUTES if route.method == "GET"}
    tokens = {role: logged_in(store, role) for role in ROLES}

    def token_for(route: str) -> str:
        return next(tokens[role] for role in ROLES if rights[route] == PUBLIC or role in RIGHTS[rights[route]])

    readers = defaultdict(list)
    for route, path in pages.items():
        with profiled(store.app, store.analytics) as operations:
            ask("GET", path, token_for(route))
        for namespace in {operation.namespace for operation in operations}:
            readers[namespace].append((path, token_for(route)))

    failures, tried, turn = list[str](), 0, 0
    for namespace, asked in readers.items():
        database, _, name = namespace.partition(".")
        collection = store.client[database][name]
        for document in documents(collection, [path for path, _ in asked]):
            for field in paths_of(document):
                for _ in range(KINDS):
                    kind = list(JUNK)[turn % len(JUNK)]
                    turn += 1
                    if field == "_id" or not replaced(collection, document, field, kind):
                        continue
                    tried += 1
                    failures += [
                        f"{path}: {name}.{field} {kind}"
                        for path, token in asked
                        if ask("GET", path, token)["statusCode"] >= 500
                    ]
            collection.replace_one({"_id": document["_id"]}, document, upsert=True)

    assert failures == []
    assert tried > 300


def documents(collection: Collection[Document], addresses: list[str]) -> list[Document]:
    """Some documents of a collection, first those whose id or account an address has."""
    rows = list(collection.find({}, {"artifact": 0}).limit(200))
    rows.sort(key=lambda row: not any(str(value) in path for path in addresses for value in named(row)))
    whole = (collection.find_one({"_id": row["_id"]}) for row in rows[:DOCUMENTS])
    return [row for row in whole if row is not None]


def named(row: Document) -> list[object]:
    return [value for value in row.values() if isinstance(value, ObjectId)] or [row["_id"]]


def replaced(collection: Collection[Document], document: Document, field: str, kind: str) -> bool:
    """Whether the document could be stored with that junk in the field."""
    collection.delete_one({"_id": document["_id"]})
    try:
        collection.insert_one(broken(document, field, kind))
    except (DuplicateKeyError, WriteError):
        return False
    return True
