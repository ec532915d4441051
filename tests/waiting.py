"""Waiting for conditions, with limits of time that grow with the slowness of the machine."""

import os
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
WITHIN_S = 30.0
EVERY_S = 0.01


def slowness() -> float:
    """How many times longer than on an idle machine things take now, at least 1: by the processes that wait for a
    core, and by how long a short calculation takes beside the time that it computes."""
    began, computed = time.monotonic(), time.thread_time()
    sum(range(200_000))
    ratio = (time.monotonic() - began) / max(time.thread_time() - computed, 1e-6)
    return max(1.0, ratio, os.getloadavg()[0] / (os.cpu_count() or 1))


def allowed(seconds: float) -> float:
    """The limit for what takes less than `seconds` on an idle machine."""
    return seconds * slowness()


def until(condition: Callable[[], T | None], within_s: float = WITHIN_S) -> T:
    """What the condition gives once it is true; fails where it does not become so in time."""
    began = time.monotonic()
    while not (answer := condition()):
        waited = time.monotonic() - began
        assert waited < within_s or waited < allowed(within_s), f"it did not happen in {waited:.0f} s"
        time.sleep(EVERY_S)
    return answer
