"""What comes back from the services of AWS when they do not take what is sent."""

from contextlib import contextmanager

import boto3
import pytest
from botocore.exceptions import (
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ReadTimeoutError,
)
from botocore.stub import Stubber
from moto import mock_aws

from relay.aws import TRANSIENT_CODES
from relay.sinks import Bus, Function, Queue, SendResult, sink
from shared.errors import BadConfig
from tests.relay.conftest import WATCHED, events

pytestmark = pytest.mark.usefixtures("aws_account")


@contextmanager
def stubbed(service):
    client = boto3.client(service)
    with Stubber(client) as stub:
        yield client, stub
        stub.assert_no_pending_responses()


WRONG = "MalformedDetail"


def entries(*codes):
    """The answer of a bus, with a code where an entry was not taken."""
    results = [{"EventId": "1"} if code is None else {"ErrorCode": code, "ErrorMessage": "x"} for code in codes]
    return {"FailedEntryCount": len(codes) - codes.count(None), "Entries": results}


def failed(*codes):
    """The answer of a queue, with a code where a message was not taken."""
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


class Failing:
    """A client whose one operation raises this fault."""

    def __init__(self, operation, fault):
        self.operation, self.fault = operation, fault

    def __getattr__(self, name):
        assert name == self.operation

        def fails(**request):
            raise self.fault

        return fails


@each_call
@pytest.mark.parametrize(
    "fault",
    [
        NoCredentialsError(),
        PartialCredentialsError(provider="x", cred_var="y"),
        ParamValidationError(report="x"),
    ],
    ids=lambda fault: type(fault).__name__,
)
def test_what_no_retry_can_cure_is_a_fault_of_the_settings(how, fault):
    with pytest.raises(BadConfig, match=f"cannot be called: {type(fault).__name__}"):
        how[2](Failing(how[1], fault)).send(events(1))


@each_call
@pytest.mark.parametrize(
    "fault",
    [
        EndpointConnectionError(endpoint_url="https://x"),
        ConnectTimeoutError(endpoint_url="https://x"),
        ReadTimeoutError(endpoint_url="https://x"),
        CredentialRetrievalError(provider="x", error_msg="x"),
    ],
    ids=lambda fault: type(fault).__name__,
)
def test_a_service_that_cannot_be_reached_leaves_all_unsent(how, fault):
    sent = events(12)
    outcome = how[2](Failing(how[1], fault)).send(sent)

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


def test_a_queue_that_is_not_there_is_a_fault_of_the_settings():
    with mock_aws():
        url = boto3.client("sqs").create_queue(QueueName="changes")["QueueUrl"]
        with pytest.raises(BadConfig, match="SQS refuses every call"):
            sink(f"queue:{url}-other", WATCHED).send(events(1))
