"""Receivers of changes: an EventBridge bus, an SQS queue, a Lambda function, or a handler in this process."""

import hashlib
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import chain
from typing import Any, NamedTuple, Protocol

from relay.aws import TRANSIENT_CODES, aws_errors, client
from relay.events import SOURCE, Event, grouped, payload, unpacked
from relay.watched import Watched
from shared.errors import AppError, BadConfig, Unavailable

MAX_ENTRIES = 10  # of a call of EventBridge or SQS
MAX_CALL_BYTES = 262_144  # that all three services accept, in every region and version
ENTRY_OVERHEAD = 400  # bytes beside each event, and of the call itself: names, ids, attributes
SEND_WITHIN_S = 5.0  # after which no further call is begun: the relay checks its lease before it sends the rest
DETAIL_TYPE = "MongoDB Database Trigger for {}"  # the one of Atlas' own triggers, so that one rule serves both

# What a target may be called, as far as AWS would refuse it in any account.
NAMES = {
    "bus": re.compile(r"[A-Za-z0-9_./:-]+"),
    "queue": re.compile(r"https?://[^\s/]+(/\S*)?"),
    "function": re.compile(r"[A-Za-z0-9_.:$-]+"),
}
# Codes of EventBridge for an entry that is malformed; any other code is about the sender or the bus.
MALFORMED_ENTRY_CODES = {"InvalidArgument", "MalformedDetail", "RedactionFailure"}


class SendError(NamedTuple):
    """Why an event was not accepted.

    is_transient  whether it may be accepted later
    """

    code: str
    is_transient: bool


Call = Callable[[Sequence[Event]], Sequence[SendError | None]]  # sends a group; the error of each event, None for none


@dataclass(frozen=True, slots=True)
class SendResult:
    """What became of a batch.

    refused  events that will never be accepted, each with the reason
    unsent   events that have to be sent again, in order; from the first transient error on, all that follow
    why      the transient error, after which a pause is needed; empty where the time was up
    """

    refused: Sequence[tuple[Event, str]] = ()
    unsent: Sequence[Event] = ()
    why: str = ""


class Sink(Protocol):
    """A receiver of changes in order; a change may be sent to it twice."""

    def send(self, events: Sequence[Event]) -> SendResult:
        """Send a batch; raises BadConfig where no event can ever be sent."""


@dataclass(frozen=True, slots=True)
class Bus:
    """An EventBridge bus; every change is one event."""

    client: Any
    name: str

    def send(self, events: Sequence[Event]) -> SendResult:
        return _send(events, MAX_ENTRIES, self._put)

    def _put(self, group: Sequence[Event]) -> list[SendError | None]:
        with aws_errors("EventBridge"):
            answer = self.client.put_events(Entries=[self._entry(event) for event in group])
        codes = [entry.get("ErrorCode") for entry in answer["Entries"]]
        for code in set(codes) - {None} - TRANSIENT_CODES - MALFORMED_ENTRY_CODES:
            raise BadConfig(f"EventBridge takes no event: {code}")
        return [code and SendError(code, code in TRANSIENT_CODES) for code in codes]

    def _entry(self, event: Event) -> dict[str, str]:
        detail_type = DETAIL_TYPE.format(event.collection)
        return {"EventBusName": self.name, "Source": SOURCE, "DetailType": detail_type, "Detail": event.text}


@dataclass(frozen=True, slots=True)
class Queue:
    """An SQS queue; every change is one message. A FIFO queue keeps the changes of one document in order."""

    client: Any
    url: str

    def send(self, events: Sequence[Event]) -> SendResult:
        return _send(events, MAX_ENTRIES, self._put)

    def _put(self, group: Sequence[Event]) -> list[SendError | None]:
        entries = [self._entry(str(number), event) for number, event in enumerate(group)]
        with aws_errors("SQS"):
            answer = self.client.send_message_batch(QueueUrl=self.url, Entries=entries)
        failed = {entry["Id"]: SendError(entry["Code"], not entry["SenderFault"]) for entry in answer.get("Failed", ())}
        return [failed.get(str(number)) for number in range(len(group))]

    def _entry(self, number: str, event: Event) -> dict[str, str]:
        entry = {"Id": number, "MessageBody": payload([event])}
        if self.url.endswith(".fifo"):
            entry["MessageGroupId"] = _digest(f"{event.collection} {event.key}")
            entry["MessageDeduplicationId"] = _digest(event.text)
        return entry


