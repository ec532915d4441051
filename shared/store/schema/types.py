"""What is said of a collection: its database, key, owner, indexes, and whose ids it holds."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from pymongo import IndexModel

from shared.documents import Document

Keys = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Index:
    """Fields with 1 for ascending and -1 for descending."""

    keys: Keys
    unique: bool = False
    expires_after: timedelta | None = None
    sparse: bool = False  # without the documents that lack the field

    @property
    def name(self) -> str:
        """The name that MongoDB would choose, so that an index made by another program is recognised."""
        return "_".join(f"{field}_{direction}" for field, direction in self.keys)

    def model(self) -> IndexModel:
        """As the driver takes it."""
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
             element   `array` loses the element that holds the id, and an empty one its document
             field     the field is unset
             rebuild   packed arrays, all of which the next run of their job replaces
             search    packed arrays, of which a job finds those that hold the id, and has them replaced
             none      the id stays
    stays    how long after an erasure the id may stand there, as docs/operations.md says it; empty where it goes at
             once
    array    the field on the path whose elements are removed
    """

    subject: Subject
    path: str
    removal: Removal = "document"
    stays: str = ""
    array: str = ""


NOBODY: tuple[About, ...] = ()


@dataclass(frozen=True, slots=True)
class Collection:
    """One collection of the contract.

    database  which of the two
    key       the natural key that writes upsert by
    owner     who writes the documents, and deletes them when a person is gone
    about     whose ids the documents hold
    indexes   what our reads need, beyond `_id`
    """

    database: Literal["app", "analytics"]
    name: str
    key: tuple[str, ...]
    owner: Literal["application", "feedkeeper"]
    about: tuple[About, ...]
    indexes: tuple[Index, ...] = ()


def index(*fields: str, unique: bool = False, expires_after: timedelta | None = None, sparse: bool = False) -> Index:
    """`-field` descends."""
    keys = tuple((f.removeprefix("-"), -1 if f.startswith("-") else 1) for f in fields)
    return Index(keys, unique, expires_after, sparse)
