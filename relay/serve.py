"""Running followers side by side, and reporting their metrics."""

import threading
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

from relay.follow import Follower
from relay.meter import logger

REPORT_EVERY_S = 60.0


def serve(followers: Sequence[Follower], stop: threading.Event) -> None:
    """Run every follower in a thread until told to stop, and report metrics every minute and at the end.

    Where one fails for good, the others are told to stop, and its error is raised once they have ended.
    """
    logger.info("relay", collections=[follower.meter.collection for follower in followers])
    with ThreadPoolExecutor(len(followers)) as threads:
        runs = [threads.submit(follower.run) for follower in followers]
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