@dataclass(frozen=True, slots=True)
class Function:
    """A Lambda function, called asynchronously with a batch."""

    client: Any
    name: str

    def send(self, events: Sequence[Event]) -> SendResult:
        return _send(events, len(events), self._invoke)

    def _invoke(self, group: Sequence[Event]) -> list[SendError | None]:
        with aws_errors("Lambda"):
            self.client.invoke(FunctionName=self.name, InvocationType="Event", Payload=payload(group).encode())
        return [None] * len(group)


@dataclass(frozen=True, slots=True)
class Here:
    """A handler in this process."""

    handler: Callable[[Any, Any], Any]

    def send(self, events: Sequence[Event]) -> SendResult:
        try:
            self.handler(unpacked(payload(events)), None)
        except BadConfig:
            raise
        except AppError as error:
            if error.retry_helps:
                return SendResult(unsent=events, why=str(error))
            return SendResult([(event, f"{type(error).__name__}: {error}") for event in events])
        return SendResult()


@dataclass(frozen=True, slots=True)
class FanOut:
    """Several sinks, each of which gets every batch; a batch that one of them does not accept is sent to all again."""

    sinks: Sequence[Sink]

    def send(self, events: Sequence[Event]) -> SendResult:
        refused: list[tuple[Event, str]] = []
        for sink in self.sinks:
            outcome = sink.send(events)
            if outcome.unsent:
                return SendResult(unsent=events, why=outcome.why)
            refused += outcome.refused
        return SendResult(refused or ())


def _send(events: Sequence[Event], limit: int, call: Call) -> SendResult:
    """Send group after group, up to the first transient error or for `SEND_WITHIN_S`. Events that are larger than a
    call may be are refused.

    limit  events that a call accepts
    """
    until = time.monotonic() + SEND_WITHIN_S
    max_size = MAX_CALL_BYTES - ENTRY_OVERHEAD
    refused = [(event, f"too large: {event.size} bytes") for event in events if event.size > max_size]
    fitting = [event for event in events if event.size <= max_size]
    groups = grouped(fitting, limit, MAX_CALL_BYTES, ENTRY_OVERHEAD)
    for group in groups:
        try:
            errors = [(event, error) for event, error in zip(group, call(group), strict=True) if error]
        except Unavailable as error:
            return SendResult(refused, [*group, *chain.from_iterable(groups)], str(error))
        waiting = [event for event, error in errors if error.is_transient]
        refused += [(event, error.code) for event, error in errors if not error.is_transient]
        if waiting:
            codes = sorted({error.code for _, error in errors if error.is_transient})
            return SendResult(refused, [*waiting, *chain.from_iterable(groups)], f"busy: {codes}")
        if time.monotonic() > until:
            return SendResult(refused, list(chain.from_iterable(groups)))
    return SendResult(refused)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def sink(target: str, watched: Watched) -> Sink:
    """The receiver of a collection's changes.

    target  bus:NAME, queue:URL, function:NAME, or here: the real handlers in this process

    Raises BadConfig for any other target, and where the settings of AWS are wrong.
    """
    kind, _, name = target.partition(":")
    if target == "here":
        modules = [handler.removesuffix(".handler").replace("/", ".") for handler in watched.handlers]
        return FanOut([Here(import_module(module).handler) for module in modules])
    if kind not in ("bus", "queue", "function") or not name:
        raise BadConfig("--to: needs bus:NAME, queue:URL, function:NAME or here")
    if not NAMES[kind].fullmatch(name):
        raise BadConfig(f"--to: {name!r} cannot be the {'URL' if kind == 'queue' else 'name'} of a {kind}")
    if kind == "bus":
        return Bus(client("events"), name)
    if kind == "queue":
        return Queue(client("sqs"), name)
    return Function(client("lambda"), name)
