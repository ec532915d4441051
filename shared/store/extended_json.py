"""BSON values as MongoDB's extended JSON, both ways."""

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
    """The value, with each wrapper ({"$oid": …}, {"$date": …}, …), relaxed or canonical, made what it stands for.

    What is plain JSON stays as it is. Raises BadEvent for a wrapper that holds nonsense, and for more than 200 levels;
    `field` is what the value is called there.
    """
    if depth > DEEPEST:
        raise BadEvent(f"{field}: more than {DEEPEST} levels deep")
    if isinstance(value, Mapping):
        inner = {key: decoded(one, field, depth=depth + 1) for key, one in value.items()}
        if not any(key.startswith("$") for key in inner):
            return inner
        try:
            if not isinstance(inner.get("$oid", ""), str):  # of None the driver would make a new id
                raise TypeError
            return json_util.object_hook(inner, _OPTIONS)
        except (BSONError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError):
            raise BadEvent(f"{field}: a wrapper does not hold what it should") from None
    if isinstance(value, list):
        return [decoded(one, field, depth=depth + 1) for one in value]
    return value


def encoded(document: Mapping[str, Any]) -> str:
    """The document as JSON text, in the relaxed form."""
    return json_util.dumps(document, json_options=_OPTIONS, ensure_ascii=False, separators=(",", ":"))
