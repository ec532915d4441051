"""Writing while the next is being made, and reading while the last is being used."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any, TypeVar

from shared.store.deadline import DeadlineExecutor

T = TypeVar("T")


class WriteBehind:
    """Runs writes in order of asking, at most `most` of them unfinished: who asks for more waits, so memory is bounded.

    What goes wrong in a write is raised by a later call.
    """

    def __init__(self, most: int = 4, threads: int = 1) -> None:
        self._threads = DeadlineExecutor(threads)
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


def read_ahead(parts: Iterator[T]) -> Iterator[T]:
    """The same parts; each is asked for while the one before it is being used, so that two are in memory."""
    with DeadlineExecutor(1) as thread:
        coming = thread.submit(next, parts, None)
        while (part := coming.result()) is not None:
            coming = thread.submit(next, parts, None)
            yield part
