"""Decoding of the events that bring changes of documents; pure functions.

A change arrives as an event of MongoDB's change streams,

- from an Atlas trigger, or from our relay through EventBridge: one change, in `detail`, as plain or extended JSON;
- from an Amazon DocumentDB event source mapping: a batch, in `events[].event`, as extended JSON;
- from our relay directly: a batch, in `changes`, as extended JSON;
- in an SQS message around any of these.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from bson import ObjectId

from shared.change import KINDS, Change, ClusterTime, Kind, is_of_document
from shared.clock import EPOCH, MAX_AHEAD
from shared.documents import object_id
from shared.errors import BadEvent

DOCUMENT_DB = "aws:docdb"
QUEUE = "aws:sqs"
_COUNTER_END = 2**32  # both parts of a cluster time are unsigned 32-bit integers


@dataclass(frozen=True, slots=True)
class Arrival:
    """One change as it arrived.

    raw      the change as its source sent it, not decoded
    message  id of the SQS message that held it; None where it came by another way
    change   the decoded change, or the reason why it cannot be decoded; None for an event of no single document
    """

    raw: Any
    message: str | None
    change: Change | BadEvent | None


def is_queue(event: Any) -> bool:
    """Whether SQS sent the event."""
    records = event.get("Records") if isinstance(event, Mapping) else None
    return isinstance(records, list) and all(isinstance(r, Mapping) and r.get("eventSource") == QUEUE for r in records)


def arrivals(event: Any, *collections: str, now: datetime) -> Iterator[Arrival]:
    """Yield every change in an event, in order.

    collections  names of the collections whose changes are accepted
    now          no cluster time may be later, give or take `MAX_AHEAD`

    A change that cannot be decoded, and an SQS message that holds none, is yielded with its BadEvent. Raises BadEvent
    where the event itself has none of the known shapes.
    """
    if is_queue(event):
        for record in event["Records"]:
            yield from _arrivals_in_message(record, collections, now)
    else:
        for raw in _raw_changes(event):
            yield Arrival(raw, None, _change_or_reason(raw, collections, now))


def change_of(raw: Any, *collections: str, now: datetime) -> Change:
    """Decode one event of a change stream; BadEvent names the field that is missing or malformed."""
    from shared.store.extended_json import decoded  # a function without changes does not load it

    if not isinstance(raw, Mapping):
        raise BadEvent(f"change: an object is needed, not {type(raw).__name__}")
    kind, namespace = raw.get("operationType"), raw.get("ns")
    if kind not in KINDS:
        raise BadEvent("operationType: needs one of insert, update, replace, delete")
    if not isinstance(namespace, Mapping) or namespace.get("coll") not in collections:
        raise BadEvent(f"ns.coll: needs {' or '.join(collections)}")
    document = raw.get("fullDocument")
    if document is not None and not isinstance(document, Mapping):
        raise BadEvent("fullDocument: needs an object")
    return Change(
        collection=namespace["coll"],
        key=_key(decoded(raw.get("documentKey"), "documentKey")),
        kind=cast("Kind", kind),
        document=None if document is None else _with_types(decoded(document, "fullDocument")),
        updated=_updated_paths(raw.get("updateDescription")),
        cluster_time=_cluster_time(decoded(raw.get("clusterTime"), "clusterTime"), now),
        has_text_key=_has_text_key(raw),
    )


def _arrivals_in_message(record: Mapping[str, Any], collections: Sequence[str], now: datetime) -> Iterator[Arrival]:
    """Every change in one SQS message; a single arrival with the reason where its body cannot be read."""
    message, body = str(record.get("messageId")), record.get("body")
    try:
        raw_changes = list(_raw_changes(json.loads(body if isinstance(body, str) else "")))
    except RecursionError:
        yield Arrival(body, message, BadEvent("body: nested too deeply"))
    except ValueError:
        yield Arrival(body, message, BadEvent("body: is not JSON"))
    except BadEvent as bad:
        yield Arrival(body, message, bad)
    else:
        for raw in raw_changes:
            yield Arrival(raw, message, _change_or_reason(raw, collections, now))


def _raw_changes(event: Any) -> Iterator[Any]:
    """The events of a change stream inside an event of any shape but SQS', not decoded."""
    if not isinstance(event, Mapping):
        raise BadEvent(f"event: an object is needed, not {type(event).__name__}")
    if event.get("eventSource") == DOCUMENT_DB:
        batch = event.get("events")
        if not isinstance(batch, list):
            raise BadEvent("event.events: needs a list")
        yield from (entry.get("event") if isinstance(entry, Mapping) else entry for entry in batch)
    elif "changes" in event:
        if not isinstance(event["changes"], list):
            raise BadEvent("event.changes: needs a list")
        yield from event["changes"]
    elif "detail" in event:
        yield event["detail"]
    else:
        raise BadEvent("event: holds no change; it needs detail, events, changes or Records")


