"""Where changes are sent: an EventBridge bus, an SQS queue, a Lambda function, or a handler in this process."""

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from itertools import chain
from typing import Any, NamedTuple, Protocol

from relay.events import SOURCE, Event, payload, requests, unpacked
from relay.watched import Watched
from shared.errors import AppError, BadConfig, Unavailable

# EventBridge and SQS take 10 entries a call. All three services take 256 kB a call in every region and version.
MAX_ENTRIES = 10
MAX_CALL_BYTES = 262_144
ENTRY_OVERHEAD = 400  # bytes around an event, and around all of a call: names, ids, attributes
CALL_WITHIN_S = 5.0
SEND_WITHIN_S = 5.0  # then the relay looks at its lease before it sends the rest
TOO_MANY, ITS_OWN_FAULT = 429, 500  # HTTP status
DETAIL_TYPE = "MongoDB Database Trigger for {}"  # as Atlas names its own, so that one rule serves both

# What a service answers when it is busy or ill.
TRANSIENT_CODES = {
    "InternalFailure", "InternalException", "InternalError", "ServiceUnavailable", "ServiceUnavailableException",
    "ThrottlingException", "Throttling", "TooManyRequestsException", "RequestThrottled", "RequestLimitExceeded",
    "ServiceException", "KmsThrottled",
}  # fmt: skip
# What EventBridge says of an entry that is wrong by itself; any other code is about who sends or where to.
ITS_FAULT = {"InvalidArgument", "MalformedDetail", "RedactionFailure"}


class SendError(NamedTuple):
    """Why an event was not taken.

    passes  whether it may be taken later
    """

    code: str
    passes: bool


Call = Callable[[Sequence[Event]], Sequence[SendError | None]]  # sends a group; what became of each event


@dataclass(frozen=True, slots=True)
class SendResult:
    """What became of a batch.

    refused  events that will never be taken, each with the reason
    unsent   the rest, in order; all that follow the first fault are among them
    why      it was not taken, where that needs a pause; empty where there was no time left
    """

    refused: Sequence[tuple[Event, str]] = ()
    unsent: Sequence[Event] = ()
    why: str = ""


class Sink(Protocol):
    """Takes changes in order; one may arrive twice."""

    def send(self, events: Sequence[Event]) -> SendResult:
        """Send all; BadConfig where nothing ever can be sent."""


class Bus:
    """An EventBridge bus: one event a change."""

    def __init__(self, client: Any, name: str) -> None:
        self._client, self._name = client, name

    def send(self, events: Sequence[Event]) -> SendResult:
        return _send(events, MAX_ENTRIES, self._put)

    def _put(self, group: Sequence[Event]) -> list[SendError | None]:
        with faults_of("EventBridge"):
            answer = self._client.put_events(Entries=[self._entry(event) for event in group])
        codes = [entry.get("ErrorCode") for entry in answer["Entries"]]
        for code in set(codes) - {None} - TRANSIENT_CODES - ITS_FAULT:
            raise BadConfig(f"EventBridge takes no event: {code}")
        return [code and SendError(code, code in TRANSIENT_CODES) for code in codes]

    def _entry(self, event: Event) -> dict[str, str]:
        kind = DETAIL_TYPE.format(event.collection)
        return {"EventBusName": self._name, "Source": SOURCE, "DetailType": kind, "Detail": event.text}


class Queue:
    """An SQS queue: one message a change; a FIFO queue keeps those of one document in order."""

    def __init__(self, client: Any, url: str) -> None:
        self._client, self._url = client, url

    def send(self, events: Sequence[Event]) -> SendResult:
        return _send(events, MAX_ENTRIES, self._put)

    def _put(self, group: Sequence[Event]) -> list[SendError | None]:
        entries = [self._entry(str(number), event) for number, event in enumerate(group)]
        with faults_of("SQS"):
            answer = self._client.send_message_batch(QueueUrl=self._url, Entries=entries)
        failed = {entry["Id"]: SendError(entry["Code"], not entry["SenderFault"]) for entry in answer.get("Failed", ())}
        return [failed.get(str(number)) for number in range(len(group))]

    def _entry(self, number: str, event: Event) -> dict[str, str]:
        entry = {"Id": number, "MessageBody": payload([event])}
        if self._url.endswith(".fifo"):
            entry["MessageGroupId"] = _digest(f"{event.collection} {event.key}")
            entry["MessageDeduplicationId"] = _digest(event.text)
        return entry


