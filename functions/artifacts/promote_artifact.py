"""Which version of a model is live."""

from datetime import datetime

from shared.artifacts import Registry
from shared.report import Report


def run(registry: Registry, family: str, key: str, version: str, *, now: datetime) -> Report:
    """Make that version live in one update, once its bytes, signature and layout are checked; safe to repeat.

    Raises NotFound for a version that is not kept, StaleModel for one that fails its checks, Conflict when another one
    was made live at the same moment.
    """
    live = registry.live_version(family, key)
    registry.promote(family, key, version, instead_of=live, at=now)
    return Report(read=1, written=1, details={"instead_of": live or "none"})
