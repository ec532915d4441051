"""Decoding of stored values: each function returns the value as its type, None for a malformed one.

Repositories return decoded values only: of the right type, numbers finite, and dates from 1970 to 9998.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from types import MappingProxyType
from typing import Any, TypeVar

from bson import DBRef, Decimal128, ObjectId
from pymongo.collection import Collection
from pymongo.cursor import Cursor

from shared.documents import Document, object_id
from shared.store.expressions import FIRST_DAY, LAST_DAY, MAX_COUNTED
from shared.store.malformed import MAX_IDS, name_malformed

T = TypeVar("T")


class Malformed(Exception):
    """A field of a document is not what it should be."""


def sound(
    collection: Collection[Document], documents: Iterable[Document], decode: Callable[[Document], T]
) -> Iterator[T]:
    """The decoded documents; one for which `decode` raises Malformed is reported by its id and left out."""
    for document in documents:
        try:
            decoded = decode(document)
        except Malformed:
            name_malformed(collection.name, document.get("_id"))
        else:
            yield decoded


def first_sound(
    collection: Collection[Document], rows: Cursor[Document], decode: Callable[[Document], T], limit: int
) -> list[T]:
    """The first `limit` decoded documents of a query that has no limit itself: one for which `decode` raises Malformed
    is reported and does not count, so that there are fewer only where none follows."""
    return list(islice(sound(collection, _in_two_reads(rows, limit), decode), limit))


def _in_two_reads(rows: Cursor[Document], first: int) -> Iterator[Document]:
    """The documents of a query, those behind the `first` ones by a second read, which is made once one is asked for."""
    further = rows.clone().skip(first).batch_size(first)
    documents = list(rows.limit(first))
    yield from documents
    if len(documents) == first:
        with further:
            yield from further


def name_undated(collection: Collection[Document], field: str, query: Mapping[str, Any] = MappingProxyType({})) -> None:
    """Report the documents that no query for a time finds, since an indexed field holds something else than a date from
    1970 to 9998. A document without the field is not reported."""
    beyond = [{field: {"$lt": FIRST_DAY}}, {field: {"$gte": LAST_DAY}}]
    name_other_types(collection, field, ("date",), query, beyond)


def name_other_types(
    collection: Collection[Document],
    field: str,
    types: Sequence[str],
    query: Mapping[str, Any] = MappingProxyType({}),
    alternatives: Sequence[Document] = (),
) -> None:
    """Report the documents of a query whose field is there and of none of these BSON types, or that one of the
    alternative queries finds; reads only the edges of an index of that field. Of an array its elements are tested."""
    rows = collection.find({**query, "$or": [{field: other_types(*types)}, *alternatives]}, {"_id": 1}).limit(MAX_IDS)
    name_malformed(collection.name, *(row["_id"] for row in rows))


def other_types(*types: str) -> Document:
    """The condition for a value that is there and of none of these BSON types; of an array its elements are tested."""
    return {"$type": [name for name in _TYPES if name not in types]}


_TYPES = (
    *("double", "string", "object", "binData", "objectId", "bool", "date", "regex"),
    *("javascript", "int", "timestamp", "long", "decimal", "minKey", "maxKey"),
)


def needed(value: T | None) -> T:
    """The value; Malformed for None."""
    if value is None:
        raise Malformed
    return value


def optional(value: Any, decode: Callable[[Any], T | None]) -> T | None:
    """None for a missing or null value, else the decoded one; Malformed where it cannot be decoded."""
    return None if value is None else needed(decode(value))


def own_id(document: Document) -> ObjectId:
    """The `_id` of a document of the application, all of which are ObjectIds; Malformed for anything else."""
    return needed(document["_id"] if isinstance(document["_id"], ObjectId) else None)


def elements(
    collection: Collection[Document], row: Document, field: str, decode: Callable[[Any], T | None]
) -> frozenset[T]:
    """The decoded elements of a list, none for a field that is missing or null; the document is reported where an
    element is malformed, or the field holds no list."""
    stored = row.get(field)
    values = as_list(stored) or []
    decoded = [element for value in values if (element := decode(value)) is not None]
    if stored is not None and (len(decoded) < len(values) or not isinstance(stored, list)):
        name_malformed(collection.name, row["_id"])
    return frozenset(decoded)


def as_moment(value: Any) -> datetime | None:
    """A date from 1970 to 9998, in UTC.

    >>> as_moment("2026-01-01") is None
    True
    """
    return value if isinstance(value, datetime) and FIRST_DAY <= value < LAST_DAY else None


def as_number(value: Any) -> float | None:
    """A finite number, of whatever type.

    >>> as_number(Decimal128("1.5")), as_number(float("nan")), as_number(Decimal128("sNaN")), as_number(True)
    (1.5, None, None, None)
    """
    if isinstance(value, Decimal128):
        exact = value.to_decimal()
        value = math.nan if exact.is_nan() else float(exact)  # a signalling nan cannot be converted
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def as_count(value: Any) -> int | None:
    """A count: a number from 0 to 10¹⁵, without its fraction, as `expressions.count` reads it.

    >>> as_count(3.0), as_count(-1), as_count(2**62)
    (3, None, None)
    """
    number = as_number(value)
    return int(number) if number is not None and 0 <= number < MAX_COUNTED else None


def as_counts(values: Mapping[str, Any]) -> dict[str, int] | None:
    """The values as counts; None where one of them is malformed.

    >>> as_counts({"a": 3.0, "b": 1}), as_counts({"a": True})
    ({'a': 3, 'b': 1}, None)
    """
    numbers = values.values()
    if set(map(type, numbers)) == {int} and min(numbers) >= 0 and max(numbers) < MAX_COUNTED:
        return dict(values)  # the fast path of nearly all documents
    counts = {name: count for name, value in values.items() if (count := as_count(value)) is not None}
    return counts if len(counts) == len(values) else None


def as_text(value: Any) -> str | None:
    """A text that is not empty; BSON's code, which the driver returns as a subclass of text, is malformed."""
    return value if type(value) is str and value else None


def as_credential(value: Any) -> ObjectId | str | None:
    """A credential: an ObjectId, also where it is stored as 24 hex digits, or another text."""
    return as_text(value) if (key := object_id(value)) is None else key


def credential_of(value: Any) -> ObjectId | str:
    """A credential; Malformed for anything else."""
    credential = as_credential(value)
    if credential is None:
        raise Malformed
    return credential


def as_target(value: Any) -> ObjectId | None:
    """The id in a reference, which is a DBRef or, where its fields are in another order, a document."""
    if isinstance(value, DBRef):
        return object_id(value.id)
    return object_id(value.get("$id")) if isinstance(value, Mapping) else None


def as_document(value: Any) -> Document | None:
    """A document."""
    return value if isinstance(value, dict) else None


def as_list(value: Any) -> list[Any] | None:
    """A list."""
    return value if isinstance(value, list) else None
