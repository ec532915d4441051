"""Waiting with time limits that grow with the slowness of the machine."""

import os
import time
from collections.abc import Callable
from typing import TypeVar

from shared.errors import Unavailable

T = TypeVar("T")
POLL_EVERY_S = 0.2


def slowness() -> float:
    """Estimate how many times longer than on an idle machine things take now, at least 1.

    From the processes that wait for a core, and from the time of a short calculation over its processor time.
    """
    began, computed = time.monotonic(), time.thread_time()
    sum(range(200_000))
    ratio = (time.monotonic() - began) / max(time.thread_time() - computed, 1e-6)
    return max(1.0, ratio, os.getloadavg()[0] / (os.cpu_count() or 1))


def allowed(seconds: float) -> float:
    """The time limit [s] of what takes less than `seconds` on an idle machine."""
    return seconds * slowness()


def is_late(began: float, seconds: float) -> bool:
    """Whether what began at that moment [s of time.monotonic] takes longer than allowed."""
    waited = time.monotonic() - began
    return waited > seconds and waited > allowed(seconds)


def wait_for(title: str, poll: Callable[[], T | None], *, within_s: float) -> T:
    """Poll until the result is true, and return it; Unavailable names what did not come in time."""
    began = time.monotonic()
    while not (result := poll()):
        if is_late(began, within_s):
            raise Unavailable(f"waited {time.monotonic() - began:.0f} s in vain for {title}")
        time.sleep(POLL_EVERY_S)
    return result
