"""During an upgrade functions of an older and of a newer version use the same artifacts."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest

from shared.artifacts import Artifact, Manifest, Registry
from shared.store import Store
from tests.conftest import SIGNING_KEY

OLD, NEW = "0123456789ab", "ba9876543210"  # fingerprints of features


class Version:
    """The functions of one version, which write a layout and features, and read only these."""

    def __init__(self, store: Store, layout: int, fingerprint: str, patch: pytest.MonkeyPatch) -> None:
        self._registry = Registry(store.analytics, [SIGNING_KEY.encode()])
        self._layout, self._fingerprint, self._patch = layout, fingerprint, patch

    @contextmanager
    def running(self) -> Iterator[Registry]:
        with self._patch.context() as patched:
            patched.setattr("shared.artifacts.manifest.LAYOUT", self._layout)
            yield self._registry

    def train(self, version: str, at: datetime) -> None:
        """Add and promote a model, as a training does."""
        window = (at - timedelta(days=1), at)
        with self.running() as registry:
            manifest = Manifest("country", "th", version, at, window, ("likes",), self._fingerprint)
            registry.add(Artifact(manifest, f"model {version}".encode()))
            live = registry.live_version("country", "th")
            registry.promote("country", "th", version, instead_of=live, at=at)

    def read(self) -> tuple[bytes | None, int]:
        """The model that is used, and how many were refused before it."""
        with self.running() as registry:
            model, refused = registry.load("country", "th", self._fingerprint, lambda artifact: artifact.model)
            return model, len(refused)


@pytest.fixture(params=["layout", "features"])
def upgrade(request: pytest.FixtureRequest, store: Store, monkeypatch: pytest.MonkeyPatch) -> tuple[Version, Version]:
    """An older and a newer version that differ in one respect."""
    if request.param == "layout":
        return Version(store, 1, OLD, monkeypatch), Version(store, 2, OLD, monkeypatch)
    return Version(store, 1, OLD, monkeypatch), Version(store, 1, NEW, monkeypatch)


def test_an_old_function_goes_on_with_its_last_model_when_a_newer_one_is_live(
    upgrade: tuple[Version, Version], noon: datetime
) -> None:
    older, newer = upgrade
    older.train("v1", noon)
    newer.train("v2", noon + timedelta(hours=1))

    assert newer.read() == (b"model v2", 0)
    model, refused = older.read()
    assert model == b"model v1"
    assert refused > 0, "and reports it"


def test_a_new_function_has_no_model_until_the_first_of_its_own_and_reports_it(
    upgrade: tuple[Version, Version], noon: datetime
) -> None:
    older, newer = upgrade
    older.train("v1", noon)

    model, refused = newer.read()
    assert model is None, "ranking then falls back, as where there never was one"
    assert refused > 0

    newer.train("v2", noon + timedelta(hours=1))
    assert newer.read() == (b"model v2", 0)


def test_functions_that_are_rolled_back_take_their_place_again(
    upgrade: tuple[Version, Version], noon: datetime
) -> None:
    older, newer = upgrade
    older.train("v1", noon)
    newer.train("v2", noon + timedelta(hours=1))

    older.train("v3", noon + timedelta(hours=2))

    assert older.read() == (b"model v3", 0)
    assert newer.read()[0] == b"model v2"
