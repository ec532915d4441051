"""Promotion of a stored version of a model."""

from datetime import datetime

from msgspec import Struct

from shared.artifacts import Registry
from shared.errors import Conflict
from shared.report import Report
from shared.requests import ShortText

NONE = "none"  # in place of a version, where no model is live


class PromoteRequest(Struct, frozen=True):
    """The version to make live.

    instead_of  the version that has to be live for it, or "none"; left out where any may be
    by          who wants it
    """

    family: ShortText
    key: ShortText
    version: ShortText
    instead_of: ShortText | None = None
    by: ShortText | None = None


def run(
    registry: Registry,
    family: str,
    key: str,
    version: str,
    *,
    instead_of: str | None = None,
    by: str = "",
    now: datetime,
) -> Report:
    """Check the bytes, signature and layout of a stored version, and make it live in one update. Safe to repeat without
    `instead_of`; with it, exactly one of those who call at the same moment succeeds.

    Raises NotFound if the version is not stored, StaleModel if it fails its checks, Conflict if another version than
    `instead_of` is live, or became live at the same time.
    """
    live = registry.live_version(family, key)
    if instead_of not in (None, live or NONE):
        raise Conflict(f"{family}/{key}: {live or NONE} is live, instead of {instead_of}")
    if not registry.promote(family, key, version, instead_of=live, at=now, by=by) and instead_of:
        raise Conflict(f"{family}/{key}: {version} is live already")
    return Report(read=1, written=1, details={"instead_of": live or NONE})
