"""The commands of the relay: which collections are followed."""

import pytest
from typer.testing import CliRunner

from relay import __main__ as commands
from shared.errors import BadConfig


@pytest.fixture
def followed(deployed, monkeypatch):
    """Runs `relay run` with these arguments, and returns the collections that it would follow."""
    collections: list[str] = []
    monkeypatch.setattr(
        commands,
        "serve",
        lambda followers, replayer, stop: collections.extend(follower.meter.collection for follower in followers),
    )
    monkeypatch.setattr("relay.__main__.signal.signal", lambda number, handler: None)

    def run(*arguments):
        done = CliRunner().invoke(commands.app, ["run", "--to", "here", *arguments])
        if done.exception:
            raise done.exception
        return collections

    return run


def test_every_declared_collection_is_followed(followed):
    assert followed() == ["contents", "suspiciouscredentials", "users", "accounts"]


def test_or_only_those_that_are_named(followed):
    assert followed("--only", "suspiciouscredentials") == ["suspiciouscredentials"]


def test_a_collection_that_is_not_declared_is_named(followed):
    with pytest.raises(BadConfig, match="--only relationships: no such collection"):
        followed("--only", "contents", "--only", "relationships")
