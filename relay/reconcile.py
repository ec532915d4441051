"""Catching up from the documents themselves, where the history of their changes is lost."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from bson import Timestamp
from pymongo.database import Database

from relay.events import Event, event_of
from relay.meter import logger
from relay.positions import Position
from relay.watched import Watched
from shared.clock import EPOCH
from shared.config import Relay
from shared.documents import Document

Deliver = Callable[[Sequence[Event]], None]


def gap(since: datetime, start: Timestamp, reason: str) -> Document:
    """What has to be noted before anything is sent again: documents touched since a moment, read after `start`."""
    return {"from": since, "start": start, "after": None, "covered": 0, "reason": reason}


def reconcile(
    database: Database[Document],
    watched: Watched,
    options: Relay,
    position: Position,
    missed: Document,
    deliver: Deliver,
) -> None:
    """Send the documents of a gap as if they had just been replaced, in order of their last change, and say what that
    covered. It goes on where an earlier copy ended, and ends after `reconcile_most` documents.

    A change that comes meanwhile is newer than the moment before the reading, and so wins over what was read. What was
    deleted in the gap is not found here: reclassify_contents sweeps it.
    """
    last, covered = missed["after"] or missed["from"], int(missed["covered"])
    earlier = covered  # of them, those before `last`: the others of that date are sent again where a copy goes on
    batch: list[Event] = []
    found = database[watched.collection].find({"updatedAt": {"$gte": last}}, watched.projection | {"updatedAt": 1})
    for document in found.sort("updatedAt", 1).limit(max(options.reconcile_most - covered, 1)):
        if document["updatedAt"] != last:
            last, earlier = document["updatedAt"], covered
        batch.append(event_of(replaced(database.name, watched, document, missed["start"]), options.most_bytes))
        covered += 1
        if len(batch) == options.batch:
            deliver(batch)
            position.save({"reconciling.after": last, "reconciling.covered": earlier}, sent=len(batch))
            batch = []
    deliver(batch)
    # From here on the stream answers for what changed since the reading began, also where this history is lost again.
    position.save({"reconciling": None, "at": missed["start"].as_datetime()}, sent=len(batch))
    logger.warning(
        "reconciled",
        collection=watched.collection,
        reason=missed["reason"],
        covered_from=missed["from"],
        covered_to=last,
        documents=covered,
        complete=covered < options.reconcile_most,
    )


def replaced(database: str, watched: Watched, document: Document, at: Timestamp) -> Document:
    """The event of a change stream that would bring this document."""
    return {
        "operationType": "replace",
        "clusterTime": at,
        "ns": {"db": database, "coll": watched.collection},
        "documentKey": {"_id": document["_id"]},
        "fullDocument": document,
    }


def clamped(since: datetime, overlap: timedelta) -> datetime:
    """That long before, but not before 1970."""
    return max(since - overlap, EPOCH) if since > EPOCH else EPOCH
