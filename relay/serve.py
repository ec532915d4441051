"""Followers side by side, and what they tell."""

import threading
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

from relay.follow import Follower
from relay.meter import logger

REPORT_EVERY_S = 60.0


def serve(followers: Sequence[Follower], stop: threading.Event) -> None:
    """Run all until told to stop, each in a thread; metrics every minute and at the end.

    Where one fails for good, the others are drained, and its failure is raised.
    """
    logger.info("relay", collections=[one.meter.collection for one in followers])
    with ThreadPoolExecutor(len(followers)) as threads:
        runs = [threads.submit(one.run) for one in followers]
        running = set(runs)
        while running:
            done, running = wait(running, REPORT_EVERY_S, FIRST_EXCEPTION)
            for follower in followers:
                follower.meter.report()
            if any(future.exception() for future in done):
                stop.set()
    for future in runs:
        future.result()
    logger.info("drained")
