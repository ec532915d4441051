"""Fields that forms and queries of several pages have."""

from msgspec import Struct


class NoFields(Struct):
    """A request without fields."""
