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


def replay(store: Store, sinks: Mapping[tuple[str, str], Sink], most_bytes: int) -> Iterator[tuple[Document, str]]:
    """Send every change that waits, by its key alone, so that the document is read as it is now; yields each with what
    became of it: "sent", "names no document", or why it was not taken.

    sinks  where the changes go that a function takes of a collection
    """
    for parked in store.parked_changes.waiting():
        event = _event(parked, most_bytes)
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
        yield parked, "sent"


def _event(parked: Document, most_bytes: int) -> Event | None:
    """Without the time of the change: what is read now is as new as can be."""
    try:
        kept = json.loads(parked.get("event") or "{}")
        space, key = kept["ns"], decoded(kept["documentKey"])["_id"]  # the time may be what was wrong with it
        named = {"db": str(space["db"]), "coll": str(space["coll"])}
    except (BadEvent, KeyError, TypeError, ValueError):
        return None
    if isinstance(key, bool) or not isinstance(key, ObjectId | str | int):
        return None
    return event_of({"operationType": "update", "ns": named, "documentKey": {"_id": key}}, most_bytes)
