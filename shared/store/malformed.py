"""Documents that were left out, or read with a neutral value, because a field is not what it should be.

Readers name them here; whoever runs the work collects them and puts them into its report.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock
from typing import Any

MAX_IDS = 10_000  # of one collection that are kept; of more only the number


class MalformedDocuments:
    """Each document once for each collection, however often it was read.

    Threads of one piece of work share it.
    """

    def __init__(self) -> None:
        self._ids: dict[str, dict[str, Any]] = {}
        self._more = Counter[str]()
        self._lock = Lock()

    def add(self, collection: str, ids: Iterable[Any], more: int = 0) -> None:
        """Documents by `_id`, and how many others there are whose ids nobody has read."""
        with self._lock:
            kept = self._ids.setdefault(collection, {})
            for one in ids:
                if len(kept) < MAX_IDS:
                    kept[repr(one)] = one  # an `_id` may be a document, which is no key
                elif repr(one) not in kept:
                    more += 1
            self._more[collection] = max(self._more[collection], more)

    @property
    def counts(self) -> dict[str, int]:
        """How many there are in each collection; of those whose ids are not kept, as many as one read met."""
        found = {name: len(ids) + self._more[name] for name, ids in sorted(self._ids.items())}
        return {name: number for name, number in found.items() if number}

    @property
    def ids(self) -> list[Any]:
        """Those that are kept, collection by collection."""
        return [one for _, ids in sorted(self._ids.items()) for one in ids.values()]

    @property
    def more(self) -> int:
        """How many there are beside those."""
        return self._more.total()


_collector: ContextVar[MalformedDocuments | None] = ContextVar("malformed_documents", default=None)


@contextmanager
def collecting() -> Iterator[MalformedDocuments]:
    """What is named inside the `with`, in the threads that it starts too (`deadline.DeadlineExecutor`)."""
    found = MalformedDocuments()
    token = _collector.set(found)
    try:
        yield found
    finally:
        _collector.reset(token)


def name_malformed(collection: str, *ids: Any, more: int = 0) -> None:
    """Tell whoever collects; outside of `collecting` nobody does."""
    collector = _collector.get()
    if collector is not None:
        collector.add(collection, ids, more)
