"""A secret that is changed while a container runs, and one that is not available when it starts.

The server is real, and so is the refused password.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest
from aws_lambda_powertools.utilities import parameters
from aws_lambda_powertools.utilities.parameters import base
from moto import mock_aws
from pymongo import MongoClient

from shared.config import forget_settings
from shared.documents import Document
from shared.errors import Unavailable
from shared.runtime import secrets
from shared.store import close_store
from tests.conftest import API_KEY, SIGNING_KEY
from tests.factories import an_id

URI = "/stage/mongo-uri"
PREFIX = f"rotating-{uuid4().hex[:12]}-"


@pytest.fixture
def admin(private_server: str) -> Any:
    with MongoClient[Document](private_server) as client:
        yield client
        client.admin.command("dropUser", "rotated")
        client.drop_database(f"{PREFIX}app-db")
        client.drop_database(f"{PREFIX}analytics-db")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1_000.0]
    monkeypatch.setattr(secrets, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A deployment whose settings only name the places of its secrets."""
    monkeypatch.delenv("MONGO_URI", raising=False)
    monkeypatch.setenv("ARTIFACT_KEYS", SIGNING_KEY)
    monkeypatch.setenv("API_KEYS", API_KEY)
    monkeypatch.setenv("MONGO_URI_PARAMETER", URI)
    monkeypatch.setenv("DB_PREFIX", PREFIX)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "us-east-1")
    parameters.clear_caches()
    base.DEFAULT_PROVIDERS.clear()  # type: ignore[attr-defined]
    forget_settings()
    close_store()
    yield
    close_store()
    forget_settings()
    base.DEFAULT_PROVIDERS.clear()  # type: ignore[attr-defined]


def test_a_password_that_is_changed_costs_one_run_and_no_restart(
    named: None, admin: Any, private_server: str, clock: list[float]
) -> None:
    handler = import_module("functions.stats.handlers.refresh_content_stats").handler
    tick = {"time": datetime(2026, 1, 31, 12, tzinfo=UTC).isoformat()}
    admin.admin.command("createUser", "rotated", pwd="the first", roles=["readWriteAnyDatabase"])
    with mock_aws():
        put_uri(private_server, "the first")
        assert handler(tick, None)["read"] == 0

        admin.admin.command("updateUser", "rotated", pwd="the second")
        put_uri(private_server, "the second")
        with dropping(admin):  # open connections outlive a changed password
            clock[0] += 60
            with pytest.raises(Unavailable):
                handler(tick, None)

        clock[0] += secrets.KEPT_AFTER_FAILURE_S
        assert "skipped" in handler(tick, None)  # it holds the lease of the failed run, so that it is read again
        admin[f"{PREFIX}analytics-db"].leases.delete_many({})
        assert handler(tick, None)["read"] == 0


def test_a_container_that_starts_without_its_secrets_says_so_and_works_as_soon_as_they_are_there(
    named: None, private_server: str
) -> None:
    rank = import_module("functions.feed.handlers.rank_contents").handler
    serve = import_module("functions.feed.handlers.serve_feed").handler
    ranking = {"accountId": str(an_id("account of cat")), "contents": [str(an_id("p0"))]}
    request = json.loads((Path(__file__).parents[2] / "events" / "feed" / "serve_feed.json").read_text())
    with mock_aws():
        answer, response = rank(ranking, None), serve(request, None)

        assert answer["code"] == 1001
        assert URI in answer["reason"]
        assert response["statusCode"] == 503
        assert response["headers"]["Retry-After"]

        boto3.client("ssm").put_parameter(Name=URI, Value=private_server, Type="SecureString")
        assert "there is no account" in rank(ranking, None)["reason"], "it reads the database"


def put_uri(server: str, password: str) -> None:
    """Write a URI with this password into the parameter store, as an operator does."""
    uri = server.replace("mongodb://", f"mongodb://rotated:{password.replace(' ', '%20')}@")
    value = uri + "&authSource=admin"
    boto3.client("ssm").put_parameter(Name=URI, Value=value, Type="SecureString", Overwrite=True)


class dropping:  # noqa: N801 - used as a function
    """Close the connections of Feedkeeper's clients at their next commands."""

    def __init__(self, admin: Any) -> None:
        self._admin = admin

    def __enter__(self) -> None:
        failure = {"failCommands": ["find", "aggregate"], "closeConnection": True, "appName": "feedkeeper"}
        self._admin.admin.command({"configureFailPoint": "failCommand", "mode": {"times": 2}, "data": failure})

    def __exit__(self, *_: object) -> None:
        self._admin.admin.command({"configureFailPoint": "failCommand", "mode": "off"})
