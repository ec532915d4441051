import boto3
import pytest
from moto import mock_aws

from shared.config import load
from shared.errors import Unavailable
from shared.runtime.secrets import fetch_secret


@pytest.fixture
def parameters(monkeypatch):
    """A parameter store of nobody's."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    from aws_lambda_powertools.utilities import parameters as powertools

    powertools.clear_caches()
    powertools.base.DEFAULT_PROVIDERS.clear()
    with mock_aws():
        yield boto3.client("ssm")
    powertools.clear_caches()
    powertools.base.DEFAULT_PROVIDERS.clear()


def test_a_secret_is_read_decrypted(parameters):
    parameters.put_parameter(Name="/stage/uri", Value="mongodb://host/", Type="SecureString")

    assert fetch_secret("/stage/uri") == "mongodb://host/"
    assert load({"MONGO_URI_PARAMETER": "/stage/uri"}, fetch_secret).mongo_uri == "mongodb://host/"


def test_a_parameter_that_is_missing_is_named(parameters):
    with pytest.raises(Unavailable, match=r"the parameter /stage/nothing cannot be read"):
        fetch_secret("/stage/nothing")
