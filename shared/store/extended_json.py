"""Encoding and decoding of BSON values as MongoDB's extended JSON."""

from collections.abc import Mapping
from datetime import UTC
from typing import Any

from bson import json_util
from bson.codec_options import DatetimeConversion
from bson.errors import BSONError

from shared.errors import BadEvent

DEEPEST = 200  # MongoDB stores no more than 100 levels

_OPTIONS = json_util.JSONOptions(
    json_mode=json_util.JSONMode.RELAXED,
    tz_aware=True,
    tzinfo=UTC,
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
)


def decoded(value: Any, field: str = "document", *, depth: int = 0) -> Any:
    """The value with each wrapper ({"$oid": …}, {"$date": …}, …), relaxed or canonical, replaced by its BSON value.

    field  name of the value in the message of an error
    Plain JSON stays as it is. Raises BadEvent for a wrapper with malformed contents, and for more than 200 levels.
    """
    if depth > DEEPEST:
        raise BadEvent(f"{field}: more than {DEEPEST} levels deep")
    if isinstance(value, Mapping):
        inner = {key: decoded(element, field, depth=depth + 1) for key, element in value.items()}
        if not any(key.startswith("$") for key in inner):
            return inner
        try:
            if not isinstance(inner.get("$oid", ""), str):  # for None the driver would generate an id
                raise TypeError
            return json_util.object_hook(inner, _OPTIONS)
        except (BSONError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError):
            raise BadEvent(f"{field}: a wrapper does not hold what it should") from None
    if isinstance(value, list):
        return [decoded(element, field, depth=depth + 1) for element in value]
    return value


def encoded(document: Mapping[str, Any]) -> str:
    """The document as relaxed extended JSON, in one line."""
    return json_util.dumps(document, json_options=_OPTIONS, ensure_ascii=False, separators=(",", ":"))
