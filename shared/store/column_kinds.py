"""The kinds of columns: how the server gives each value in one layout, and what is made of values that are none.

What is missing and what is malformed travel as two values that nothing sound has, and both become the neutral one.
"""

from typing import Any, Literal

import numpy as np
from bson import ObjectId
from bson.datetime_ms import DatetimeMS
from numpy.typing import NDArray

from shared.clock import epoch_ms
from shared.columns import BoolArray
from shared.documents import NO_ID
from shared.store.expressions import FIRST_DAY, LAST_DAY, has_type

Kind = Literal["id", "key", "moment", "number", "code"]

KEY_BYTES = 40  # of a key that is a text, at most; a UUID has 36
DTYPE: dict[Kind, str] = {"id": "V12", "key": f"S{KEY_BYTES + 1}", "moment": "<i8", "number": "<f8", "code": "<i4"}
BEFORE: dict[Kind, int] = {"key": 4}  # bytes that say how long a text is
BEHIND: dict[Kind, int] = {"key": 1}  # and the zero behind it

MALFORMED_CODE = -(2**31)  # what an expression gives where it cannot tell
_MALFORMED_ID, _MALFORMED_MOMENT, _MALFORMED_KEY = ObjectId(b"\xff" * 12), DatetimeMS(-1), "!"
_MALFORMED_NUMBER, _MISSING_NUMBER = float("inf"), float(np.finfo(np.float64).min)
_LAST_MS = epoch_ms(LAST_DAY)
_HEX_DIGITS = 24
_NEUTRAL: dict[Kind, Any] = {"id": np.void(NO_ID.binary), "key": b"", "moment": 0, "number": np.nan, "code": -1}


def fixed(kind: Kind, expression: Any) -> dict[str, Any]:
    """The expression's value, or what stands for a missing or a malformed one, always of the same BSON type."""
    if kind == "moment":
        otherwise = _else(expression, DatetimeMS(0), _MALFORMED_MOMENT)
        return {"$cond": [has_type(expression, "date"), expression, otherwise]}
    if kind == "id":
        return {"$cond": [has_type(expression, "objectId"), expression, _converted(expression, _MALFORMED_ID, NO_ID)]}
    if kind == "key":
        return _padded(expression)
    if kind == "code":
        return {"$convert": {"input": expression, "to": "int", "onError": -1, "onNull": -1}}
    double = {"$convert": {"input": expression, "to": "double", "onError": _MALFORMED_NUMBER}}
    return {"$cond": [{"$isNumber": expression}, double, _else(expression, _MISSING_NUMBER, _MALFORMED_NUMBER)]}


def _else(expression: Any, missing: Any, malformed: Any) -> dict[str, Any]:
    return {"$cond": [has_type(expression, "missing", "null"), missing, malformed]}


def _converted(expression: Any, malformed: Any, missing: Any) -> dict[str, Any]:
    return {"$convert": {"input": expression, "to": "objectId", "onError": malformed, "onNull": missing}}


def _padded(expression: Any) -> dict[str, Any]:
    """A letter for its type, the key, and zeros up to one length; nothing but zeros for what is no key."""
    length = {"$strLenBytes": {"$cond": [has_type(expression, "string"), expression, ""]}}
    filling = "\0" * (KEY_BYTES + 1)
    whole = {"$concat": ["s", expression, filling]}
    as_text = {"$substrBytes": [whole, 0, KEY_BYTES + 1]}  # ends in the filling, so that no character is cut
    in_digits = {"$ifNull": [_id_as_key(_converted(expression, None, None)), as_text]}
    return {"$switch": {"branches": [
        {"case": has_type(expression, "objectId"), "then": _id_as_key(expression)},
        {"case": {"$eq": [length, _HEX_DIGITS]}, "then": in_digits},
        {"case": {"$and": [{"$gt": [length, 0]}, {"$lte": [length, KEY_BYTES]}]}, "then": as_text},
    ], "default": _else(expression, filling, _MALFORMED_KEY + filling[1:])}}  # fmt: skip


def _id_as_key(expression: Any) -> dict[str, Any]:
    """The same of an ObjectId, which has one length in digits; null for null."""
    return {"$concat": ["o", {"$toString": expression}, "\0" * (KEY_BYTES - _HEX_DIGITS)]}


def neutralise(kind: Kind, column: NDArray[Any], optional: bool) -> BoolArray:
    """(n,) where a value is not what it should be, or missing where it must not be; it becomes the neutral one."""
    wrong, missing = _flags(kind, column)
    column[wrong] = _NEUTRAL[kind]
    if kind == "number":
        column[missing] = _NEUTRAL[kind]
    return wrong if optional else wrong | missing


def _flags(kind: Kind, column: NDArray[Any]) -> tuple[BoolArray, BoolArray]:
    """(n,) where a value is malformed, and where it is missing; a code never is."""
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
    """(n,) whether all three words of an id are this one."""
    found: BoolArray = words[:, 0] == value
    return found & (words[:, 1] == value) & (words[:, 2] == value) if found.any() else found


def is_wrong(kind: Kind, expression: Any, optional: bool) -> dict[str, Any]:
    """As `neutralise`, inside the server."""
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
    least = {"$gte" if optional else "$gt": [value, _MISSING_NUMBER]}
    return {"$not": [{"$and": [least, {"$lt": [value, float("inf")]}]}]}
