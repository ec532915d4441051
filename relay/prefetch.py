"""Reading ahead of who takes."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, Full, Queue
from typing import Generic, TypeVar

Item = TypeVar("Item")
LOOK_UP_S = 0.1  # how often a reader that is ahead looks whether it shall end


class Prefetch(Generic[Item]):
    """Runs an iterator in a thread, at most `size` items ahead: then it waits, and so does what it reads from."""

    def __init__(self, source: Iterator[Item], size: int) -> None:
        self._items: Queue[Item] = Queue(size)
        self._closed = threading.Event()
        self._thread = ThreadPoolExecutor(1)
        self._reading = self._thread.submit(self._read, source)

    def take(self, most: int, within_s: float) -> list[Item] | None:
        """What is there, up to `most` items, in order; empty where nothing comes within that time.

        Once all is taken: None where the iterator has ended, else it raises what the iterator has raised.
        """
        ended = self._reading.done()  # asked before the look: whatever it has put is then found
        try:
            taken = [self._items.get(timeout=within_s)] if not ended else [self._items.get_nowait()]
        except Empty:
            return self._reading.result() if ended else []
        while len(taken) < most and not self._items.empty():
            taken.append(self._items.get_nowait())
        return taken

    def close(self) -> None:
        """End the reading, also where it waits."""
        self._closed.set()
        self._thread.shutdown()

    def _read(self, source: Iterator[Item]) -> None:
        for item in source:
            while not (self._closed.is_set() or self._put(item)):
                pass
            if self._closed.is_set():
                return

    def _put(self, item: Item) -> bool:
        try:
            self._items.put(item, timeout=LOOK_UP_S)
        except Full:
            return False
        return True
