"""Waiting, with limits of time that grow with the slowness of the machine."""

import os
import time
from collections.abc import Callable
from typing import TypeVar

from shared.errors import Unavailable

T = TypeVar("T")
EVERY_S = 0.2


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


def is_late(began: float, seconds: float) -> bool:
    """Whether what began at that moment of `time.monotonic` takes longer than allowed."""
    waited = time.monotonic() - began
    return waited > seconds and waited > allowed(seconds)


def wait_for(what: str, answer: Callable[[], T | None], *, within_s: float) -> T:
    """The first answer that is true; Unavailable says what was waited for in vain."""
    began = time.monotonic()
    while not (given := answer()):
        if is_late(began, within_s):
            raise Unavailable(f"waited {time.monotonic() - began:.0f} s in vain for {what}")
        time.sleep(EVERY_S)
    return given
