"""Promotion of a stored version of a model."""

from datetime import datetime

from msgspec import Struct

from shared.artifacts import Registry
from shared.report import Report
from shared.requests import ShortText


class PromoteRequest(Struct, frozen=True):
    """The version to make live."""

    family: ShortText
    key: ShortText
    version: ShortText


def run(registry: Registry, family: str, key: str, version: str, *, now: datetime) -> Report:
    """Check the bytes, signature and layout of a stored version, and make it live in one update. Safe to repeat.

    Raises NotFound if the version is not stored, StaleModel if it fails its checks, Conflict if another version
    became live at the same time.
    """
    live = registry.live_version(family, key)
    registry.promote(family, key, version, instead_of=live, at=now)
    return Report(read=1, written=1, details={"instead_of": live or "none"})
