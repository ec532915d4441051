"""Sections of options: their types and bounds, and the values that an operator gives."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Final, TypeVar

import msgspec
from msgspec import Meta, Struct, structs

from shared.errors import BadConfig

MAX_NUMBER: Final = 1_000_000  # of any number; a span that is longer would begin before the calendar does

Count = Annotated[int, Meta(ge=0, le=MAX_NUMBER)]
PositiveCount = Annotated[int, Meta(ge=1, le=MAX_NUMBER)]
Number = Annotated[float, Meta(ge=-MAX_NUMBER, le=MAX_NUMBER)]
Ratio = Annotated[float, Meta(ge=0, le=1)]
Hours = Annotated[float, Meta(gt=0, le=MAX_NUMBER)]  # also of a span, which is a timedelta in Python

S = TypeVar("S", bound=Struct)


class Section(Struct, frozen=True, kw_only=True):
    """Options of one job or of a family of jobs, with their defaults.

    A field whose name in Python differs from its public one gives the public one to `msgspec.field`. The comment behind
    a field is its sentence in docs/options.md.

    section  public name
    """

    section: ClassVar[str]


class Weights(Struct, frozen=True, kw_only=True):
    """A group of options: points of one engagement of each kind [points]."""

    like: Number = 1.0
    comment: Number = 1.0
    recast: Number = 1.0
    quote: Number = 1.0


def override(kind: type[S], values: Any, path: str) -> S:
    """A section, or a group of options inside one, with these values, by public name, in place of its defaults.

    BadConfig names the option that does not exist, or has a value of another type or beyond its bounds.

    path  public name of the section, and after a dot that of the group
    """
    if not isinstance(values, Mapping):
        raise BadConfig(f"option {path}: needs an object of options")
    fields = {field.encode_name: field for field in structs.fields(kind)}
    if unknown := values.keys() - fields.keys():
        raise BadConfig(f"option {path}.{min(unknown)} does not exist")
    return kind(
        **{fields[name].name: _converted(value, fields[name].type, f"{path}.{name}") for name, value in values.items()}
    )


def _converted(value: Any, kind: Any, path: str) -> Any:
    if isinstance(kind, type) and issubclass(kind, Struct):
        return override(kind, value, path)
    try:
        if kind is timedelta:
            return timedelta(hours=msgspec.convert(value, Hours))
        return msgspec.convert(value, kind)
    except (msgspec.ValidationError, UnicodeEncodeError) as error:  # the latter for half of a surrogate pair
        raise BadConfig(f"option {path}: {value!r} is not a valid value: {error}") from None
