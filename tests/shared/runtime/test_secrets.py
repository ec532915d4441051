"""Secrets from the parameter store, and settings that are read again."""

import boto3
import pytest
from aws_lambda_powertools.utilities import parameters
from aws_lambda_powertools.utilities.parameters import base
from moto import mock_aws

from shared.config import forget_settings, load, settings
from shared.errors import BadConfig, Unavailable
from shared.runtime import secrets
from shared.runtime.secrets import KEPT_AFTER_FAILURE_S, KEPT_S, fetch_secret, mark_suspect, refresh_settings
from shared.store import close_store, open_store

KEY = "a key of the tests and of nothing else"


def forget():
    """Forget the parameters that were fetched, and the client of an earlier test."""
    parameters.clear_caches()
    base.DEFAULT_PROVIDERS.clear()  # type: ignore[attr-defined]


@pytest.fixture
def store(monkeypatch):
    """A parameter store of moto, in this process."""
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


class Clock:
    """A clock that stands still until a test moves it [s]."""

    def __init__(self):
        self.now = 1_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    moved = Clock()
    monkeypatch.setattr(secrets, "monotonic", moved)
    return moved


@pytest.fixture
def rotating(store, clock, monkeypatch):
    """A deployment whose secrets are parameters; gives a function that sets one of them."""

    def put(name, value):
        store.put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True)

    for name in ("MONGO_URI", "ARTIFACT_KEYS", "API_KEYS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MONGO_URI_PARAMETER", "/stage/uri")
    monkeypatch.setenv("ARTIFACT_KEYS_PARAMETER", "/stage/keys")
    put("/stage/uri", "mongodb://one/")
    put("/stage/keys", KEY)
    forget_settings()
    yield put
    close_store()
    forget_settings()


def test_a_rotated_secret_is_taken_when_the_one_before_is_old(rotating, clock):
    refresh_settings()
    before, opened = settings(), open_store()
    rotating("/stage/uri", "mongodb://two/")

    clock.now += KEPT_S - 1
    refresh_settings()
    assert settings() is before

    clock.now += 1
    assert refresh_settings() == ""
    assert settings().mongo_uri == "mongodb://two/"
    assert open_store() is not opened


def test_secrets_that_stay_the_same_keep_their_connection(rotating, clock):
    refresh_settings()
    before, opened = settings(), open_store()

    clock.now += KEPT_S
    refresh_settings()

    assert settings() is before
    assert open_store() is opened


def test_after_a_failure_they_are_read_soon_but_not_at_every_call(rotating, clock):
    refresh_settings()
    rotating("/stage/keys", "another key that is the newest")
    mark_suspect()

    clock.now += KEPT_AFTER_FAILURE_S - 0.1
    refresh_settings()
    assert settings().artifact_keys == (KEY.encode(),)

    clock.now += 0.1
    refresh_settings()
    assert settings().artifact_keys == (b"another key that is the newest",)


def test_where_they_cannot_be_read_again_the_known_ones_go_on(rotating, store, clock):
    refresh_settings()
    store.delete_parameter(Name="/stage/uri")
    clock.now += KEPT_S

    assert "/stage/uri cannot be read" in refresh_settings()
    assert settings().mongo_uri == "mongodb://one/"

    rotating("/stage/uri", "mongodb://two/")
    clock.now += KEPT_S
    assert refresh_settings() == ""
    assert settings().mongo_uri == "mongodb://two/"


def test_a_rotation_to_what_is_no_key_leaves_the_known_ones(rotating, clock):
    refresh_settings()
    rotating("/stage/keys", "short")
    clock.now += KEPT_S

    assert "ARTIFACT_KEYS" in refresh_settings()
    assert settings().artifact_keys == (KEY.encode(),)


def test_a_process_that_knows_none_fails(rotating, store):
    store.delete_parameter(Name="/stage/uri")

    with pytest.raises(Unavailable, match="/stage/uri"):
        refresh_settings()
    rotating("/stage/uri", "mongodb://one/")
    rotating("/stage/keys", "short")
    with pytest.raises(BadConfig, match="ARTIFACT_KEYS"):
        refresh_settings()
