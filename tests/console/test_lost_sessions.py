"""Where a session ends, or the database goes away, in the middle of a form, the page says so, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from shared.artifacts import Artifact, Manifest, Registry
from shared.config import Settings
from shared.errors import Unavailable
from shared.store import Store
from tests.networks import NOON

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from console.rights import Role

TYPED = "less is read since Monday"


@pytest.fixture
def form(store: Store, config: Settings, page: Page, console: str, log_in: Callable[[Page, Role], None]) -> Page:
    """A form on a model, with a reason typed."""
    registry = Registry(store.analytics, config.artifact_keys)
    manifest = Manifest("country", "th", "20260130T000000Z", NOON, (NOON, NOON), ("likes",), "0123456789ab", {})
    registry.add(Artifact(manifest, b"model"))
    registry.promote("country", "th", manifest.version, instead_of=None, at=NOON)
    log_in(page, "operator")
    page.goto(f"{console}/console/models/country/th")
    page.locator("form[action$=freeze]").get_by_label("Reason").fill(TYPED)
    return page


def reason(page: Page) -> str:
    return page.locator("form[action$=freeze]").get_by_label("Reason").input_value()


def test_a_session_that_has_ended(form: Page, store: Store, faults: list[str]) -> None:
    store.analytics.consoleSessions.delete_many({})

    form.get_by_role("button", name="Freeze").press("Enter")
    form.locator("#message").get_by_text("session").wait_for()

    assert reason(form) == TYPED
    assert form.locator("#message").get_by_role("link").get_attribute("href") == "/console/login"
    assert store.analytics.frozenModels.count_documents({}) == 0
    assert all("401" in fault for fault in faults)
    faults.clear()


def test_a_database_that_is_away(form: Page, monkeypatch: pytest.MonkeyPatch, faults: list[str]) -> None:
    def away(*_: object, **__: object) -> None:
        raise Unavailable("the database does not answer: AutoReconnect")

    monkeypatch.setattr("console.store.audit_log.AuditLog.append", away)
    monkeypatch.setattr("console.store.models.Models.live_of", away)

    form.get_by_role("button", name="Freeze").press("Enter")
    form.locator("#message").get_by_text("the database does not answer").wait_for()

    assert reason(form) == TYPED
    assert all("503" in fault for fault in faults)
    faults.clear()


def test_a_role_that_was_taken_away(form: Page, store: Store, faults: list[str]) -> None:
    store.analytics.consoleMembers.update_many({}, {"$set": {"role": "viewer"}})

    form.get_by_role("button", name="Freeze").press("Enter")
    form.locator("#message").get_by_text("session").wait_for()

    assert reason(form) == TYPED
    faults.clear()
