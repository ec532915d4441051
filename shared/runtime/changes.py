"""Functions that a change of a document fires, whatever way it came.

A change arrives, as an event of MongoDB's change streams,

- from an Atlas trigger or from our relay through EventBridge: one, in `detail`, as plain or extended JSON;
- from an Amazon DocumentDB event source mapping: a batch, in `events[].event`, as extended JSON;
- from our relay directly: a batch, in `changes`, as extended JSON;
- in an SQS message around any of these.

SQS is told which messages failed and sends them again. The others can only take a whole batch back: what fails for good
is parked in `parkedChanges`, with its reason and without its text, and the rest goes on. A failure that passes, and one
of the settings, is raised: it is no fault of the changes. What tells of no document (drop, rename, createIndexes, …) is
counted and passed over.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Any, cast

from bson import ObjectId

from shared.change import KINDS, Change, ClusterTime, Kind, is_of_document
from shared.clock import EPOCH, MAX_AHEAD
from shared.errors import AppError, BadConfig, BadEvent, Conflict, Unavailable
from shared.report import Report
from shared.runtime.invocation import Handler, invoke, log_failure, to_app_error

DOCUMENT_DB = "aws:docdb"
QUEUE = "aws:sqs"
MAX_KEPT = 2_000  # characters of an event without its document
_HEX_DIGITS = 24
_COUNTER_END = 2**32


@dataclass(frozen=True, slots=True)
class Changes:
    """What one event brought, and the moment it came."""

    items: Sequence[Change]
    time: datetime


@dataclass(frozen=True, slots=True)
class Arrival:
    """One change as it arrived.

    raw      what the source sent
    message  the id of the SQS message around it; None where there is none
    change   what it means, or why it means nothing; None where it tells of no document
    """

    raw: Any
    message: str | None
    change: Change | BadEvent | None


@dataclass(frozen=True, slots=True)
class Failure:
    """A change that will not succeed however often it is sent."""

    arrival: Arrival
    reason: AppError


Body = Callable[[Changes], Report]


def on_change(*collections: str) -> Callable[[Body], Handler]:
    """Make `body` a Lambda handler for changes of these collections."""

    def decorate(body: Body) -> Handler:
        name = body.__module__.rpartition(".")[2]

        @wraps(body)
        def handler(event: Any, context: Any) -> Any:
            failed: list[Failure] = []

            def work() -> Report:
                now = datetime.now(UTC)
                arrived = list(arrivals(event, *collections, now=now))
                report, failures = _run(body, arrived, now)
                failed.extend(failures)
                if not is_queue(event):
                    _park(name, failures, now)
                told = {"parked" if not is_queue(event) else "returned": len(failures)} if failures else {}
                ignored = sum(one.change is None for one in arrived)
                told |= {"ignored": ignored} if ignored else {}
                return replace(report, details={**report.details, **told})

            answer = invoke(name, event, context, work)
            if answer is None or not is_queue(event):
                return answer
            return {"batchItemFailures": [{"itemIdentifier": one} for one in _messages(failed)]}

        return handler

    return decorate


def is_queue(event: Any) -> bool:
    """Whether SQS sent it."""
    records = event.get("Records") if isinstance(event, Mapping) else None
    return isinstance(records, list) and all(isinstance(r, Mapping) and r.get("eventSource") == QUEUE for r in records)


def arrivals(event: Any, *collections: str, now: datetime) -> Iterator[Arrival]:
    """Every change in an event; BadEvent where it is in none of the shapes."""
    if is_queue(event):
        for record in event["Records"]:
            yield from _of_message(record, collections, now)
    else:
        for raw in _changes_in(event):
            yield Arrival(raw, None, _attempt(raw, collections, now))


def change_of(raw: Any, *collections: str, now: datetime) -> Change:
    """The change that an event of a change stream tells of; BadEvent names the field that is not what it should be."""
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
        document=None if document is None else _named(decoded(document, "fullDocument")),
        updated=_updated(raw.get("updateDescription")),
        cluster_time=_cluster_time(decoded(raw.get("clusterTime"), "clusterTime"), now),
        has_text_key=_has_text_key(raw),
    )


def _of_message(record: Mapping[str, Any], collections: Sequence[str], now: datetime) -> Iterator[Arrival]:
    message, body = str(record.get("messageId")), record.get("body")
    try:
        found = list(_changes_in(json.loads(body if isinstance(body, str) else "")))
    except RecursionError:
        yield Arrival(body, message, BadEvent("body: nested too deeply"))
    except ValueError:
        yield Arrival(body, message, BadEvent("body: is not JSON"))
    except BadEvent as bad:
        yield Arrival(body, message, bad)
    else:
        for raw in found:
            yield Arrival(raw, message, _attempt(raw, collections, now))


def _changes_in(event: Any) -> Iterator[Any]:
    if not isinstance(event, Mapping):
        raise BadEvent(f"event: an object is needed, not {type(event).__name__}")
    if event.get("eventSource") == DOCUMENT_DB:
        batch = event.get("events")
        if not isinstance(batch, list):
            raise BadEvent("event.events: needs a list")
        yield from (one.get("event") if isinstance(one, Mapping) else one for one in batch)
    elif "changes" in event:
        if not isinstance(event["changes"], list):
            raise BadEvent("event.changes: needs a list")
        yield from event["changes"]
    elif "detail" in event:
        yield event["detail"]
    else:
        raise BadEvent("event: holds no change; it needs detail, events, changes or Records")


def _attempt(raw: Any, collections: Sequence[str], now: datetime) -> Change | BadEvent | None:
    if isinstance(raw, Mapping) and not is_of_document(raw):
        return None
    try:
        return change_of(raw, *collections, now=now)
    except BadEvent as bad:
        return bad


def _key(document_key: Any) -> Any:
    key = document_key.get("_id") if isinstance(document_key, Mapping) else None
    if type(key) is str:  # BSON's code is a str too, but no id
        return _id(key)
    if isinstance(key, bool) or not isinstance(key, ObjectId | int):
        raise BadEvent("documentKey._id: needs an id")
    return key


def _has_text_key(raw: Mapping[str, Any]) -> bool:
    """Whether `_id` is text in extended JSON, which writes the cluster time in its own way too."""
    time = raw.get("clusterTime")
    return isinstance(raw["documentKey"]["_id"], str) and isinstance(time, Mapping) and "$timestamp" in time


def _named(document: Any, name: str = "") -> Any:
    """Plain JSON has neither ids nor dates: text under `_id`, `id` and `…At` is read as what is kept there."""
    if isinstance(document, Mapping):
        return {key: _named(value, key) for key, value in document.items()}
    if isinstance(document, list):
        return [_named(one, name) for one in document]
    if isinstance(document, str) and name in ("_id", "id"):
        return _id(document)
    return _moment(document) if isinstance(document, str) and name.endswith("At") else document


def _id(text: str) -> ObjectId | str:
    return ObjectId(text) if len(text) == _HEX_DIGITS and ObjectId.is_valid(text) else text


def _moment(text: str) -> datetime | str:
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # the latter for what another zone puts before the year 1 or after 9999
        return text


def _updated(description: Any) -> frozenset[str] | None:
    """Paths that an update set, removed or shortened; None where it does not say, or not in the known form."""
    if not isinstance(description, Mapping):
        return None
    fields, removed = description.get("updatedFields") or {}, description.get("removedFields") or []
    shortened = description.get("truncatedArrays") or []
    if not isinstance(fields, Mapping) or not isinstance(removed, list) or not isinstance(shortened, list):
        return None
    arrays = (one.get("field") for one in shortened if isinstance(one, Mapping))
    return frozenset(str(path) for path in (*fields, *removed, *arrays)) or None


def _cluster_time(value: Any, now: datetime) -> ClusterTime | None:
    """Of extended JSON's {"$timestamp": {"t", "i"}}, by now decoded, or of Atlas' plain {"T", "I"}."""
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
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < _COUNTER_END:
        raise BadEvent("clusterTime: needs seconds and a counter")
    return value


def _run(body: Body, arrived: list[Arrival], now: datetime) -> tuple[Report, list[Failure]]:
    """Hand over all changes at once; where that fails for good, one by one, so that none holds back the others."""
    sound = [one for one in arrived if isinstance(one.change, Change)]
    failures = [_failure(one, one.change) for one in arrived if isinstance(one.change, BadEvent)]
    report, failed = _hand_over(body, sound, now)
    if failed and len(sound) > 1:
        parts = [_hand_over(body, [one], now) for one in sound]
        report, failed = Report.together([part for part, _ in parts]), [one for _, found in parts for one in found]
    failures += [_failure(one, error) for one, error in failed]
    return report, failures


def _hand_over(body: Body, arrived: Sequence[Arrival], now: datetime) -> tuple[Report, list[tuple[Arrival, Exception]]]:
    """What came of it, and where it failed for good, all of them. Raises what passes, or is no fault of the changes."""
    changes = [one.change for one in arrived if isinstance(one.change, Change)]
    try:
        return (body(Changes(changes, now)) if changes else Report()), []
    except Conflict as conflict:
        raise Unavailable(str(conflict)) from None  # else the changes would pass for done
    except Exception as error:
        known = to_app_error(error)
        if known.retry_helps or isinstance(known, BadConfig):
            raise
        return Report(), [(one, error) for one in arrived]


def _failure(arrival: Arrival, error: Exception) -> Failure:
    log_failure(error, payload=_digest(arrival.raw))
    return Failure(arrival, to_app_error(error))


def _park(function: str, failures: Sequence[Failure], now: datetime) -> None:
    if failures:
        from shared.store import open_store

        parked = open_store().parked_changes
        for one in failures:
            parked.park(_digest(one.arrival.raw), function, _kept(one.arrival.raw), str(one.reason), now=now)


def _kept(raw: Any) -> str | None:
    """What is needed to send it again, by its key: nothing that a person wrote. None where there is not enough."""
    try:
        named = {name: raw[name] for name in ("operationType", "ns", "documentKey")}
        text = json.dumps(named | {"clusterTime": raw.get("clusterTime")})
    except (KeyError, TypeError, ValueError, RecursionError):
        return None
    return text if len(text) <= MAX_KEPT else None


def _digest(raw: Any) -> str:
    """Of the payload as it came; of what is kept of it where it is nested too deeply."""
    try:
        text = raw if isinstance(raw, str) else json.dumps(raw, sort_keys=True, default=str)
    except (RecursionError, ValueError):
        text = _kept(raw) or "cannot be written down"
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def _messages(failed: Sequence[Failure]) -> list[str]:
    return list(dict.fromkeys(one.arrival.message for one in failed if one.arrival.message))
