"""Messages of a queue: handling them, and sending them."""

import json

import boto3
import pytest
from moto import mock_aws

from shared.config import forget_settings
from shared.errors import BadConfig, BadEvent, Unavailable
from shared.report import Report
from shared.runtime import on_queue, queue, send_to_training

TWICE = {"ApproximateReceiveCount": "2"}


def messages(*bodies):
    records = [
        {"messageId": str(number), "body": body, "eventSource": "aws:sqs", "attributes": TWICE}
        for number, body in enumerate(bodies)
    ]
    return {"Records": records}


def returned(answer):
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def test_each_message_is_handed_over_by_itself_and_only_the_failed_go_back(deployed, logged):
    handled = []

    @on_queue
    def handler(message):
        handled.append((message.body["number"], message.attempt))
        if message.body["number"] == 1:
            raise RuntimeError(message.body["text"])
        return Report(read=1)

    answer = handler(messages('{"number": 0}', '{"number": 1, "text": "what a person wrote"}', '{"number": 2}'), None)

    assert returned(answer) == ["1"]
    assert handled == [(0, 2), (1, 2), (2, 2)]
    failed, done = logged()
    assert (failed["reason"], failed["returned"]) == ("RuntimeError", "1")
    assert done["report"] == {"read": 2, "written": 0, "returned": 1}
    assert "what a person wrote" not in str(failed)


@pytest.mark.parametrize("body", ["", "{", "[]", "7", "null", "[" * 100_000])
def test_what_is_no_object_goes_back(deployed, body):
    @on_queue
    def handler(message):
        raise AssertionError("it has no message")

    assert returned(handler(messages(body), None)) == ["0"]


def test_what_no_queue_sent_is_refused(deployed):
    @on_queue
    def handler(message):
        return Report()

    with pytest.raises(BadEvent, match="Records"):
        handler({"accounts": []}, None)
    assert handler({"source": "serverless-plugin-warmup"}, None) is None


@pytest.fixture
def cloud(monkeypatch, deployed):
    """A queue of SQS, by its client and URL; the deployment sends there."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-southeast-1")
    with mock_aws():
        client = boto3.client("sqs")
        url = client.create_queue(QueueName="training")["QueueUrl"]
        monkeypatch.setenv("TRAINING_QUEUE", url)
        forget_settings()
        yield client, url


def test_messages_reach_sqs_in_batches(cloud):
    client, url = cloud

    send_to_training([{"accounts": [str(number)]} for number in range(23)])

    bodies = []
    while received := client.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", ()):
        bodies += [json.loads(message["Body"])["accounts"][0] for message in received]
    assert sorted(bodies, key=int) == [str(number) for number in range(23)]


def test_a_queue_that_is_not_there_is_unavailable_and_none_at_all_is_a_setting(cloud, monkeypatch):
    client, url = cloud
    client.delete_queue(QueueUrl=url)
    with pytest.raises(Unavailable, match="SQS"):
        send_to_training([{}])

    monkeypatch.delenv("TRAINING_QUEUE")
    forget_settings()
    with pytest.raises(BadConfig, match="TRAINING_QUEUE"):
        send_to_training([{}])


def test_here_messages_wait_in_this_process(deployed):
    send_to_training([{"accounts": []}])

    assert queue.waiting == [{"accounts": []}]