def _change_or_reason(raw: Any, collections: Sequence[str], now: datetime) -> Change | BadEvent | None:
    """The decoded change or why it cannot be decoded; None where the event is not about a single document."""
    if isinstance(raw, Mapping) and not is_of_document(raw):
        return None
    try:
        return change_of(raw, *collections, now=now)
    except BadEvent as bad:
        return bad


def _key(document_key: Any) -> Any:
    """The `_id` in a decoded `documentKey`: an ObjectId, text or a whole number; BadEvent for anything else."""
    key = document_key.get("_id") if isinstance(document_key, Mapping) else None
    if type(key) is str:  # not isinstance: BSON's Code is a subclass of str
        return _as_id(key)
    if isinstance(key, bool) or not isinstance(key, ObjectId | int):
        raise BadEvent("documentKey._id: needs an id")
    return key


def _has_text_key(raw: Mapping[str, Any]) -> bool:
    """Whether the server stores `_id` as text: known only in extended JSON, which also wraps the cluster time."""
    time = raw.get("clusterTime")
    return isinstance(raw["documentKey"]["_id"], str) and isinstance(time, Mapping) and "$timestamp" in time


def _with_types(value: Any, name: str = "") -> Any:
    """Restore the types that plain JSON lacks, at any depth: text under `_id` and `id` becomes an ObjectId and text
    under names ending in `At` a date, where it can be read as one.

    name  of the field that holds the value; an item of a list has the name of the list
    """
    if isinstance(value, Mapping):
        return {key: _with_types(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_types(item, name) for item in value]
    if isinstance(value, str) and name in ("_id", "id"):
        return _as_id(value)
    return _as_date(value) if isinstance(value, str) and name.endswith("At") else value


def _as_id(text: str) -> ObjectId | str:
    return object_id(text) or text


def _as_date(text: str) -> datetime | str:
    """ISO 8601 as a date in UTC, which a text without a zone is taken for; any other text unchanged."""
    try:
        date = datetime.fromisoformat(text)
        return date.astimezone(UTC) if date.tzinfo else date.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # OverflowError: in UTC it lies before the year 1 or after 9999
        return text


def _updated_paths(description: Any) -> frozenset[str] | None:
    """Paths that an update set, removed or shortened; None where the event does not name them in a known form."""
    if not isinstance(description, Mapping):
        return None
    fields, removed = description.get("updatedFields") or {}, description.get("removedFields") or []
    shortened = description.get("truncatedArrays") or []
    if not isinstance(fields, Mapping) or not isinstance(removed, list) or not isinstance(shortened, list):
        return None
    arrays = (array.get("field") for array in shortened if isinstance(array, Mapping))
    return frozenset(str(path) for path in (*fields, *removed, *arrays)) or None


def _cluster_time(value: Any, now: datetime) -> ClusterTime | None:
    """From a decoded BSON timestamp (extended JSON's {"$timestamp": {"t", "i"}}) or Atlas' plain {"T", "I"}."""
    if value is None:
        return None
    if isinstance(value, Mapping):
        seconds, increment = value.get("T"), value.get("I")
    else:
        seconds, increment = getattr(value, "time", None), getattr(value, "inc", None)
    time = ClusterTime(_counter(seconds), _counter(increment))
    if EPOCH + timedelta(seconds=time.seconds) > now + MAX_AHEAD:
        raise BadEvent("clusterTime: lies in the future")
    return time


def _counter(value: Any) -> int:
    """An unsigned 32-bit integer; BadEvent otherwise."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < _COUNTER_END:
        raise BadEvent("clusterTime: needs seconds and a counter")
    return value
