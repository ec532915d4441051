"""Counting the messages that wait in dead-letter queues."""

from collections.abc import Mapping

from shared.config import settings
from shared.errors import Unavailable

TIMEOUTS = {"connect_timeout": 1, "read_timeout": 1}  # [s]; a page waits for it
NUMBER = "ApproximateNumberOfMessages"


def dead_letters() -> Mapping[str, int]:
    """About how many messages wait in each dead-letter queue, by its name; empty where the settings name no queue.
    Unavailable where a queue cannot be asked."""
    urls = settings().dead_letter_queues
    if not urls:
        return {}
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        client = boto3.client("sqs", config=Config(retries={"total_max_attempts": 1}, **TIMEOUTS))
        return {
            url.rpartition("/")[2]: int(
                client.get_queue_attributes(QueueUrl=url, AttributeNames=[NUMBER])["Attributes"][NUMBER]
            )
            for url in urls
        }
    except (BotoCoreError, ClientError, KeyError, ValueError) as error:
        raise Unavailable(f"a dead-letter queue cannot be asked: {type(error).__name__}") from None
