"""Writing a batch while the next one is being made, and reading a batch while the last one is being used."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any, TypeVar

from pymongo import ReplaceOne, UpdateOne
from pymongo.collection import Collection

from shared.documents import Document
from shared.store.batches import in_batches
from shared.store.deadline import DeadlineExecutor

T = TypeVar("T")


class WriteBehind:
    """Begins writes in the order of the calls; a call waits while more than `max_pending` are unfinished, so that
    memory is bounded.

    The error of a write is raised by a later call.
    """

    def __init__(self, max_pending: int = 4, threads: int = 1) -> None:
        self._threads = DeadlineExecutor(threads)
        self._max_pending = max_pending
        self._pending: deque[Future[Any]] = deque()

    def __call__(self, write: Callable[..., Any], *arguments: Any, **named: Any) -> None:
        """Begin the write `write(*arguments, **named)`; returns when no more than `max_pending` are unfinished."""
        self._pending.append(self._threads.submit(write, *arguments, **named))
        self._wait(self._max_pending)

    def finish(self) -> None:
        """Wait for all writes."""
        self._wait(0)

    def abandon(self) -> None:
        """Drop the writes that have not begun, and wait for those under way without raising their errors."""
        self._threads.shutdown(cancel_futures=True)

    def _wait(self, max_pending: int) -> None:
        while len(self._pending) > max_pending:
            self._pending.popleft().result()


def bulk_write_behind(
    collection: Collection[Document],
    writes: Iterable[UpdateOne | ReplaceOne[Document]],
    batch_size: int,
    threads: int = 1,
) -> int:
    """Make all writes, in any order, a batch while the next one is being made; returns how many they were.

    Where a batch fails, or the next one cannot be made, no write goes on behind the error.
    """
    behind, written = WriteBehind(threads=threads), 0
    try:
        for batch in in_batches(writes, batch_size):
            behind(collection.bulk_write, batch, ordered=False)
            written += len(batch)
        behind.finish()
    finally:
        behind.abandon()
    return written


def read_ahead(*sources: Iterator[T]) -> Iterator[T]:
    """The parts of these iterators, those of each in its order; of each the next part is read while others are being
    used, so that one more than there are iterators is in memory."""
    with DeadlineExecutor(len(sources)) as threads:
        following = {threads.submit(next, source, None): source for source in sources}
        while following:
            for future in wait(following, return_when=FIRST_COMPLETED).done:
                source, part = following.pop(future), future.result()
                if part is not None:
                    following[threads.submit(next, source, None)] = source
                    yield part
