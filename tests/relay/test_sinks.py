"""Where changes are sent: what arrives there, how much at once, and which receiver a target names."""

import json
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws
from moto.events.utils import EventTemplateParser

from layers.service import load_service
from relay.events import SOURCE, Event, event_of, payload
from relay.sinks import MAX_CALL_BYTES, MAX_ENTRIES, Bus, FanOut, Function, Here, Queue, SendResult, sink
from relay.watched import watched
from shared.errors import BadConfig, BadEvent, NotFound, StaleModel, Unavailable
from shared.runtime.change_events import arrivals
from tests.relay.conftest import WATCHED, event, events

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
KIND = "MongoDB Database Trigger for app-db.contents"

pytestmark = pytest.mark.usefixtures("aws_account")


def read(*batches: Any) -> list[Any]:
    """The changes that a function decodes from batches that arrived."""
    return [arrival.change for batch in batches for arrival in arrivals(batch, "contents", now=NOW)]


def expected(sent: list[Event]) -> list[Any]:
    return read(json.loads(payload(sent)))


class Calls:
    """A client that keeps the requests, and accepts every entry."""

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
    """Services of moto in this process. To forward an event, moto would need a library that we do not install."""
    whole = staticmethod(lambda *, event, **_: {name: event[name] for name in event if name != "ingestion-time"})
    monkeypatch.setattr(EventTemplateParser, "parse", whole)
    with mock_aws():
        yield


@pytest.fixture
def queue(aws):
    """The URL of a queue, and a function that takes the bodies of its messages."""
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="changes")["QueueUrl"]

    def bodies() -> list[Any]:
        received = []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            received += [json.loads(message["Body"]) for message in messages]
        return received

    return url, bodies


@pytest.fixture
def bus(queue):
    """A bus that forwards to the queue what the rule of serverless.yml matches."""
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
    assert {(item["source"], item["detail-type"]) for item in arrived} == {(SOURCE, KIND)}
    assert sorted(read(*arrived), key=lambda change: change.cluster_time) == expected(sent)


def test_what_is_put_into_the_queue_is_read_by_the_function(queue):
    url, bodies = queue
    sent = events(25, "สวัสดี 👍 \uffff")

    assert sink(f"queue:{url}", WATCHED).send(sent) == SendResult([])

    records = [{"eventSource": "aws:sqs", "messageId": "1", "body": json.dumps(body)} for body in bodies()]
    assert sorted(read({"Records": records}), key=lambda change: change.cluster_time) == expected(sent)


def test_a_fifo_queue_keeps_the_changes_of_one_post_in_order_and_takes_a_repetition_once(aws):
    sqs = boto3.client("sqs")
    attributes = {"FifoQueue": "true"}
    url = sqs.create_queue(QueueName="changes.fifo", Attributes=attributes)["QueueUrl"]
    sent = [event("a", increment=1), event("b", increment=2), event("a", "edited", increment=3)]
    ordered = sink(f"queue:{url}", WATCHED)

    assert ordered.send(sent) == SendResult([])
    assert ordered.send(sent[-1:]) == SendResult([]), "as after a crash"

    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"])["Messages"]
    groups = [message["Attributes"]["MessageGroupId"] for message in messages]
    assert read(*(json.loads(message["Body"]) for message in messages)) == expected(sent)
    assert groups[0] == groups[2] != groups[1]


def test_the_bus_is_asked_for_exactly_this():
    edited = event("a")
    client = boto3.client("events")
    entry = {"EventBusName": "changes", "Source": SOURCE, "DetailType": KIND, "Detail": edited.text}

    with Stubber(client) as stub:
        stub.add_response("put_events", {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}, {"Entries": [entry]})
        assert Bus(client, "changes").send([edited]) == SendResult([])
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


# Here


def handler_here(failure=None):
    """The receiver of a handler in this process, and the batches that the handler was given."""
    batches: list[Any] = []

    def handler(batch, context):
        batches.append(batch)
        if failure:
            raise failure

    return Here(handler), batches


