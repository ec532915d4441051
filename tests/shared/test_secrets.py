import boto3
import pytest
from aws_lambda_powertools.utilities import parameters
from aws_lambda_powertools.utilities.parameters import base
from moto import mock_aws

from shared.config import load
from shared.errors import Unavailable
from shared.runtime.secrets import fetch_secret


def forget():
    """What was fetched, and the connection of an earlier test."""
    parameters.clear_caches()
    base.DEFAULT_PROVIDERS.clear()  # type: ignore[attr-defined]


@pytest.fixture
def store(monkeypatch):
    """A parameter store of nobody's."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    forget()
    with mock_aws():
        yield boto3.client("ssm")
    forget()


def test_a_secret_is_read_decrypted(store):
    store.put_parameter(Name="/stage/uri", Value="mongodb://host/", Type="SecureString")

    assert fetch_secret("/stage/uri") == "mongodb://host/"
    assert load({"MONGO_URI_PARAMETER": "/stage/uri"}, fetch_secret).mongo_uri == "mongodb://host/"


def test_a_parameter_that_is_missing_is_named(store):
    with pytest.raises(Unavailable, match=r"the parameter /stage/nothing cannot be read"):
        fetch_secret("/stage/nothing")
