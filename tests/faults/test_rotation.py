"""F28: a secret that is changed while a container lives. The server is real, and so is the refused password."""

from datetime import UTC, datetime
from importlib import import_module
from typing import Any

import boto3
import pytest
from moto import mock_aws
from pymongo import MongoClient

from shared.config import forget_settings
from shared.errors import Unavailable
from shared.runtime import secrets
from shared.store import close_store
from tests.conftest import Document

URI = "/stage/mongo-uri"


@pytest.fixture
def admin(private_server: str) -> Any:
    with MongoClient[Document](private_server) as client:
        yield client
        client.admin.command("dropUser", "rotated")
        client.drop_database("rotating-app-db")
        client.drop_database("rotating-analytics-db")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1_000.0]
    monkeypatch.setattr(secrets, "monotonic", lambda: now[0])
    return now


def test_a_password_that_is_changed_costs_one_run_and_no_restart(
    admin: Any, private_server: str, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    handler = import_module("functions.stats.handlers.refresh_content_stats").handler
    tick = {"time": datetime(2026, 1, 31, 12, tzinfo=UTC).isoformat()}
    for name in ("MONGO_URI", "ARTIFACT_KEYS", "API_KEYS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MONGO_URI_PARAMETER", URI)
    monkeypatch.setenv("DB_PREFIX", "rotating-")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "us-east-1")
    admin.admin.command("createUser", "rotated", pwd="the first", roles=["readWriteAnyDatabase"])
    forget_settings()
    close_store()
    with mock_aws():
        tell(private_server, "the first")
        assert handler(tick, None)["read"] == 0

        admin.admin.command("updateUser", "rotated", pwd="the second")
        tell(private_server, "the second")
        with dropping(admin):  # open connections outlive a changed password
            clock[0] += 60
            with pytest.raises(Unavailable):
                handler(tick, None)

        clock[0] += secrets.KEPT_AFTER_FAILURE_S
        assert "skipped" in handler(tick, None)  # it reads again: the lease that the failed run could not give back
        admin["rotating-analytics-db"].leases.delete_many({})
        assert handler(tick, None)["read"] == 0
    close_store()
    forget_settings()


def tell(server: str, password: str) -> None:
    """What an operator writes into the parameter store."""
    uri = server.replace("mongodb://", f"mongodb://rotated:{password.replace(' ', '%20')}@")
    value = uri + "&authSource=admin"
    boto3.client("ssm").put_parameter(Name=URI, Value=value, Type="SecureString", Overwrite=True)


class dropping:  # noqa: N801 - used as a function
    """Close the connections of Feedkeeper's clients at their next commands."""

    def __init__(self, admin: Any) -> None:
        self._admin = admin

    def __enter__(self) -> None:
        what = {"failCommands": ["find", "aggregate"], "closeConnection": True, "appName": "feedkeeper"}
        self._admin.admin.command({"configureFailPoint": "failCommand", "mode": {"times": 2}, "data": what})

    def __exit__(self, *what: object) -> None:
        self._admin.admin.command({"configureFailPoint": "failCommand", "mode": "off"})
