"""Sending parked changes again."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from bson import ObjectId

from relay.events import Event, event_of
from relay.sinks import Sink
from shared.documents import Document
from shared.errors import BadEvent
from shared.store import Store
from shared.store.extended_json import decoded

SENT = "sent"


def replay(store: Store, sinks: Mapping[tuple[str, str], Sink], max_bytes: int) -> Iterator[tuple[Document, str]]:
    """Send every parked change again by its key alone, so that the receiver reads the document as it is now.

    sinks      by function and collection
    max_bytes  of an event

    Yields each parked change with its outcome: "sent", "names no document", or why the receiver did not take it.
    """
    for parked in store.parked_changes.waiting():
        event = _event(parked, max_bytes)
        target = sinks.get((parked["function"], event.collection.partition(".")[2])) if event else None
        if event is None or target is None:
            yield parked, "names no document"
            continue
        now = datetime.now(UTC)
        outcome = target.send([event])
        if outcome.refused or outcome.unsent:
            yield parked, outcome.why or outcome.refused[0][1]
            continue
        store.parked_changes.replayed(parked["_id"], now=now)
        yield parked, SENT


def _event(parked: Document, max_bytes: int) -> Event | None:
    """An update without a cluster time, since the receiver reads the document as it is then; None where the parked
    change does not name a document."""
    try:
        kept = json.loads(parked.get("event") or "{}")
        namespace = kept["ns"]
        key = decoded(kept["documentKey"])["_id"]  # only the key is decoded: the cluster time may be malformed
        database, collection = str(namespace["db"]), str(namespace["coll"])
    except (BadEvent, KeyError, TypeError, ValueError):
        return None
    if isinstance(key, bool) or not isinstance(key, ObjectId | str | int):
        return None
    update = {"operationType": "update", "ns": {"db": database, "coll": collection}, "documentKey": {"_id": key}}
    return event_of(update, max_bytes)
