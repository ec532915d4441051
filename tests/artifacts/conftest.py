"""Stored versions of the models of two countries."""

from datetime import datetime

import pytest

from shared.artifacts import Artifact, Manifest, Registry
from shared.store import Store
from tests.conftest import SIGNING_KEY


@pytest.fixture
def registry(store: Store) -> Registry:
    return Registry(store.analytics, [SIGNING_KEY.encode()])


@pytest.fixture
def versions(registry: Registry, noon: datetime) -> Registry:
    """Versions v1 to v5 of th and v1 of us; live are v2 and v1."""
    for key, last in (("th", 5), ("us", 1)):
        for number in range(1, last + 1):
            manifest = Manifest("country", key, f"v{number}", noon, (noon, noon), ("likes",), "0123456789ab")
            registry.add(Artifact(manifest, f"{key} v{number}".encode()))
    registry.promote("country", "th", "v1", instead_of=None, at=noon)
    registry.promote("country", "th", "v2", instead_of="v1", at=noon)
    registry.promote("country", "us", "v1", instead_of=None, at=noon)
    return registry
