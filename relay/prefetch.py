"""Reading ahead of who takes."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Prefetch(Generic[Item]):
    """Runs an iterator in a thread, at most `size` items ahead, and no further than those that it holds weigh `most`:
    then it waits, and so does what it reads from.

    weigh  what an item weighs
    """

    def __init__(self, source: Iterator[Item], size: int, most: int, weigh: Callable[[Item], int]) -> None:
        self._size, self._most, self._weigh = size, most, weigh
        self._items: deque[Item] = deque()
        self._weight = 0
        self._closed = self._ended = False
        self._changed = threading.Condition()
        self._thread = ThreadPoolExecutor(1)
        self._reading = self._thread.submit(self._read, source)

    def take(self, most: int, within_s: float) -> list[Item] | None:
        """What is there, up to `most` items, in order; empty where nothing comes within that time.

        Once all is taken: None where the iterator has ended, else it raises what the iterator has raised.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._ended, within_s)
            taken = [self._items.popleft() for _ in range(min(most, len(self._items)))]
            self._weight -= sum(map(self._weigh, taken))
            self._changed.notify_all()
            if taken or not self._ended:
                return taken
        return self._reading.result()

    def close(self) -> None:
        """End the reading, also where it waits."""
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
        """Wait for room; False where nobody takes any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._has_room())
            if self._closed:
                return False
            self._items.append(item)
            self._weight += self._weigh(item)
            self._changed.notify_all()
        return True

    def _has_room(self) -> bool:
        return len(self._items) < self._size and self._weight < self._most
