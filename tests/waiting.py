"""Waiting until a condition is true."""

import time
from collections.abc import Callable
from typing import TypeVar

from local.waiting import allowed, is_late

__all__ = ["WITHIN_S", "allowed", "until"]

T = TypeVar("T")
WITHIN_S = 30.0
EVERY_S = 0.01


def until(condition: Callable[[], T | None], within_s: float = WITHIN_S) -> T:
    """Wait until the condition gives a true value, and return it; fails where it does not in time."""
    began = time.monotonic()
    while not (value := condition()):
        assert not is_late(began, within_s), f"it did not happen in {time.monotonic() - began:.0f} s"
        time.sleep(EVERY_S)
    return value
