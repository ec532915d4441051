"""Models of requests: the constraint of each field, and the sentence that refuses any other value.

A model is a `msgspec.Struct` that a direct call and a route of HTTP share. A field's annotation carries `refused`, the
sentence that a caller gets; fields that a model does not have are ignored.
"""

import re
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta
from msgspec.inspect import Metadata, UnionType, type_info

from shared.documents import Id
from shared.errors import InvalidFields

MAX_TEXT_LENGTH = 128  # characters
NEEDS_ID = "needs an id, 24 hexadecimal digits"

Request = TypeVar("Request", bound=msgspec.Struct)

_PATH = re.compile(r"`\$(?P<path>[^`]*)`$")
_STEP = re.compile(r"\.(?P<field>\w+)|\[(?P<position>\d+)\]")
_MISSING = re.compile(r"Object missing required field `(?P<field>\w+)`")

# What an error of msgspec has in its text, and the kind of error that HTTP has always called it, in this order.
_KINDS = {
    "missing required field": "missing",
    "matching regex": "string_pattern_mismatch",
    "`str` of length": "string_too_long",
    "`array` of length": "too_long",
    "`int` >=": "greater_than_equal",
    "`int` <=": "less_than_equal",
    "`int`, got `str`": "int_parsing",
    "`int`, got `float`": "int_from_float",
    "`int`, got": "int_type",
    "`array`, got": "list_type",
    "`object`, got `null`": "missing",
    "`object`, got": "model_attributes_type",
    "`str": "string_type",
}


def refused(sentence: str) -> Meta:
    """Metadata with the sentence that a caller gets for any other value; for the annotation of a field or of items."""
    return Meta(extra={"refused": sentence})


def whole_number(low: int, high: int) -> Meta:
    """The constraint of a field that is a whole number from `low` to `high`, for its annotation."""
    return Meta(ge=low, le=high, extra={"refused": f"needs a whole number of {low} to {high}"})


AccountId = Annotated[Id, refused(NEEDS_ID)]
ShortText = Annotated[
    str,
    Meta(min_length=1, max_length=MAX_TEXT_LENGTH),
    refused(f"needs a text of 1 to {MAX_TEXT_LENGTH} characters"),
]


def converted(values: Any, model: type[Request], *, strict: bool = True) -> Request:
    """The values as a request of this model; msgspec.ValidationError, which the functions below explain, otherwise.

    strict  whether a number may not be a text, as it is in a query
    """
    if isinstance(values, dict):
        values = {name: _encodable(values[name]) for name in model.__struct_encode_fields__ if name in values}
    return msgspec.convert(values, model, strict=strict)


def place_of(error: msgspec.ValidationError) -> tuple[str | int, ...]:
    """Where in a request the error lies: the field, then the position in a list or the field of an object that it
    holds; empty for the request as a whole.

    >>> place_of(msgspec.ValidationError("Expected `str`, got `int` - at `$.contents[3]`"))
    ('contents', 3)
    >>> place_of(msgspec.ValidationError("Object missing required field `contents`"))
    ('contents',)
    >>> place_of(msgspec.ValidationError("Object missing required field `drawn` - at `$.earlier`"))
    ('earlier', 'drawn')
    """
    path = _PATH.search(str(error))
    steps = _STEP.finditer(path["path"]) if path else ()
    place = [step["field"] or int(step["position"]) for step in steps]
    missing = _MISSING.match(str(error))  # not what a value says, which stands in some errors
    return (*place, *([missing["field"]] if missing else []))


def refusal(model: type[msgspec.Struct], error: msgspec.ValidationError) -> str:
    """The sentence that refuses a request of this model: the field at fault, and what it needs.

    >>> class Promotion(msgspec.Struct):
    ...     key: ShortText
    >>> refusal(Promotion, msgspec.ValidationError("Object missing required field `key`"))
    'key: needs a text of 1 to 128 characters'
    """
    names: list[str] = []
    sentence = ""
    declared: Any = type_info(model)
    for step in place_of(error):
        if isinstance(step, str):
            names.append(step)
            declared = next(each.type for each in declared.fields if each.encode_name == step)
        else:
            declared = declared.item_type
        if isinstance(declared, UnionType):  # with null
            declared = declared.types[0]
        if isinstance(declared, Metadata):
            sentence = (declared.extra or {}).get("refused", sentence)
            declared = declared.type
    return f"{'.'.join(names)}: {sentence}"


def invalid_fields(part: tuple[str, ...], model: type[msgspec.Struct], error: msgspec.ValidationError) -> InvalidFields:
    """The error of a request that is not of this model.

    part  of the request that should hold it, as callers are told
    """
    place = place_of(error)
    sentence = refusal(model, error) if place else f"{part[0]}: needs an object"
    return InvalidFields(sentence, [*part, *place], kind_of(error))


def kind_of(error: msgspec.ValidationError) -> str:
    """What kind of error it is.

    >>> kind_of(msgspec.ValidationError("Expected `str | null` matching regex '^a$' - at `$.accountId`"))
    'string_pattern_mismatch'
    """
    return next((kind for text, kind in _KINDS.items() if text in str(error)), "value_error")


def _encodable(value: Any) -> Any:
    """The value; a text with "?" for each half of a surrogate pair, which JSON can hold, but which msgspec cannot read
    as a number, nor MongoDB store."""
    return value.encode(errors="replace").decode() if isinstance(value, str) else value
