"""What a page asks for by itself, and does not get, changes nothing that is shown; and it is no use of the session."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from console.messages import messages
from console.store.members import LANGUAGES, Members
from console.store.sessions import MAX_IDLE
from shared.artifacts import Artifact, Manifest, Registry
from shared.config import Settings
from shared.errors import Unavailable
from shared.store import Store
from tests.console.conftest import Axe
from tests.console.requests import ask, logged_in
from tests.console.test_serve_console import running
from tests.console.test_suspects import put
from tests.networks import NOON

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

    from console.rights import Role

__all__ = ["running"]

LogIn = Callable[["Page", "Role"], None]

# Pages that look again by themselves: the part that they replace, and how long they wait for the next time [ms].
POLLED = {"/console": ("#today", 30_000), "/console/changes/parked/one": ("#replays", 2_000)}
ASKING = {
    "/console/feeds": lambda page: page.locator("#find").press_sequentially("th"),
    "/console/suspects": lambda page: page.keyboard.press("s"),
    "/console/models/country/th": lambda page: page.locator("#version").select_option("20260130T000000Z"),
}
FAILURES: dict[str, Callable[[Route], None]] = {
    "no database": lambda route: route.continue_(),
    "the gateway": lambda route: route.fulfill(status=502, content_type="application/json", body='{"message": null}'),
    "no network": lambda route: route.abort(),
    "another page": lambda route: route.fulfill(status=200, content_type="text/html", body="<p>Maintenance</p>"),
}


@pytest.fixture
def town(store: Store, config: Settings) -> Store:
    """A change that is to be replayed, two suspects, and two versions of a model."""
    now = datetime.now(UTC)
    requested = {"replayRequested": {"at": now, "by": "kit"}}
    store.parked_changes.park("one", "classify_content", "{}", "x", now=now)
    store.analytics.parkedChanges.update_one({"_id": "one"}, {"$set": requested})
    put(store, "first", "second")
    registry = Registry(store.analytics, config.artifact_keys)
    live = None
    for version in ("20260129T000000Z", "20260130T000000Z", "20260131T000000Z"):
        manifest = Manifest("country", "th", version, NOON, (NOON, NOON), ("likes",), "0123456789ab", {})
        registry.add(Artifact(manifest, b"model"))
        registry.promote("country", "th", version, instead_of=live, at=NOON)
        live = version
    return store


def mark(page: Page, part: str) -> None:
    """So that it is seen whether the part has been replaced."""
    page.evaluate("part => document.querySelector(part).setAttribute('class', 'old')", part)


def content(page: Page) -> str:
    """All of the page but the message, once no answer is awaited."""
    page.locator(".htmx-request").wait_for(state="detached")
    text: str = page.evaluate("[...document.querySelectorAll('main > :not(#message)')].map(e => e.outerHTML).join()")
    return text.replace(' class=""', "")


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("path", POLLED)
def test_a_poll_that_fails_is_told_and_tried_again(
    path: str, failure: str, page: Page, console: str, town: Store, log_in: LogIn,
    monkeypatch: pytest.MonkeyPatch, faults: list[str],
) -> None:  # fmt: skip
    def away(*_: object, **__: object) -> None:
        raise Unavailable("the database does not answer: AutoReconnect")

    part, every = POLLED[path]
    log_in(page, "operator")
    page.clock.install()
    page.goto(console + path)
    mark(page, part)
    before = content(page)

    with monkeypatch.context() as broken:
        if failure == "no database":
            broken.setattr("console.store.replays.Replays.number_waiting", away)
            broken.setattr("console.store.replays.Replays.find", away)
        page.route(f"**{path}", FAILURES[failure])
        for _ in range(3):
            page.clock.run_for(every)
            page.locator("#message").get_by_text("The page could not be refreshed: ").wait_for()
        assert page.locator("#message p").count() == 1
        assert content(page) == before
        page.unroute(f"**{path}")
    page.clock.run_for(every)
    page.locator(f"{part}:not(.old)").wait_for()

    assert page.locator("#message").inner_text() == ""
    faults.clear()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("path", POLLED)
def test_a_poll_after_the_session_has_ended(
    path: str, language: str, page: Page, console: str, town: Store, log_in: LogIn, axe: Axe, faults: list[str]
) -> None:
    part, every = POLLED[path]
    log_in(page, "operator")
    Members(town).choose_language("local operator", language)
    page.clock.install()
    page.goto(console + path)
    mark(page, part)
    before = content(page)
    town.analytics.consoleSessions.delete_many({})

    page.clock.run_for(every)
    page.locator("#message").get_by_text(messages()[language]["message.logged_out"]).wait_for()
    assert content(page) == before
    assert axe(page) == []
    link = page.locator("#message").get_by_role("link", name=messages()[language]["message.log_in"])
    assert link.get_attribute("href") == f"/console/login?next={path.replace('/', '%2F')}"
    log_in(page.context.new_page(), "operator")
    page.clock.run_for(every)
    page.locator(f"{part}:not(.old)").wait_for()

    assert page.locator("#message").inner_text() == ""
    faults.clear()


@pytest.mark.parametrize("path", ASKING)
def test_what_somebody_asks_for_after_the_session_has_ended(
    path: str, page: Page, console: str, town: Store, log_in: LogIn, faults: list[str]
) -> None:
    log_in(page, "lead" if path == "/console/suspects" else "operator")
    page.goto(console + path)
    page.wait_for_load_state("networkidle")
    before = content(page)
    town.analytics.consoleSessions.delete_many({})

    ASKING[path](page)
    page.locator("#message").get_by_text("You are logged out").wait_for()

    assert content(page) == before
    faults.clear()


def test_a_good_poll_leaves_what_is_told_of_a_form(
    page: Page, console: str, town: Store, log_in: LogIn, faults: list[str]
) -> None:
    log_in(page, "operator")
    page.clock.install()
    page.goto(f"{console}/console")
    form = '<form hx-post="/console/nothing" hx-target="#content"><button id="send">x</button></form>'
    page.evaluate("form => document.querySelector('main').insertAdjacentHTML('beforeend', form)", form)
    page.evaluate("htmx.process(document.querySelector('main form'))")
    page.locator("#send").click()
    page.locator("#message").get_by_text("path").wait_for()
    mark(page, "#today")

    page.clock.run_for(30_000)
    page.locator("#today:not(.old)").wait_for()

    assert "path" in page.locator("#message").inner_text()
    faults.clear()


def test_a_page_that_looks_again_by_itself_does_not_prolong_the_session(
    page: Page, console: str, town: Store, log_in: LogIn, faults: list[str]
) -> None:
    sessions = town.analytics.consoleSessions
    used_at = datetime.now(UTC).replace(microsecond=0) - MAX_IDLE + timedelta(minutes=1)
    for path, (part, every) in POLLED.items():
        log_in(page, "operator")
        page.clock.install()
        page.goto(console + path)
        sessions.update_many({}, {"$set": {"usedAt": used_at}})
        mark(page, part)

        page.clock.run_for(every)
        page.locator(f"{part}:not(.old)").wait_for()
        assert [row["usedAt"] for row in sessions.find()] == [used_at]
        sessions.update_many({}, {"$set": {"usedAt": datetime.now(UTC) - MAX_IDLE}})
        page.clock.run_for(every)
        page.locator("#message").get_by_text("You are logged out").wait_for()
        sessions.delete_many({})
    faults.clear()


def test_what_somebody_asks_for_prolongs_the_session(store: Store) -> None:
    began = datetime.now(UTC) - MAX_IDLE + timedelta(minutes=1)
    token = logged_in(store, "viewer", at=began)

    def used_at() -> Any:
        return store.analytics.consoleSessions.find_one()["usedAt"]  # type: ignore[index]

    first = used_at()
    assert ask("GET", "/console", token, x_poll="true")["statusCode"] == 200
    assert used_at() == first
    assert ask("GET", "/console", token)["statusCode"] == 200
    assert used_at() > first
