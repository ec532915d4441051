"""Where a session ends, or the database goes away, in the middle of a form, the page says so, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from console.store.members import Member, Members
from shared.artifacts import Artifact, Manifest, Registry
from shared.config import Settings
from shared.errors import Unavailable
from shared.store import Store
from tests.console.conftest import Axe
from tests.console.requests import ask
from tests.networks import NOON

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from console.rights import Role

LogIn = Callable[["Page", "Role"], None]

TYPED = "less is read since Monday"
REFUSED = '<main id="content"><p class="failure" id="failure">subject: no &lt;i&gt;</p></main>'
RANKINGS = "/console/models/members/all/rankings"

# Forms in which somebody types, and that no other test of this file sends: the role, the page, the action, the field.
FORMS: dict[str, tuple[Role, str, str, str]] = {
    "a member": ("admin", "/console/members", "/members/add", "subject"),
    "what an account is shown": ("operator", f"{RANKINGS}?left=a&right=b", "/rankings", "account"),
    "the model of an account": ("operator", "/console/models", "/models/accounts", "account"),
    "the feed of an account": ("operator", "/console/feeds/accounts", "/feeds/accounts", "account"),
    "an erasure": ("operator", "/console/erasures", "/erasures/account", "account"),
}


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
    form.locator("#message").get_by_text("You are logged out").wait_for()

    assert reason(form) == TYPED
    link = form.locator("#message").get_by_role("link").get_attribute("href")
    assert link == "/console/login?next=%2Fconsole%2Fmodels%2Fcountry%2Fth"
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
    form.locator("#message").get_by_text("You are logged out").wait_for()

    assert reason(form) == TYPED
    faults.clear()


def test_who_logs_in_again_in_another_tab_sends_what_was_typed(
    form: Page, store: Store, log_in: LogIn, axe: Axe, faults: list[str]
) -> None:
    store.analytics.consoleSessions.delete_many({})
    form.get_by_role("button", name="Freeze").press("Enter")
    with form.context.expect_page() as opened:
        form.locator("#message").get_by_role("link", name="Log in").click()
    assert axe(form) == []
    log_in(opened.value, "operator")

    form.get_by_role("button", name="Freeze").press("Enter")
    form.get_by_text("It is frozen.").wait_for()

    assert [row["reason"] for row in store.analytics.frozenModels.find()] == [TYPED]
    assert form.locator("#message").inner_text() == ""
    faults.clear()


def test_a_form_is_not_sent_in_the_name_of_somebody_else(
    page: Page, console: str, store: Store, log_in: LogIn, faults: list[str]
) -> None:
    log_in(page, "operator")
    page.goto(f"{console}/console/feeds/accounts")
    page.get_by_label("Account").fill(TYPED)
    log_in(page.context.new_page(), "lead")

    page.get_by_label("Account").press("Enter")
    page.locator("#message").get_by_text("the form is of another session").wait_for()

    assert page.get_by_label("Account").input_value() == TYPED
    assert store.analytics.auditLog.count_documents({}) == 0
    assert len(faults) == 1, "it is sent once"
    faults.clear()


@pytest.mark.parametrize("kind", FORMS)
@pytest.mark.parametrize("status", [401, 409, 422, 503])
def test_every_form_keeps_what_was_typed(
    kind: str, status: int, page: Page, console: str, log_in: LogIn, faults: list[str]
) -> None:
    role, path, action, field = FORMS[kind]
    log_in(page, role)
    page.goto(console + path)
    form = page.locator(f"form[action$='{action}']")
    page.route(f"**{action}", lambda route: route.fulfill(status=status, content_type="text/html", body=REFUSED))
    typed = form.locator(f"[name={field}]")
    typed.fill("65f0a1b2c3d4e5f60718293a")

    typed.press("Enter")
    page.locator("#message").get_by_text("You are logged out" if status == 401 else "subject: no").wait_for()

    assert typed.input_value() == "65f0a1b2c3d4e5f60718293a"
    assert page.locator("#message p").count() == 1
    assert "<i>" in page.locator("#message").inner_text() or status == 401, "a reason is text"
    faults.clear()


def test_what_members_refuse_keeps_what_was_typed_and_goes_with_the_next_good_answer(
    page: Page, console: str, store: Store, log_in: LogIn, faults: list[str]
) -> None:
    Members(store).enrol(Member("ann", "lead", "en"), by="kit", now=datetime.now(UTC))
    log_in(page, "admin")
    page.goto(f"{console}/console/members")
    form = page.locator("form[action$=add]")
    form.get_by_label("Member").fill("ann")
    form.get_by_role("button").press("Enter")
    page.locator("#message").get_by_text("is a member already").wait_for()
    assert form.get_by_label("Member").input_value() == "ann"

    form.get_by_label("Member").fill("bob")
    form.get_by_role("button").press("Enter")
    page.get_by_role("rowheader", name="bob").wait_for()

    assert page.locator("#message").inner_text() == ""
    faults.clear()


def test_without_a_script_the_login_leads_back_to_the_page_of_the_form(deployed: None) -> None:
    page = "https://example.org/console/members?after=ann"

    answer = ask("POST", "/console/members/add", form={"subject": "x"}, referer=page)

    assert answer["statusCode"] == 401
    assert 'href="/console/login?next=/console/members%3Fafter%3Dann"' in answer["body"]
