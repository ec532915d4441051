"""Counting dead letters: in a cloud by SQS, which may not answer, and on one machine not at all."""

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from shared.config import forget_settings
from shared.errors import Unavailable
from shared.runtime.dead_letters import dead_letters

QUEUES = "https://sqs.example.org/1/feedkeeper-FailedEvents,https://sqs.example.org/1/feedkeeper-FailedChanges"


@pytest.fixture
def queues_hold(monkeypatch: pytest.MonkeyPatch, deployed: None) -> Callable[[Any], list[str]]:
    """Has every queue answer with these attributes, or fail with this error; returns the queues that are asked."""
    asked: list[str] = []

    def answering(attributes: Any) -> list[str]:
        class Cloud:
            def get_queue_attributes(self, *, QueueUrl: str, AttributeNames: list[str]) -> dict[str, Any]:  # noqa: N803
                asked.append(QueueUrl)
                assert AttributeNames == ["ApproximateNumberOfMessages"]
                if isinstance(attributes, Exception):
                    raise attributes
                return {"Attributes": attributes}

        monkeypatch.setenv("DEAD_LETTER_QUEUES", QUEUES)
        monkeypatch.setattr(boto3, "client", lambda *_, **__: Cloud())
        forget_settings()
        return asked

    return answering


def test_every_queue_is_asked_how_many_messages_wait(queues_hold: Callable[[Any], list[str]]) -> None:
    asked = queues_hold({"ApproximateNumberOfMessages": "3"})

    assert dead_letters() == {"feedkeeper-FailedEvents": 3, "feedkeeper-FailedChanges": 3}
    assert asked == QUEUES.split(",")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (EndpointConnectionError(endpoint_url="https://sqs"), "EndpointConnectionError"),
        (ClientError({"Error": {"Code": "AccessDenied"}}, "GetQueueAttributes"), "ClientError"),
        ({}, "KeyError"),
        ({"ApproximateNumberOfMessages": "many"}, "ValueError"),
    ],
)
def test_a_queue_that_cannot_be_asked_is_unavailable_at_once(
    queues_hold: Callable[[Any], list[str]], answer: Any, kind: str
) -> None:
    asked = queues_hold(answer)

    with pytest.raises(Unavailable, match=f"cannot be asked: {kind}"):
        dead_letters()
    assert len(asked) == 1, "no other one is waited for"


def test_where_the_settings_name_no_queue_there_is_none(deployed: None) -> None:
    assert dead_letters() == {}
