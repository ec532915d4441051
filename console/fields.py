"""Fields that forms and queries of several pages have."""

from typing import Annotated

from msgspec import Meta, Struct

from shared.requests import refused

MAX_REASON_LENGTH = 500  # characters
CONFIRMED = 4  # last characters of a name that are typed again before an act

Reason = Annotated[
    str, Meta(max_length=MAX_REASON_LENGTH), refused(f"needs a text of at most {MAX_REASON_LENGTH} characters")
]


class NoFields(Struct):
    """A request without fields."""
