"""Writing while the next is being made."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from shared.store.deadline import Threads


class Ahead:
    """Runs writes in order of asking, at most `most` of them unfinished: who asks for more waits, so memory is bounded.

    What goes wrong in a write is raised by a later call.
    """

    def __init__(self, most: int = 4, threads: int = 1) -> None:
        self._threads = Threads(threads)
        self._most = most
        self._pending: deque[Future[Any]] = deque()

    def __call__(self, write: Callable[..., Any], *arguments: Any, **named: Any) -> None:
        """Begin a write."""
        self._pending.append(self._threads.submit(write, *arguments, **named))
        self._wait(self._most)

    def finish(self) -> None:
        """Wait for all writes."""
        self._wait(0)

    def abandon(self) -> None:
        """Begin no more, and wait for those under way whatever becomes of them."""
        self._threads.shutdown(cancel_futures=True)

    def _wait(self, most: int) -> None:
        while len(self._pending) > most:
            self._pending.popleft().result()
