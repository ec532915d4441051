"""Which databases commands may fill, empty and drop: those that this owner made, and those that the user named.

A database without documents is claimed by a marker, a document with a random id of its own, its owner's token and the
name of its database:

    app-db.feedkeeperOwner: {_id: ObjectId, owner: "9f0c…", database: "app-db", unfinished: true}

The marker is read again before each destructive operation. It is no proof under another name, as after a restore into
another database, and none for another owner: the token of a process is known to that process alone, that of a data
folder is used with the folder's own server alone. On the server of somebody else, a data folder's marker proves for one
day what an interrupted filling left, and is removed when the filling is done.

While a demo network is written over what a database had, the markers also have `replacing: true`. Where the writing was
interrupted it stays, and `dev` writes the network anew; an import that was interrupted or refused leaves no such mark.

Every destructive operation of local and benchmarks is one of this module; tests/contract/test_house_rules.py checks it.
"""

from collections.abc import Collection as Names
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import uuid4

from bson import ObjectId
from pymongo import WriteConcern
from pymongo.collection import Collection
from pymongo.database import Database

from shared.documents import Document
from shared.errors import Forbidden
from shared.store import schema

MARKER: Final = "feedkeeperOwner"
MAX_FILLING: Final = timedelta(days=1)
TRANSIENT: Final = (MARKER, schema.LEASES.name)  # collections that an empty database may have


@dataclass(frozen=True, slots=True)
class Owner:
    """Who claims databases.

    token    random, of this process or of a data folder
    lasting  whether its marker is a proof after the filling is done
    named    databases that the user allows to be emptied, by their whole names
    """

    token: str
    lasting: bool = True
    named: frozenset[str] = frozenset()


_owner = Owner(uuid4().hex)


@contextmanager
def owning(token: str | None, named: Names[str], *, lasting: bool) -> Iterator[None]:
    """Claim and prove as this owner while the body runs; as this process, where there is no token."""
    global _owner
    before, _owner = _owner, Owner(token or _owner.token, lasting, frozenset(named))
    try:
        yield
    finally:
        _owner = before


def is_empty(database: Database[Document]) -> bool:
    """Whether no collection has a document, except markers and leases."""
    names = database.list_collection_names(filter={"type": "collection"})
    return not any(database[name].find_one({}, {"_id": 1}) for name in names if name not in TRANSIENT)


def is_owned(database: Database[Document]) -> bool:
    """Whether the database has a marker of this owner with its own name."""
    proof: Document = {"owner": _owner.token, "database": database.name}
    if not _owner.lasting:
        proof |= {"unfinished": True, "_id": {"$gt": ObjectId.from_datetime(datetime.now(UTC) - MAX_FILLING)}}
    return _markers(database).find_one(proof) is not None


def claim(*databases: Database[Document]) -> None:
    """Mark the empty databases as this owner's; Forbidden, before any is marked, where one may not be changed."""
    require(*(database for database in databases if not is_empty(database)))
    for database in databases:
        if is_empty(database) and not is_owned(database):
            _markers(database).insert_one({"owner": _owner.token, "database": database.name, "unfinished": True})


def require(*databases: Database[Document]) -> None:
    """Forbidden where one of the databases is neither this owner's nor named by the user."""
    foreign = [database.name for database in databases if database.name not in _owner.named and not is_owned(database)]
    if foreign:
        typed = " ".join(f"--yes-empty {name}" for name in foreign)
        raise Forbidden(
            f"there are documents in {', '.join(foreign)}, and nothing proves that they may be changed from here; who "
            f"knows it types the names: {typed}"
        )


@contextmanager
def filling(*databases: Database[Document]) -> Iterator[None]:
    """Claim databases and fill them in the body; a new claim is marked as unfinished until it ends without an error.

    Raises Forbidden, before anything is changed, where one of them may not be.
    """
    claim(*databases)
    done = False
    try:
        yield
        done = True
    finally:
        for database in databases:
            if done:
                _markers(database).update_many({"owner": _owner.token}, {"$unset": {"unfinished": 1}})
            if done or is_empty(database):
                _release(database)


@contextmanager
def replacing(*databases: Database[Document]) -> Iterator[None]:
    """Fill databases whose former contents the body destroys; what can be computed before is computed outside of it.

    Until the body ends without an error, `is_half_replaced` is true of them.
    """
    with filling(*databases):
        for database in databases:
            _markers(database).update_many({"owner": _owner.token}, {"$set": {"replacing": True}})
        yield
        keep(*databases)


def is_half_replaced(database: Database[Document]) -> bool:
    """Whether this owner began to replace what the database had and did not finish, and no import came since."""
    return is_owned(database) and _markers(database).find_one({"owner": _owner.token, "replacing": True}) is not None


def keep(*databases: Database[Document]) -> None:
    """Say that what is in the databases, or is written from now on, is not half of a replacement."""
    for database in databases:
        _markers(database).update_many({"owner": _owner.token}, {"$unset": {"replacing": 1}})


def drop_database(database: Database[Document]) -> None:
    """Drop a database of this owner; Forbidden for any other."""
    require(database)
    database.client.drop_database(database.name)


def drop_collection(collection: Collection[Document]) -> None:
    """Drop a collection of a database of this owner; Forbidden for any other."""
    require(collection.database)
    collection.drop()


def delete(collection: Collection[Document], query: Document) -> None:
    """Delete documents from a database of this owner; Forbidden for any other."""
    require(collection.database)
    collection.delete_many(query)


def free_leases(analytics: Database[Document]) -> None:
    """Delete every lease on the server of a data folder that has just started: their holders ended with the server
    before."""
    analytics[schema.LEASES.name].delete_many({})


def _release(database: Database[Document]) -> None:
    """Remove the marker on the server of somebody else."""
    if not _owner.lasting:
        _markers(database).delete_many({"owner": _owner.token})


def _markers(database: Database[Document]) -> Collection[Document]:
    return database[MARKER].with_options(write_concern=WriteConcern("majority"))
