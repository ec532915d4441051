"""Catching up from the documents themselves, where the history of their changes is lost."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from bson import Timestamp

from relay.events import Event, event_of
from relay.meter import logger
from relay.positions import Position
from relay.watched import Watched
from shared.clock import EPOCH
from shared.config import Relay
from shared.store import Store

Document = dict[str, Any]
Deliver = Callable[[Sequence[Event]], None]


def begin(store: Store, position: Position, reason: str, *, everything: bool) -> None:
    """Note that the documents touched since the last note, or all, must be sent again, before anything is sent.

    The stream goes on at the moment before they are read, where its token is of no use any more.
    """
    since = EPOCH if everything else position.claim().get("at", EPOCH)
    start = server_time(store)
    gap = {"from": since, "start": start, "after": None, "covered": 0, "reason": reason}
    position.save({"reconciling": gap} if everything else {"reconciling": gap, "token": None, "startAt": start})


def reconcile(
    store: Store, watched: Watched, options: Relay, position: Position, gap: Document, deliver: Deliver
) -> None:
    """Send the documents of a gap as if they had just been replaced, in order of their last change, and say what that
    covered. It goes on where an earlier copy ended, and ends after `reconcile_most` documents.

    A change that comes meanwhile is newer than the moment before the reading, and so wins over what was read. What was
    deleted in the gap is not found here: reclassify_contents sweeps it.
    """
    since = gap["after"] or clamped(gap["from"], options.overlap)
    covered, last = int(gap["covered"]), since
    batch: list[Event] = []
    found = store.app[watched.collection].find({"updatedAt": {"$gte": since}}, watched.projection | {"updatedAt": 1})
    for document in found.sort("updatedAt", 1).limit(max(options.reconcile_most - covered, 1)):
        batch.append(event_of(replaced(store, watched, document, gap["start"]), options.most_bytes))
        last = document["updatedAt"]
        if len(batch) == options.batch:
            covered += len(batch)
            deliver(batch)
            position.save({"reconciling.after": last, "reconciling.covered": covered}, sent=len(batch))
            batch = []
    covered += len(batch)
    deliver(batch)
    position.save({"reconciling": None}, sent=len(batch))
    logger.warning(
        "reconciled",
        collection=watched.collection,
        reason=gap["reason"],
        covered_from=since if gap["after"] is None else gap["from"],
        covered_to=last,
        documents=covered,
        complete=covered < options.reconcile_most,
    )


def replaced(store: Store, watched: Watched, document: Document, at: Timestamp) -> Document:
    """The event of a change stream that would bring this document."""
    return {
        "operationType": "replace",
        "clusterTime": at,
        "ns": {"db": store.app.name, "coll": watched.collection},
        "documentKey": {"_id": document["_id"]},
        "fullDocument": document,
    }


def clamped(since: datetime, overlap: timedelta) -> datetime:
    """That long before, but not before 1970."""
    return max(since - overlap, EPOCH) if since > EPOCH else EPOCH


def server_time(store: Store) -> Timestamp:
    """The cluster time of now."""
    with store.client.start_session() as session:
        store.app.command("ping", session=session)
        return session.operation_time or Timestamp(0, 1)
