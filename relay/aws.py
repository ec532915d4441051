"""Calls to AWS: clients, and which errors of a call pass."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from shared.errors import BadConfig, Unavailable

CALL_WITHIN_S = 5.0  # time-outs of connecting and of reading
TOO_MANY_REQUESTS, SERVER_ERROR = 429, 500  # HTTP status

# Codes of errors that pass: the service is overloaded or fails.
TRANSIENT_CODES = {
    "InternalFailure", "InternalException", "InternalError", "ServiceUnavailable", "ServiceUnavailableException",
    "ThrottlingException", "Throttling", "TooManyRequestsException", "RequestThrottled", "RequestLimitExceeded",
    "ServiceException", "KmsThrottled",
}  # fmt: skip


@contextmanager
def aws_errors(service: str) -> Iterator[None]:
    """Inside the `with`, errors of a call to AWS are raised as Unavailable where they pass, as BadConfig otherwise."""
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        ConnectionError,
        CredentialRetrievalError,
        HTTPClientError,
        IncompleteReadError,
        MetadataRetrievalError,
        TokenRetrievalError,
    )

    try:
        yield
    except ClientError as error:
        code, status = error.response["Error"]["Code"], error.response["ResponseMetadata"].get("HTTPStatusCode", 500)
        if code in TRANSIENT_CODES or status == TOO_MANY_REQUESTS or status >= SERVER_ERROR:
            raise Unavailable(f"{service} does not take it now: {code}") from None
        raise BadConfig(f"{service} refuses every call: {code}") from None
    except (
        *(ConnectionError, HTTPClientError, IncompleteReadError),
        *(CredentialRetrievalError, MetadataRetrievalError, TokenRetrievalError),
    ) as error:
        raise Unavailable(f"{service} cannot be reached: {type(error).__name__}") from None
    except BotoCoreError as error:  # no credentials, a malformed parameter and the like: no call can succeed
        raise BadConfig(f"{service} cannot be called: {type(error).__name__}") from None


def client(service: str) -> Any:
    """A client without retries: the relay itself sends again, and renews its lease in between."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    config = Config(connect_timeout=CALL_WITHIN_S, read_timeout=CALL_WITHIN_S, retries={"total_max_attempts": 1})
    try:
        made = boto3.client(service, config=config)
        if boto3.DEFAULT_SESSION.get_credentials() is None:
            raise BadConfig("settings of AWS: there are no credentials")
        return made
    except (BotoCoreError, ValueError) as error:
        raise BadConfig(f"settings of AWS: {error}") from None
