"""Waiting for what happens elsewhere."""

import time
from collections.abc import Callable
from typing import TypeVar

from shared.errors import Unavailable

T = TypeVar("T")
EVERY_S = 0.2


def wait_for(what: str, found: Callable[[], T | None], *, within_s: float) -> T:
    """The first answer that is true; Unavailable says what was waited for in vain."""
    until = time.monotonic() + within_s
    while not (answer := found()):
        if time.monotonic() > until:
            raise Unavailable(f"waited {within_s:.0f} s in vain for {what}")
        time.sleep(EVERY_S)
    return answer
