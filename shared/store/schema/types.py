"""The description of a collection: its database, key, owner, indexes, and whose ids it holds."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from pymongo import IndexModel

from shared.documents import Document

Keys = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Index:
    """An index.

    keys           fields, with 1 for ascending and -1 for descending order
    expires_after  how long after the date in its field a document is deleted; None for never
    sparse         whether documents without the field are left out
    """

    keys: Keys
    unique: bool = False
    expires_after: timedelta | None = None
    sparse: bool = False

    @property
    def name(self) -> str:
        """The name that MongoDB would choose, so that an index made by another program is recognised."""
        return "_".join(f"{field}_{direction}" for field, direction in self.keys)

    def model(self) -> IndexModel:
        """The index as the driver creates it."""
        options: Document = {"name": self.name}
        if self.unique:
            options["unique"] = True
        if self.expires_after is not None:
            options["expireAfterSeconds"] = int(self.expires_after.total_seconds())
        if self.sparse:
            options["sparse"] = True
        return IndexModel(list(self.keys), **options)


Subject = Literal["account", "user", "post", "credential"]
Removal = Literal["document", "element", "field", "rebuild", "search", "none"]


@dataclass(frozen=True, slots=True)
class About:
    """Where the documents of a collection hold the id of an account, a user, a post or a credential, and what an
    erasure does there.

    subject  whose id it is
    path     the field, through arrays; its value is an ObjectId, or the 24 hex digits of one
    removal  document  the document is deleted
             element   the element of `array` that holds the id is removed, and the document too where none is left
             field     the field is unset
             rebuild   packed arrays, all of which the next run of their job replaces
             search    packed arrays, of which a job finds those that hold the id, and has them replaced
             none      the id stays
    stays    how long after an erasure the id may stay, in the words of docs/operations.md; empty where it is removed
             at once
    array    the field on the path whose elements are removed
    made_of  the field that says what an element or a field was made of, unset with it, so that nothing can be told from
             it and its job makes it again
    """

    subject: Subject
    path: str
    removal: Removal = "document"
    stays: str = ""
    array: str = ""
    made_of: str = ""


NOBODY: tuple[About, ...] = ()


@dataclass(frozen=True, slots=True)
class Collection:
    """One collection of the contract.

    database  "app" or "analytics"
    key       fields of the natural key by which documents are upserted
    owner     who writes the documents, and deletes those of erased accounts
    about     whose ids the documents hold, and where
    indexes   those that our reads need, beside that of `_id`
    """

    database: Literal["app", "analytics"]
    name: str
    key: tuple[str, ...]
    owner: Literal["application", "feedkeeper"]
    about: tuple[About, ...]
    indexes: tuple[Index, ...] = ()


def index(*fields: str, unique: bool = False, expires_after: timedelta | None = None, sparse: bool = False) -> Index:
    """An index of these fields; the order of a `-field` is descending."""
    keys = tuple((field.removeprefix("-"), -1 if field.startswith("-") else 1) for field in fields)
    return Index(keys, unique, expires_after, sparse)
