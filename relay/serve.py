"""Running followers and the replayer side by side, and reporting metrics."""

import threading
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

from relay.follow import Follower
from relay.meter import logger
from relay.replay import Replayer

REPORT_EVERY_S = 60.0


def serve(followers: Sequence[Follower], replayer: Replayer, stop: threading.Event) -> None:
    """Run every follower and the replayer in a thread until told to stop, and report metrics every minute and at the
    end.

    Where one fails for good, the others are told to stop, and its error is raised once they have ended.
    """
    logger.info("relay", collections=[follower.meter.collection for follower in followers])
    work: list[Replayer | Follower] = [*followers, replayer]
    with ThreadPoolExecutor(len(work)) as threads:
        runs = [threads.submit(each.run) for each in work]
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
