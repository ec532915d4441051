"""Sending parked changes again: all of them by a command, or those that the console asks for by the running relay."""

import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

from bson import ObjectId

from relay.events import Event, event_of
from relay.leased import LeasedWork
from relay.sinks import Sink
from shared.documents import Document
from shared.errors import BadEvent
from shared.runtime.changes import change_digest
from shared.runtime.options import Relay
from shared.store import Store
from shared.store.extended_json import decoded
from shared.store.leases import Lease
from shared.store.parked_changes import NAMES_NO_DOCUMENT, NOT_FOLLOWED, SENT

LOOK_EVERY_S = 1.0
PART = 100  # requests that are read at once

Sinks = Mapping[tuple[str, str], Sink]  # by function and collection


class Replayer:
    """Replays the parked changes that the console asks for, of the functions that the sinks are of. Of all copies of
    the relay with the same functions, the one that holds their lease does it.

    A change is sent before its outcome is written: where a copy dies, it is sent again, and none is lost.
    """

    def __init__(self, store: Store, sinks: Sinks, options: Relay, stop: threading.Event) -> None:
        self._store, self._sinks, self._options, self._stop = store, sinks, options, stop
        self._functions = sorted({function for function, _ in sinks})
        self._work = LeasedWork(store, f"replay {' '.join(self._functions)}", options, stop)

    def run(self) -> None:
        """Replay until told to stop, whatever fails in the database; only BadConfig ends it."""
        self._work.run(self._replay, lambda: None)

    def _replay(self, lease: Lease) -> None:
        while not self._stop.is_set():
            parked = self._store.parked_changes.requested(self._functions, PART)
            for _ in replay(self._store, parked, self._sinks, self._options.max_bytes):
                self._work.renew(lease)
                if self._stop.is_set():
                    return
            if not parked:
                self._stop.wait(LOOK_EVERY_S)
            self._work.renew(lease)


def replay(
    store: Store, parked_changes: Iterable[Document], sinks: Sinks, max_bytes: int
) -> Iterator[tuple[Document, str]]:
    """Send parked changes again, each by its key alone, so that the receiver reads the document as it is now, and write
    down with each what became of it.

    max_bytes  of an event

    Yields each parked change with its outcome: "sent", or why it was not sent.
    """
    for parked in parked_changes:
        now, event = datetime.now(UTC), _event(parked, max_bytes)
        target = sinks.get((parked["function"], event.collection.partition(".")[2])) if event else None
        sent_as, outcome = None, NOT_FOLLOWED if event else NAMES_NO_DOCUMENT
        if event and target:
            result = target.send([event])
            sent_as, outcome = change_digest(json.loads(event.text)), SENT
            if result.refused or result.unsent:
                outcome = result.why or result.refused[0][1]
        store.parked_changes.replayed(parked["_id"], outcome, sent_as, now=now)
        yield parked, outcome


def _event(parked: Document, max_bytes: int) -> Event | None:
    """An update without a cluster time, since the receiver reads the document as it is then; None where the parked
    change does not name a document."""
    try:
        kept = json.loads(parked.get("event") or "{}")
        namespace = kept["ns"]
        key = decoded(kept["documentKey"])["_id"]  # only the key is decoded: the cluster time may be malformed
        if isinstance(key, bool) or not isinstance(key, ObjectId | str | int):
            return None
        space = {"db": str(namespace["db"]), "coll": str(namespace["coll"])}
        change = {"operationType": "update", "ns": space, "documentKey": {"_id": key}}
        return event_of(change, max_bytes)
    except (BadEvent, KeyError, TypeError, ValueError, RecursionError):
        return None
