"""Follow the contents in this process until so many changes are sent; `benchmarks.load.changes` measures the process.

python -m benchmarks.load.relaying nothing 60000     into a receiver that does nothing
python -m benchmarks.load.relaying here 6000         into the real handler of classify_content

Prints as the last line the time between the first change and the last, {"seconds": …, "changes": …}; nothing where
SIGTERM ends it before.
"""

import json
import sys
import threading
import time
from collections.abc import Sequence

from relay.events import Event
from relay.follow import Follower
from relay.sinks import SendResult, Sink, sink
from relay.watched import watched
from shared import command_line
from shared.config import settings
from shared.runtime.options import Relay
from shared.store import open_store


class Nowhere:
    """A sink that takes every event and does nothing."""

    def send(self, events: Sequence[Event]) -> SendResult:
        return SendResult()


class Counted:
    """Another sink with a clock, from the first change until `limit` changes are sent; then it sets `stop`."""

    def __init__(self, sink: Sink, limit: int, stop: threading.Event) -> None:
        self._sink, self._limit, self._stop = sink, limit, stop
        self.changes = 0
        self.began_at = self.ended_at = 0.0

    def send(self, events: Sequence[Event]) -> SendResult:
        self.began_at = self.began_at or time.perf_counter()
        result = self._sink.send(events)
        self.changes += len(events) - len(result.unsent)
        if self.changes >= self._limit and not self._stop.is_set():
            self.ended_at = time.perf_counter()
            self._stop.set()
        return result


def main(receiver: str, limit: str) -> None:
    """Follow until `limit` changes are sent, or until a signal ends it."""
    stop, contents = threading.Event(), watched()[0]
    command_line.on_ending(lambda *_: stop.set())
    counted = Counted(Nowhere() if receiver == "nothing" else sink("here", contents), int(limit), stop)
    Follower(open_store(), contents, counted, settings().options.of(Relay), stop).run()
    if counted.ended_at:
        print(json.dumps({"seconds": counted.ended_at - counted.began_at, "changes": counted.changes}))


if __name__ == "__main__":
    if len(sys.argv) != 3 or not sys.argv[2].isdigit():
        raise SystemExit(__doc__)
    command_line.run(lambda: main(*sys.argv[1:]))
