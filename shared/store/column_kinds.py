"""The kinds of columns: how the server lays out each value, and what replaces missing and malformed values.

The server sends a missing and a malformed value as two markers that no sound value equals; both then become the neutral
value of the kind.
"""

from typing import Any, Literal

import numpy as np
from bson import ObjectId
from bson.datetime_ms import DatetimeMS
from numpy.typing import NDArray

from shared.clock import epoch_ms
from shared.columns import BoolArray
from shared.documents import NO_ID
from shared.store.expressions import FIRST_DAY, LAST_DAY, has_type, is_in_one_case, object_id

Kind = Literal["id", "key", "moment", "number", "code"]

KEY_BYTES = 40  # at most, of a key that is a text; a UUID has 36
DTYPE: dict[Kind, str] = {"id": "V12", "key": f"S{KEY_BYTES + 1}", "moment": "<i8", "number": "<f8", "code": "<i4"}
BEFORE: dict[Kind, int] = {"key": 4}  # bytes before the value: the length of a text
BEHIND: dict[Kind, int] = {"key": 1}  # bytes behind it: the zero that ends a text

MALFORMED_CODE = -(2**31)  # the value of an expression where its input is malformed
_MALFORMED_ID, _MALFORMED_MOMENT, _MALFORMED_KEY = ObjectId(b"\xff" * 12), DatetimeMS(-1), "!"
_MALFORMED_NUMBER, _MISSING_NUMBER = float("inf"), float(np.finfo(np.float64).min)
_LAST_MS = epoch_ms(LAST_DAY)
_HEX_DIGITS = 24
_NEUTRAL: dict[Kind, Any] = {"id": np.void(NO_ID.binary), "key": b"", "moment": 0, "number": np.nan, "code": -1}


def fixed(kind: Kind, expression: Any) -> dict[str, Any]:
    """The expression's value, or the marker of a missing or a malformed one, always of the same BSON type."""
    if kind == "moment":
        otherwise = _else(expression, DatetimeMS(0), _MALFORMED_MOMENT)
        return {"$cond": [has_type(expression, "date"), expression, otherwise]}
    if kind == "id":
        otherwise = _else(expression, NO_ID, _MALFORMED_ID)
        in_digits = {"$cond": [is_in_one_case(expression), _converted(expression, _MALFORMED_ID), otherwise]}
        return {"$cond": [has_type(expression, "objectId"), expression, in_digits]}
    if kind == "key":
        return _padded(expression)
    if kind == "code":
        return {"$convert": {"input": expression, "to": "int", "onError": -1, "onNull": -1}}
    double = {"$convert": {"input": expression, "to": "double", "onError": _MALFORMED_NUMBER}}
    return {"$cond": [{"$isNumber": expression}, double, _else(expression, _MISSING_NUMBER, _MALFORMED_NUMBER)]}


def _else(expression: Any, missing: Any, malformed: Any) -> dict[str, Any]:
    return {"$cond": [has_type(expression, "missing", "null"), missing, malformed]}


def _converted(expression: Any, malformed: Any) -> dict[str, Any]:
    return {"$convert": {"input": expression, "to": "objectId", "onError": malformed}}


def _padded(expression: Any) -> dict[str, Any]:
    """A letter for the type of the key, the key, and zeros up to KEY_BYTES + 1 bytes; nothing but zeros for no key."""
    length = {"$strLenBytes": {"$cond": [has_type(expression, "string"), expression, ""]}}
    padding = "\0" * (KEY_BYTES + 1)
    padded = {"$concat": ["s", expression, padding]}
    as_text = {"$substrBytes": [padded, 0, KEY_BYTES + 1]}  # ends in the padding, so that no character is cut
    in_digits = {"$ifNull": [_id_as_key(object_id(expression)), as_text]}
    return {"$switch": {"branches": [
        {"case": has_type(expression, "objectId"), "then": _id_as_key(expression)},
        {"case": {"$eq": [length, _HEX_DIGITS]}, "then": in_digits},
        {"case": {"$and": [{"$gt": [length, 0]}, {"$lte": [length, KEY_BYTES]}]}, "then": as_text},
    ], "default": _else(expression, padding, _MALFORMED_KEY + padding[1:])}}  # fmt: skip


def _id_as_key(expression: Any) -> dict[str, Any]:
    """The padded key of an ObjectId, whose hex digits have one length; null for null."""
    return {"$concat": ["o", {"$toString": expression}, "\0" * (KEY_BYTES - _HEX_DIGITS)]}


def neutralise(kind: Kind, column: NDArray[Any], optional: bool) -> BoolArray:
    """Replace malformed and missing values by the neutral one, in place.

    Returns (n,) flags of the values that were malformed, or missing unless `optional`.
    """
    wrong, missing = _flags(kind, column)
    column[wrong] = _NEUTRAL[kind]
    if kind == "number":
        column[missing] = _NEUTRAL[kind]
    return wrong if optional else wrong | missing


def _flags(kind: Kind, column: NDArray[Any]) -> tuple[BoolArray, BoolArray]:
    """(n,) flags of malformed values, and (n,) flags of missing ones; a code is never missing."""
    if kind == "id":
        words = column.view("<u4").reshape(-1, 3)
        return _all_are(words, 2**32 - 1), _all_are(words, 0)
    if kind == "moment":
        return (column < 0) | (column >= _LAST_MS), np.equal(column, 0)
    if kind == "key":
        first = column.view(np.uint8).reshape(len(column), -1)[:, 0]
        return np.equal(first, ord(_MALFORMED_KEY)), np.equal(first, 0)
    if kind == "code":
        return np.equal(column, MALFORMED_CODE), np.zeros(len(column), bool)
    return ~np.isfinite(column), np.equal(column, _MISSING_NUMBER)


def _all_are(words: NDArray[np.uint32], value: int) -> BoolArray:
    """(n,) flags of the ids whose three words all equal this one.

    words  (n, 3)
    """
    first: BoolArray = words[:, 0] == value
    return first & (words[:, 1] == value) & (words[:, 2] == value) if first.any() else first


def is_wrong(kind: Kind, expression: Any, optional: bool) -> dict[str, Any]:
    """The flag that `neutralise` returns, computed by the server."""
    value = fixed(kind, expression)
    if kind == "id":
        return {"$in": [value, [_MALFORMED_ID] if optional else [_MALFORMED_ID, NO_ID]]}
    if kind == "moment":
        return {"$or": [{"$lt" if optional else "$lte": [value, FIRST_DAY]}, {"$gte": [value, LAST_DAY]}]}
    if kind == "key":
        letters = [_MALFORMED_KEY] if optional else [_MALFORMED_KEY, "\0"]
        return {"$in": [{"$substrBytes": [value, 0, 1]}, letters]}
    if kind == "code":
        return {"$eq": [value, MALFORMED_CODE]}
    lower_bound = {"$gte" if optional else "$gt": [value, _MISSING_NUMBER]}
    return {"$not": [{"$and": [lower_bound, {"$lt": [value, float("inf")]}]}]}