class Function:
    """A Lambda function, called asynchronously with a batch."""

    def __init__(self, client: Any, name: str) -> None:
        self._client, self._name = client, name

    def send(self, events: Sequence[Event]) -> SendResult:
        return _send(events, len(events), self._invoke)

    def _invoke(self, group: Sequence[Event]) -> list[SendError | None]:
        with faults_of("Lambda"):
            self._client.invoke(FunctionName=self._name, InvocationType="Event", Payload=payload(group).encode())
        return [None] * len(group)


class Here:
    """A handler in this process."""

    def __init__(self, handler: Callable[[Any, Any], Any]) -> None:
        self._handler = handler

    def send(self, events: Sequence[Event]) -> SendResult:
        try:
            self._handler(unpacked(payload(events)), None)
        except BadConfig:
            raise
        except AppError as error:
            if error.retry_helps:
                return SendResult(unsent=events, why=str(error))
            return SendResult([(event, f"{type(error).__name__}: {error}") for event in events])
        return SendResult()


class FanOut:
    """Several sinks, each of which takes everything; what one does not take now is sent to all again."""

    def __init__(self, sinks: Sequence[Sink]) -> None:
        self._sinks = sinks

    def send(self, events: Sequence[Event]) -> SendResult:
        refused: list[tuple[Event, str]] = []
        for sink in self._sinks:
            outcome = sink.send(events)
            if outcome.unsent:
                return SendResult(unsent=events, why=outcome.why)
            refused += outcome.refused
        return SendResult(refused or ())


def _send(events: Sequence[Event], most: int, call: Call) -> SendResult:
    """Group after group, up to the first fault that may pass, while there is time; what is larger than a call may be is
    refused.

    most  events that a call takes
    """
    until = time.monotonic() + SEND_WITHIN_S
    largest = MAX_CALL_BYTES - ENTRY_OVERHEAD
    refused = [(event, f"too large: {event.size} bytes") for event in events if event.size > largest]
    fitting = [event for event in events if event.size <= largest]
    ahead = requests(fitting, most, MAX_CALL_BYTES, ENTRY_OVERHEAD)
    for group in ahead:
        try:
            faults = [(event, fault) for event, fault in zip(group, call(group), strict=True) if fault]
        except Unavailable as error:
            return SendResult(refused, [*group, *chain.from_iterable(ahead)], str(error))
        waiting = [event for event, fault in faults if fault.passes]
        refused += [(event, fault.code) for event, fault in faults if not fault.passes]
        if waiting:
            busy = sorted({fault.code for _, fault in faults if fault.passes})
            return SendResult(refused, [*waiting, *chain.from_iterable(ahead)], f"busy: {busy}")
        if time.monotonic() > until:
            return SendResult(refused, list(chain.from_iterable(ahead)))
    return SendResult(refused)


@contextmanager
def faults_of(service: str) -> Iterator[None]:
    """Raise the failures of an AWS call as ours: Unavailable where it passes, BadConfig where it does not."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code, status = error.response["Error"]["Code"], error.response["ResponseMetadata"].get("HTTPStatusCode", 500)
        if code in TRANSIENT_CODES or status == TOO_MANY or status >= ITS_OWN_FAULT:
            raise Unavailable(f"{service} does not take it now: {code}") from None
        raise BadConfig(f"{service} refuses every call: {code}") from None
    except BotoCoreError as error:
        raise Unavailable(f"{service} cannot be reached: {type(error).__name__}") from None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def sink(target: str, watched: Watched) -> Sink:
    """Where a word says that the changes of a collection go.

    bus:NAME, queue:URL, function:NAME, or here: to the real handlers in this process
    """
    kind, _, name = target.partition(":")
    if target == "here":
        modules = [handler.removesuffix(".handler").replace("/", ".") for handler in watched.handlers]
        return FanOut([Here(import_module(module).handler) for module in modules])
    if kind not in ("bus", "queue", "function") or not name:
        raise BadConfig("--to: needs bus:NAME, queue:URL, function:NAME or here")
    if kind == "bus":
        return Bus(_client("events"), name)
    if kind == "queue":
        return Queue(_client("sqs"), name)
    return Function(_client("lambda"), name)


def _client(service: str) -> Any:
    """One that tries a call once: the relay itself tries again, and renews its lease in between."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    once = Config(connect_timeout=CALL_WITHIN_S, read_timeout=CALL_WITHIN_S, retries={"total_max_attempts": 1})
    try:
        return boto3.client(service, config=once)
    except (BotoCoreError, ValueError) as error:
        raise BadConfig(f"settings of AWS: {error}") from None
