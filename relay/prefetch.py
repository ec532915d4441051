"""Reading an iterator ahead of its consumer, in a thread."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Prefetch(Generic[Item]):
    """A buffer that a thread fills from `source`.

    limit       items that it holds at most
    max_weight  it reads no further while its items weigh that much
    weigh       the weight of an item

    While the buffer is full, the source is not advanced.
    """

    def __init__(self, source: Iterator[Item], limit: int, max_weight: int, weigh: Callable[[Item], int]) -> None:
        self._limit, self._max_weight, self._weigh = limit, max_weight, weigh
        self._items: deque[Item] = deque()
        self._weight = 0
        self._closed = self._ended = False
        self._changed = threading.Condition()
        self._thread = ThreadPoolExecutor(1)
        self._reading = self._thread.submit(self._read, source)

    def take(self, limit: int, within_s: float) -> list[Item] | None:
        """Remove and return the first items of the buffer, up to `limit`; empty where none comes within that time.

        Once the source has ended and all items are taken, returns None, or raises the error that the source has raised.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._ended, within_s)
            taken = [self._items.popleft() for _ in range(min(limit, len(self._items)))]
            self._weight -= sum(map(self._weigh, taken))
            self._changed.notify_all()
            if taken or not self._ended:
                return taken
        return self._reading.result()

    def close(self) -> None:
        """End the thread, also while it waits."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.shutdown()

    def _read(self, source: Iterator[Item]) -> None:
        try:
            for item in source:
                if not self._put(item):
                    return
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _put(self, item: Item) -> bool:
        """Append an item once the buffer is not full; False where the buffer is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or not self._is_full())
            if self._closed:
                return False
            self._items.append(item)
            self._weight += self._weigh(item)
            self._changed.notify_all()
        return True

    def _is_full(self) -> bool:
        return len(self._items) >= self._limit or self._weight >= self._max_weight
