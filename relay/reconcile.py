"""Catching up from the documents themselves where the history of their changes is lost."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from bson import Timestamp
from pymongo.database import Database

from relay.events import Event, event_of
from relay.meter import logger
from relay.positions import Position
from relay.watched import Watched
from shared.clock import EPOCH
from shared.documents import Document
from shared.runtime.options import Relay

Deliver = Callable[[Sequence[Event]], None]


def gap(since: datetime, start: Timestamp, reason: str) -> Document:
    """The record of a gap, to be saved before anything of it is sent: documents changed since a moment have to be read
    after the cluster time `start`, and sent."""
    return {"from": since, "start": start, "after": None, "covered": 0, "reason": reason}


def reconcile(
    database: Database[Document],
    watched: Watched,
    options: Relay,
    position: Position,
    missed: Document,
    deliver: Deliver,
) -> None:
    """Send the documents of a gap as if they had just been replaced, in order of `updatedAt`, and log what was covered.

    missed   the record of the gap
    deliver  sends a batch

    Goes on where an earlier copy of the relay has stopped, and ends after `max_reconciled` documents. A change that
    comes meanwhile has a later cluster time than `start`, which the documents are sent with, and so supersedes them.
    Documents that were deleted in the gap are not found here: reclassify_contents removes what was derived from them.
    """
    last, covered = missed["after"] or missed["from"], int(missed["covered"])
    earlier = covered  # documents before `last`; those of that date are sent again where another copy goes on
    batch: list[Event] = []
    documents = database[watched.collection].find({"updatedAt": {"$gte": last}}, watched.projection | {"updatedAt": 1})
    for document in documents.sort("updatedAt", 1).limit(max(options.max_reconciled - covered, 1)):
        if document["updatedAt"] != last:
            last, earlier = document["updatedAt"], covered
        batch.append(event_of(replacement(database.name, watched, document, missed["start"]), options.max_bytes))
        covered += 1
        if len(batch) == options.batch:
            deliver(batch)
            position.save({"reconciling.after": last, "reconciling.covered": earlier}, sent=len(batch))
            batch = []
    deliver(batch)
    # The stream, opened at `start`, covers what has changed since, so `at` is where a next gap would begin.
    position.save({"reconciling": None, "at": missed["start"].as_datetime()}, sent=len(batch))
    logger.warning(
        "reconciled",
        collection=watched.collection,
        reason=missed["reason"],
        covered_from=missed["from"],
        covered_to=last,
        documents=covered,
        complete=covered < options.max_reconciled,
    )


def replacement(database: str, watched: Watched, document: Document, at: Timestamp) -> Document:
    """The event of a change stream that a replacement by this document would cause at that cluster time."""
    return {
        "operationType": "replace",
        "clusterTime": at,
        "ns": {"db": database, "coll": watched.collection},
        "documentKey": {"_id": document["_id"]},
        "fullDocument": document,
    }


def with_overlap(since: datetime, overlap: timedelta) -> datetime:
    """The moment that lies `overlap` before another, but not before 1970."""
    return max(since - overlap, EPOCH) if since > EPOCH else EPOCH
