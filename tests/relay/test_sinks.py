"""Where changes are sent: what arrives there, and what comes back when it is not taken."""

import json
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError
from botocore.stub import Stubber
from bson import Timestamp
from moto import mock_aws
from moto.events.utils import EventTemplateParser

from layers.service import load_service
from relay.events import SOURCE, Event, event_of, payload
from relay.sinks import (
    MAX_CALL_BYTES,
    MAX_ENTRIES,
    TRANSIENT_CODES,
    Bus,
    FanOut,
    Function,
    Here,
    Queue,
    SendResult,
    sink,
)
from relay.watched import watched
from shared.errors import BadConfig, BadEvent, NotFound, StaleModel, Unavailable
from shared.runtime.changes import arrivals
from tests.factories import an_id
from tests.relay.conftest import WATCHED

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
KIND = "MongoDB Database Trigger for app-db.contents"
REGION = "us-east-1"


@pytest.fixture(autouse=True)
def account(monkeypatch):
    """An account of nobody's."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)


def event(name: str, message: str = "hello", *, increment: int = 1) -> Event:
    """A post that was edited."""
    document = {"_id": an_id(name), "visibility": "publish", "payload": {"message": message}, "updatedAt": NOW}
    change = {
        "operationType": "update",
        "clusterTime": Timestamp(1_700_000_000, increment),
        "ns": {"db": "app-db", "coll": "contents"},
        "documentKey": {"_id": an_id(name)},
        "fullDocument": document,
    }
    return event_of(change, 240_000)


def events(count: int, message: str = "hello") -> list[Event]:
    return [event(f"post {number}", message, increment=number) for number in range(count)]


def read(*batches: Any) -> list[Any]:
    """The changes that a function makes of what arrived."""
    return [one.change for batch in batches for one in arrivals(batch, "contents", now=NOW)]


def expected(sent: list[Event]) -> list[Any]:
    return read(json.loads(payload(sent)))


class Calls:
    """A client that keeps the requests, and takes all."""

    def __init__(self) -> None:
        self.bodies: list[list[str]] = []

    def put_events(self, **request: Any) -> Any:
        self.bodies.append([entry["Detail"] for entry in request["Entries"]])
        return {"Entries": [{"EventId": "1"} for _ in request["Entries"]]}

    def send_message_batch(self, **request: Any) -> Any:
        self.bodies.append([entry["MessageBody"] for entry in request["Entries"]])
        return {"Successful": []}

    def invoke(self, **request: Any) -> Any:
        self.bodies.append([request["Payload"].decode()])
        return {"StatusCode": 202}


# What arrives


@pytest.fixture
def aws(monkeypatch):
    """Services in this process; moto hands an event on by a library that is not among ours, and need not be."""
    whole = staticmethod(lambda *, event, **_: {name: event[name] for name in event if name != "ingestion-time"})
    monkeypatch.setattr(EventTemplateParser, "parse", whole)
    with mock_aws():
        yield


@pytest.fixture
def queue(aws):
    """A queue, and what lies in it."""
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="changes")["QueueUrl"]

    def bodies() -> list[Any]:
        found = []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            found += [json.loads(one["Body"]) for one in messages]
        return found

    return url, bodies


@pytest.fixture
def bus(queue):
    """A bus that hands to the queue what the rule of serverless.yml lets pass."""
    rules = load_service()["functions"]["classifyContent"]["events"]
    pattern = next(rule["eventBridge"]["pattern"] for rule in rules if "eventBridge" in rule)
    bridge, (url, _) = boto3.client("events"), queue
    arn = boto3.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    bridge.create_event_bus(Name="feedkeeper-test-changes")
    bridge.put_rule(Name="contents", EventBusName="feedkeeper-test-changes", EventPattern=json.dumps(pattern))
    bridge.put_targets(Rule="contents", EventBusName="feedkeeper-test-changes", Targets=[{"Id": "queue", "Arn": arn}])
    return "feedkeeper-test-changes"


def test_what_is_put_on_the_bus_passes_the_rule_and_is_read_by_the_function(bus, queue):
    sent = events(25)

    assert sink(f"bus:{bus}", WATCHED).send(sent) == SendResult([])

    arrived = queue[1]()
    assert {(one["source"], one["detail-type"]) for one in arrived} == {(SOURCE, KIND)}
    assert sorted(read(*arrived), key=lambda one: one.cluster_time) == expected(sent)


def test_what_is_put_into_the_queue_is_read_by_the_function(queue):
    url, bodies = queue
    sent = events(25, "สวัสดี 👍 \uffff")

    assert sink(f"queue:{url}", WATCHED).send(sent) == SendResult([])

    records = [{"eventSource": "aws:sqs", "messageId": "1", "body": json.dumps(one)} for one in bodies()]
    assert sorted(read({"Records": records}), key=lambda one: one.cluster_time) == expected(sent)


def test_a_fifo_queue_keeps_the_changes_of_one_post_in_order_and_takes_a_repetition_once(aws):
    sqs = boto3.client("sqs")
    attributes = {"FifoQueue": "true"}
    url = sqs.create_queue(QueueName="changes.fifo", Attributes=attributes)["QueueUrl"]
    sent = [event("a", increment=1), event("b", increment=2), event("a", "edited", increment=3)]
    ordered = sink(f"queue:{url}", WATCHED)

    assert ordered.send(sent) == SendResult([])
    assert ordered.send(sent[-1:]) == SendResult([]), "as after a crash"

    found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"])["Messages"]
    groups = [one["Attributes"]["MessageGroupId"] for one in found]
    assert read(*(json.loads(one["Body"]) for one in found)) == expected(sent)
    assert groups[0] == groups[2] != groups[1]


def test_the_bus_is_asked_for_exactly_this():
    one = event("a")
    client = boto3.client("events")
    entry = {"EventBusName": "changes", "Source": SOURCE, "DetailType": KIND, "Detail": one.text}

    with Stubber(client) as stub:
        stub.add_response("put_events", {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}, {"Entries": [entry]})
        assert Bus(client, "changes").send([one]) == SendResult([])
        stub.assert_no_pending_responses()


def test_a_function_is_called_without_waiting_for_it_and_given_what_it_reads():
    sent = events(3)
    client = boto3.client("lambda")
    request = {"FunctionName": "classify", "InvocationType": "Event", "Payload": payload(sent).encode()}

    with Stubber(client) as stub:
        stub.add_response("invoke", {"StatusCode": 202}, request)
        assert Function(client, "classify").send(sent) == SendResult([])
        stub.assert_no_pending_responses()

    assert read(json.loads(payload(sent))) == expected(sent)


# How much at once


SINKS = {
    "bus": lambda client: Bus(client, "b"),
    "queue": lambda client: Queue(client, "https://q"),
    "fifo": lambda client: Queue(client, "https://q.fifo"),
    "function": lambda client: Function(client, "f"),
}
each_sink = pytest.mark.parametrize("make", SINKS.values(), ids=SINKS)


@each_sink
@pytest.mark.parametrize("size", [10, 1_000, 60_000, 130_000, 239_000])
def test_no_call_is_larger_than_the_service_takes(make, size):
    calls, sent = Calls(), events(45 if size < 10_000 else 9, "x" * size)

    assert make(calls).send(sent) == SendResult([])

    assert all(sum(len(body.encode()) for body in bodies) <= MAX_CALL_BYTES for bodies in calls.bodies)
    assert all(len(bodies) <= MAX_ENTRIES for bodies in calls.bodies)
    assert len(calls.bodies) < len(sent) or size > 100_000, "several at once where they fit"


@pytest.mark.parametrize("count", [2, 4, 64, 512])
def test_what_stands_around_the_changes_of_a_call_counts_too(count):
    calls, size = Calls(), MAX_CALL_BYTES // count - 1  # with commas between them, exactly what a call takes
    sent = [Event("app-db.contents", str(number), "x" * size, size, "") for number in range(count)]

    Function(calls, "f").send(sent)

    assert all(len(body) <= MAX_CALL_BYTES for (body,) in calls.bodies)


@each_sink
def test_of_two_changes_of_one_post_the_second_goes_in_a_later_call(make):
    calls = Calls()

    make(calls).send([event("a", "first"), event("b", "first"), event("a", "second")])

    (first, second) = ["".join(bodies) for bodies in calls.bodies]
    assert "second" not in first
    assert "first" not in second


@each_sink
def test_a_change_that_no_call_can_hold_is_refused_and_the_others_go_on(make):
    large = event_of(
        {"operationType": "insert", "ns": {"db": "a", "coll": "b"}, "documentKey": {"_id": "k" * 300_000}}, 240_000
    )
    calls, small = Calls(), events(2)

    outcome = make(calls).send([small[0], large, small[1]])

    assert outcome == SendResult([(large, f"too large: {large.size} bytes")])
    assert len(calls.bodies) == 1


@each_sink
def test_nothing_is_no_call(make):
    calls = Calls()

    assert make(calls).send([]) == SendResult([])
    assert calls.bodies == []


# What comes back


@contextmanager
def stubbed(service):
    client = boto3.client(service)
    with Stubber(client) as stub:
        yield client, stub
        stub.assert_no_pending_responses()


WRONG = "MalformedDetail"


def entries(*codes):
    """The answer of a bus, with a code where an entry was not taken."""
    found = [{"EventId": "1"} if code is None else {"ErrorCode": code, "ErrorMessage": "x"} for code in codes]
    return {"FailedEntryCount": len(codes) - codes.count(None), "Entries": found}


def failed(*codes):
    """The answer of a queue."""
    wrong = [{"Id": str(n), "Code": c, "SenderFault": c in (WRONG, "Mine")} for n, c in enumerate(codes) if c]
    right = [{"Id": str(n), "MessageId": "1", "MD5OfMessageBody": "1"} for n, code in enumerate(codes) if code is None]
    return {"Failed": wrong, "Successful": right}


PARTIAL = {
    "bus": ("events", "put_events", lambda client: Bus(client, "b"), entries, "ThrottlingException"),
    "queue": ("sqs", "send_message_batch", lambda client: Queue(client, "https://q"), failed, "RequestThrottled"),
}
each_partial = pytest.mark.parametrize("how", PARTIAL.values(), ids=PARTIAL)


@each_partial
def test_only_what_was_not_taken_and_what_follows_comes_back_in_order(how):
    service, operation, make, answer, busy = how
    sent = events(25)
    with stubbed(service) as (client, stub):
        stub.add_response(operation, answer(*[None] * 10))
        stub.add_response(operation, answer(None, busy, None, "InternalFailure", *[None] * 6))

        outcome = make(client).send(sent)

    assert list(outcome.unsent) == [sent[11], sent[13], *sent[20:]]
    assert outcome.refused == []
    assert busy in outcome.why
    assert "InternalFailure" in outcome.why


@each_partial
def test_what_is_wrong_by_itself_is_refused_and_the_rest_goes_on(how):
    service, operation, make, answer, _ = how
    sent = events(12)
    with stubbed(service) as (client, stub):
        stub.add_response(operation, answer(WRONG, *[None] * 8, WRONG))
        stub.add_response(operation, answer(None, None))

        outcome = make(client).send(sent)

    assert outcome == SendResult([(sent[0], WRONG), (sent[9], WRONG)])


@pytest.mark.parametrize("code", ["AccessDeniedException", "NotAuthorizedForSourceException", "SomethingNew"])
def test_a_bus_that_will_never_take_an_event_is_a_fault_of_the_settings_and_not_of_the_events(code):
    with stubbed("events") as (client, stub):
        stub.add_response("put_events", entries(None, code))

        with pytest.raises(BadConfig, match=f"EventBridge takes no event: {code}"):
            Bus(client, "b").send(events(2))


def test_a_queue_tells_by_itself_whose_fault_it_is():
    sent = events(3)
    with stubbed("sqs") as (client, stub):
        stub.add_response("send_message_batch", failed("Mine", "SomethingNew", None))

        outcome = Queue(client, "https://q").send(sent)

    assert outcome == SendResult([(sent[0], "Mine")], [sent[1]], "busy: ['SomethingNew']")


@each_partial
def test_what_there_is_no_time_for_comes_back_without_a_reason(how, monkeypatch):
    monkeypatch.setattr("relay.sinks.SEND_WITHIN_S", 0.0)
    service, operation, make, answer, _ = how
    sent = events(25)
    with stubbed(service) as (client, stub):
        stub.add_response(operation, answer(*[None] * 10))

        assert make(client).send(sent) == SendResult([], sent[10:])


@each_partial
def test_both_at_once_are_told_apart(how):
    service, operation, make, answer, busy = how
    sent = events(3)
    with stubbed(service) as (client, stub):
        stub.add_response(operation, answer(WRONG, busy, None))

        outcome = make(client).send(sent)

    assert outcome.refused == [(sent[0], WRONG)]
    assert outcome.unsent == [sent[1]]


CALLS = {
    "bus": ("events", "put_events", lambda client: Bus(client, "b"), lambda: entries(*[None] * 10), 10),
    "queue": ("sqs", "send_message_batch", lambda client: Queue(client, "https://q"), lambda: failed(*[None] * 10), 10),
    "function": ("lambda", "invoke", lambda client: Function(client, "f"), lambda: {"StatusCode": 202}, 2),
}
each_call = pytest.mark.parametrize("how", CALLS.values(), ids=CALLS)


@each_call
@pytest.mark.parametrize(
    ("code", "status"),
    [
        *((code, 400) for code in sorted(TRANSIENT_CODES)),
        ("SomethingNew", 429),
        ("SomethingNew", 500),
        ("SomethingNew", 503),
    ],
)
def test_a_call_that_fails_for_a_while_leaves_it_and_all_that_follows_unsent(how, code, status):
    service, operation, make, taken, first = how
    sent = events(25, "x" * 100_000 if service == "lambda" else "x")
    with stubbed(service) as (client, stub):
        stub.add_response(operation, taken())
        stub.add_client_error(operation, code, http_status_code=status)

        outcome = make(client).send(sent)

    assert list(outcome.unsent) == sent[first:]
    assert outcome.refused == []
    assert code in outcome.why


@each_call
@pytest.mark.parametrize(
    "fault",
    [
        EndpointConnectionError(endpoint_url="https://x"),
        ConnectTimeoutError(endpoint_url="https://x"),
        ReadTimeoutError(endpoint_url="https://x"),
    ],
    ids=lambda fault: type(fault).__name__,
)
def test_a_service_that_cannot_be_reached_leaves_all_unsent(how, fault):
    _, operation, make, _, _ = how

    class Silent:
        def __getattr__(self, name):
            assert name == operation

            def fails(**request):
                raise fault

            return fails

    sent = events(12)
    outcome = make(Silent()).send(sent)

    assert list(outcome.unsent) == sent
    assert outcome.why.endswith(f"cannot be reached: {type(fault).__name__}")


@each_call
@pytest.mark.parametrize("code", ["AccessDeniedException", "ResourceNotFoundException", "ValidationException"])
def test_a_call_that_can_never_succeed_is_a_fault_of_the_settings(how, code):
    service, operation, make, _, _ = how
    with stubbed(service) as (client, stub):
        stub.add_client_error(operation, code, http_status_code=400)

        with pytest.raises(BadConfig, match=rf"refuses every call: {code}"):
            make(client).send(events(1))


def test_a_queue_that_is_not_there_is_a_fault_of_the_settings(queue):
    with pytest.raises(BadConfig, match="SQS refuses every call"):
        sink(f"queue:{queue[0]}-other", WATCHED).send(events(1))


def test_a_service_is_asked_once_and_not_waited_for_long():
    for target in ("bus:b", "queue:https://q", "function:f"):
        config = sink(target, WATCHED)._client.meta.config  # type: ignore[attr-defined]
        assert config.retries["total_max_attempts"] == 1
        assert config.connect_timeout + config.read_timeout <= 10


# Here


def here(failure=None):
    """A handler in this process, and what it was given."""
    given: list[Any] = []

    def handler(batch, context):
        given.append(batch)
        if failure:
            raise failure

    return Here(handler), given


def test_a_handler_is_given_all_at_once_as_the_lambda_runtime_would():
    target, given = here()
    sent = [*events(30), event("post 0", "again")]

    assert target.send(sent) == SendResult()
    assert len(given) == 1
    assert read(*given) == expected(sent)


@pytest.mark.parametrize("failure", [Unavailable("the database"), StaleModel("the model")], ids=repr)
def test_where_trying_again_helps_all_comes_back(failure):
    sent = events(3)

    assert here(failure)[0].send(sent) == SendResult(unsent=sent, why=str(failure))


@pytest.mark.parametrize("failure", [BadEvent("no"), NotFound("what")], ids=repr)
def test_where_it_does_not_all_is_refused(failure):
    sent = events(2)
    reason = f"{type(failure).__name__}: {failure}"

    assert here(failure)[0].send(sent) == SendResult([(one, reason) for one in sent])


def test_a_handler_that_is_not_set_up_ends_it():
    with pytest.raises(BadConfig, match="MONGO_URI"):
        here(BadConfig("MONGO_URI is missing"))[0].send(events(1))


# Where to


@pytest.mark.parametrize(
    ("target", "kind", "name"),
    [
        ("bus:changes", Bus, "changes"),
        ("bus:arn:aws:events:x:1:event-bus/y", Bus, "arn:aws:events:x:1:event-bus/y"),
        ("queue:https://sqs.us-east-1.amazonaws.com/1/q", Queue, "https://sqs.us-east-1.amazonaws.com/1/q"),
        ("function:classify", Function, "classify"),
    ],
)
def test_a_word_says_where_to(target, kind, name):
    found = sink(target, WATCHED)

    assert type(found) is kind
    assert name in vars(found).values()


def test_here_are_the_real_handlers_of_all_that_a_collection_fires():
    from functions.coldstart.handlers import remove_withdrawn
    from functions.topics.handlers import classify_content

    (contents,) = (one for one in watched() if one.collection == "contents")
    handlers = [vars(one)["_handler"] for one in vars(sink("here", contents))["_sinks"]]

    assert handlers == [classify_content.handler, remove_withdrawn.handler]


def test_each_of_several_takes_all_and_what_any_does_not_take_comes_back():
    sent = events(3)
    (first, given), (second, also_given) = here(), here()
    busy, no = here(Unavailable("the database"))[0], here(BadEvent("no"))[0]

    assert FanOut([first, second]).send(sent) == SendResult()
    assert [len(given), len(also_given)] == [1, 1]
    assert FanOut([no, first]).send(sent) == SendResult([(one, "BadEvent: no") for one in sent])
    assert len(given) == 2, "the refusal of one keeps nothing from the next"
    assert FanOut([first, busy]).send(sent) == SendResult(unsent=sent, why="the database")


@pytest.mark.parametrize(
    "target", ["", "bus", "bus:", "queue:", "function:", "here:", "here:x", "topic:x", ":x", "Here"]
)
def test_any_other_word_is_refused(target):
    with pytest.raises(BadConfig, match="--to: needs bus:NAME, queue:URL, function:NAME or here"):
        sink(target, WATCHED)


@pytest.mark.parametrize("target", ["bus:b", "queue:https://q", "function:f"])
def test_without_a_region_it_says_so(monkeypatch, target):
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")

    with pytest.raises(BadConfig, match="settings of AWS: You must specify a region"):
        sink(target, WATCHED)