def test_a_handler_is_given_all_at_once_as_the_lambda_runtime_would():
    receiver, batches = handler_here()
    sent = [*events(30), event("post 0", "again")]

    assert receiver.send(sent) == SendResult()
    assert len(batches) == 1
    assert read(*batches) == expected(sent)


@pytest.mark.parametrize("failure", [Unavailable("the database"), StaleModel("the model")], ids=repr)
def test_where_trying_again_helps_all_comes_back(failure):
    sent = events(3)

    assert handler_here(failure)[0].send(sent) == SendResult(unsent=sent, why=str(failure))


@pytest.mark.parametrize("failure", [BadEvent("no"), NotFound("what")], ids=repr)
def test_where_it_does_not_all_is_refused(failure):
    sent = events(2)
    reason = f"{type(failure).__name__}: {failure}"

    assert handler_here(failure)[0].send(sent) == SendResult([(item, reason) for item in sent])


def test_a_handler_that_is_not_set_up_ends_it():
    with pytest.raises(BadConfig, match="MONGO_URI"):
        handler_here(BadConfig("MONGO_URI is missing"))[0].send(events(1))


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
    receiver = sink(target, WATCHED)

    assert type(receiver) is kind
    assert getattr(receiver, "url" if kind is Queue else "name") == name


def test_here_are_the_real_handlers_of_all_that_a_collection_fires():
    from functions.coldstart.handlers import remove_withdrawn
    from functions.topics.handlers import classify_content

    (contents,) = (item for item in watched() if item.collection == "contents")
    receiver = sink("here", contents)

    assert isinstance(receiver, FanOut)
    assert [getattr(inner, "handler", None) for inner in receiver.sinks] == [
        classify_content.handler,
        remove_withdrawn.handler,
    ]


def test_each_of_several_takes_all_and_what_any_does_not_take_comes_back():
    sent = events(3)
    (first, batches), (second, other_batches) = handler_here(), handler_here()
    busy, refusing = handler_here(Unavailable("the database"))[0], handler_here(BadEvent("no"))[0]

    assert FanOut([first, second]).send(sent) == SendResult()
    assert [len(batches), len(other_batches)] == [1, 1]
    assert FanOut([refusing, first]).send(sent) == SendResult([(item, "BadEvent: no") for item in sent])
    assert len(batches) == 2, "the refusal of one keeps nothing from the next"
    assert FanOut([first, busy]).send(sent) == SendResult(unsent=sent, why="the database")


@pytest.mark.parametrize(
    "target", ["", "bus", "bus:", "queue:", "function:", "here:", "here:x", "topic:x", ":x", "Here"]
)
def test_any_other_word_is_refused(target):
    with pytest.raises(BadConfig, match="--to: needs bus:NAME, queue:URL, function:NAME or here"):
        sink(target, WATCHED)


@pytest.mark.parametrize("target", ["queue:notaurl", "queue:https://", "function:x y", "bus:x y", "bus:é"])
def test_a_name_that_nothing_can_have_is_refused(target):
    with pytest.raises(BadConfig, match=r"--to: .* cannot be the"):
        sink(target, WATCHED)


@pytest.mark.parametrize("target", ["bus:b", "queue:https://q", "function:f"])
def test_without_credentials_it_says_so(monkeypatch, target):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/nowhere")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)

    with pytest.raises(BadConfig, match="there are no credentials"):
        sink(target, WATCHED)


@pytest.mark.parametrize("target", ["bus:b", "queue:https://q", "function:f"])
def test_without_a_region_it_says_so(monkeypatch, target):
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")

    with pytest.raises(BadConfig, match="settings of AWS: You must specify a region"):
        sink(target, WATCHED)


def test_a_service_is_asked_once_and_not_waited_for_long():
    for target in ("bus:b", "queue:https://q", "function:f"):
        receiver = sink(target, WATCHED)
        assert isinstance(receiver, Bus | Queue | Function)
        config = receiver.client.meta.config
        assert config.retries["total_max_attempts"] == 1
        assert config.connect_timeout + config.read_timeout <= 10
