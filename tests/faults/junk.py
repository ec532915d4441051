"""Malformed values of every kind, and documents with one of them in a field."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any
from zlib import crc32

from bson import Code, DBRef, Decimal128, Int64, MinKey, ObjectId, Regex, Timestamp, encode
from bson.binary import Binary
from bson.datetime_ms import DatetimeMS
from bson.raw_bson import RawBSONDocument

from shared.documents import Document

UNREADABLE, IN_A_LIST = "text that is not UTF-8", "the sound value in a list"
TWICE_IN_A_LIST = "the sound value twice in a list"
AN_ID = ObjectId(b"an object id")
# The values by name; those of IN_A_LIST, TWICE_IN_A_LIST, UNREADABLE and "missing" are made by `broken`.
JUNK: dict[str, Any] = {
    "null": None,
    "text": "three",
    "empty text": "",
    "number": 7,
    "nan": float("nan"),
    "infinite": float("-inf"),
    "negative": -5,
    "huge": Int64(2**62),
    "decimal nan": Decimal128("NaN"),
    "signalling nan": Decimal128("sNaN"),
    "decimal beyond": Decimal128("9E+6000"),
    "true": True,
    "year 20000": DatetimeMS(568_971_820_800_000),
    "before the year 1": DatetimeMS(-(10**15)),
    "an id": AN_ID,
    "hex": str(AN_ID),
    "hex in mixed case": str(AN_ID).replace("e", "E", 1),
    "list": [1, "a", None],
    "nested": {"a": [{"b": {"c": [None]}}]},
    "nested list": [[{"count": 3}], {"_id": AN_ID, "id": AN_ID, "message": "#a", "countryCode": 5}],
    "bytes": b"\xff\x00",
    "uuid": Binary(bytes(range(16)), 4),
    "code": Code("function () {}"),
    "code with scope": Code("function () {}", {"a": 1}),
    "pattern": Regex("(", "i"),
    "least key": MinKey(),
    "cluster time": Timestamp(2**31, 1),
    "reference": DBRef("content", AN_ID),
    IN_A_LIST: None,
    TWICE_IN_A_LIST: None,
    UNREADABLE: None,
    "missing": None,
}
# Values that an `_id` can have: another one in each collection, since a report holds only ids.
AS_AN_ID: dict[str, Callable[[str], Any]] = {
    "text": lambda collection: f"three {collection}",
    "number": lambda collection: crc32(collection.encode()),
    "nested": lambda collection: {"a": [{"b": {"c": [collection]}}]},
    "code": lambda collection: Code(f"function () {{ {collection} }}"),
    "uuid": lambda collection: Binary(collection.encode()[:16].ljust(16), 4),
    "cluster time": lambda collection: Timestamp(crc32(collection.encode()), 1),
}


def plan_of(paths: Iterable[str]) -> list[tuple[str, str]]:
    """Every pair of one of these fields and a kind of junk for it, by name."""
    return [(path, name) for name in JUNK for path in sorted(paths) if path != "_id" or name in AS_AN_ID]


def broken(document: Document, path: str, name: str) -> Document | RawBSONDocument:
    """The document with this kind of junk at a path."""
    if name == UNREADABLE:
        raw = encode(_with(document, path, "\x01\x02\x03\x04"))
        return RawBSONDocument(raw.replace(b"\x01\x02\x03\x04\x00", b"#\xff\xfe\xfd\x00"))
    if name in (IN_A_LIST, TWICE_IN_A_LIST):
        return _with(document, path, [value_at(document, path)] * (1 + (name == TWICE_IN_A_LIST)))
    return _with(document, path, JUNK[name], missing=name == "missing")


def value_at(document: Any, path: str) -> Any:
    """The value at a path; None where there is none."""
    for name in path.split("."):
        items = document.as_doc() if isinstance(document, DBRef) else document
        document = items.get(name) if isinstance(items, Mapping) else None
    return document


def _with(document: Any, path: str, value: Any, *, missing: bool = False) -> Document:
    """A copy of the document with a value at a path, or without one there."""
    name, _, tail = path.partition(".")
    copy = dict(document.as_doc() if isinstance(document, DBRef) else document)
    if tail:
        inner = copy.get(name)
        copy[name] = _with(inner if isinstance(inner, Mapping | DBRef) else {}, tail, value, missing=missing)
    elif missing:
        copy.pop(name, None)
    else:
        copy[name] = value
    return copy
