"""Handlers for messages of a queue, and sending messages to the queue of train_personal."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import wraps
from itertools import islice
from typing import Any

from shared.config import HERE, settings
from shared.documents import is_id
from shared.errors import BadConfig, BadEvent, Unavailable
from shared.report import Report
from shared.runtime.change_events import is_queue
from shared.runtime.invocation import Handler, invoke, log_failure
from shared.runtime.schedule import moment_of

MAX_ENTRIES = 10  # messages that SQS accepts in one call

waiting: list[dict[str, Any]] = []  # messages of a queue that is in this process instead of SQS


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a queue.

    attempt  how often the message has been received, this time included
    time     when it was received
    """

    body: Mapping[str, Any]
    attempt: int
    time: datetime

    def ids(self, field: str, limit: int) -> list[str]:
        """The field as a list of at most `limit` ids, 24 hexadecimal digits each; BadEvent names it otherwise."""
        value = self.body.get(field)
        if not isinstance(value, list) or len(value) > limit:
            raise BadEvent(f"{field}: needs a list of at most {limit} ids")
        wrong = next((item for item in value if not is_id(item)), None)
        if wrong is not None:
            raise BadEvent(f"{field}: holds what is no id")
        return value

    def moment(self, field: str) -> datetime:
        """The field as a moment, ISO 8601 with a zone, not in the future; BadEvent names it otherwise."""
        return moment_of(self.body.get(field), field, clock=self.time)


def on_queue(body: Callable[[Message], Report]) -> Handler:
    """Make `body` a Lambda handler for the messages of a queue; it is called once for each message.

    SQS is told which messages failed, and sends them again; after the last attempt it moves them to the dead-letter
    queue.
    """
    name = body.__module__.rpartition(".")[2]

    @wraps(body)
    def handler(event: Any, context: Any) -> Any:
        failed: list[str] = []

        def work() -> Report:
            if not is_queue(event):
                raise BadEvent("event: needs Records of a queue")
            now, reports = datetime.now(UTC), []
            for record in event["Records"]:
                try:
                    reports.append(body(_message(record, now)))
                except Exception as error:  # noqa: BLE001 - this is where failures become answers
                    log_failure(error, returned=str(record.get("messageId")))
                    failed.append(str(record.get("messageId")))
            report = Report.together(reports)
            returned = {"returned": len(failed)} if failed else {}
            return replace(report, details={**report.details, **returned})

        answer = invoke(name, event, context, work, trigger="queue")
        return answer and {"batchItemFailures": [{"itemIdentifier": message} for message in failed]}

    return handler


def _message(record: Mapping[str, Any], now: datetime) -> Message:
    try:
        body = json.loads(record.get("body") or "")
    except (ValueError, TypeError, RecursionError):
        raise BadEvent("body: is not JSON") from None
    if not isinstance(body, dict):
        raise BadEvent("body: needs an object")
    received = record.get("attributes", {}).get("ApproximateReceiveCount", "1")
    return Message(body, int(received), now)


def send_to_training(messages: Sequence[Mapping[str, Any]]) -> None:
    """Queue messages for train_personal; raises Unavailable where SQS refuses them, BadConfig without a queue."""
    url = settings().training_queue
    if not url:
        raise BadConfig("TRAINING_QUEUE is missing")
    if url == HERE:
        waiting.extend(dict(message) for message in messages)
        return
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    client, remaining = boto3.client("sqs"), iter(messages)
    while batch := list(islice(remaining, MAX_ENTRIES)):
        entries = [{"Id": str(number), "MessageBody": json.dumps(message)} for number, message in enumerate(batch)]
        try:
            failed = client.send_message_batch(QueueUrl=url, Entries=entries).get("Failed", ())
        except (BotoCoreError, ClientError) as error:
            raise Unavailable(f"SQS cannot be reached: {type(error).__name__}") from None
        if failed:
            raise Unavailable(f"SQS does not take {len(failed)} messages: {failed[0].get('Code')}")
