"""Malformed documents: those that were left out, or read with a neutral value, because a field is malformed.

Repositories report them here by their ids; the run that calls the repositories collects them for its report.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock
from typing import Any

MAX_IDS = 10_000  # kept for each collection; further documents are only counted


class MalformedDocuments:
    """Ids of malformed documents by collection, each once however often it was read; safe to share between threads."""

    def __init__(self) -> None:
        self._ids: dict[str, dict[str, Any]] = {}
        self._more = Counter[str]()
        self._lock = Lock()

    def add(self, collection: str, ids: Iterable[Any], more: int = 0) -> None:
        """Add documents by `_id`, and `more` further ones whose ids were not read."""
        with self._lock:
            kept = self._ids.setdefault(collection, {})
            for key in ids:
                if len(kept) < MAX_IDS:
                    kept[repr(key)] = key  # an `_id` may be a document, which cannot be hashed
                elif repr(key) not in kept:
                    more += 1
            self._more[collection] = max(self._more[collection], more)

    @property
    def counts(self) -> dict[str, int]:
        """The number of documents by collection; of those whose ids are not kept, the most that one read reported."""
        counts = {name: len(ids) + self._more[name] for name, ids in sorted(self._ids.items())}
        return {name: count for name, count in counts.items() if count}

    @property
    def ids(self) -> list[Any]:
        """The ids that are kept, collection by collection."""
        return [key for _, ids in sorted(self._ids.items()) for key in ids.values()]

    @property
    def more(self) -> int:
        """The number of documents whose ids are not kept."""
        return self._more.total()


_collector: ContextVar[MalformedDocuments | None] = ContextVar("malformed_documents", default=None)


@contextmanager
def collecting() -> Iterator[MalformedDocuments]:
    """Collect the documents reported inside the `with`, also in threads of a `deadline.DeadlineExecutor`."""
    collected = MalformedDocuments()
    token = _collector.set(collected)
    try:
        yield collected
    finally:
        _collector.reset(token)


def name_malformed(collection: str, *ids: Any, more: int = 0) -> None:
    """Report malformed documents by their ids, and `more` further ones; outside of `collecting` this does nothing."""
    collector = _collector.get()
    if collector is not None:
        collector.add(collection, ids, more)
