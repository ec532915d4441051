"""What goes wrong while a comparison is under way, and with what its addresses say."""

from __future__ import annotations

from collections.abc import Callable
from html import unescape
from threading import Event
from typing import TYPE_CHECKING

import pytest

from console.rankings import Earlier, Effect
from console.rights import Role
from shared.artifacts import Registry
from shared.config import settings
from shared.errors import Unavailable
from shared.store import Store
from tests.console.test_rankings import CAT, LIVE, NOW, OTHER, SAME, US, LogIn
from tests.waiting import allowed, until

from tests.console.test_models import Client, member  # noqa: F401  # isort: skip
from tests.console.test_rankings import town  # noqa: F401  # isort: skip

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route


PART = Effect(100, 0.5, (0.4, 0.6), 50, (0.4, 0.6), Earlier(120, 100, 50.0, 50))


def asked_next(body: str) -> str:
    """The address by which the page asks for the comparison."""
    return unescape(body.partition('hx-get="')[2].partition('"')[0])


def painted(page: Page) -> None:
    """Returns when what an answer has changed is shown."""
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))")


def test_a_refusal_of_further_members_goes_on_where_it_stopped(
    member: Callable[[Role], Client],  # noqa: F811
    town: Store,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(*_: object) -> None:
        raise Unavailable("compare_rankings: no answer in time")

    monkeypatch.setattr("console.rankings.effect", refused)
    path = f"{US}/effect?version={OTHER}&wait=yes&drawn=120&compared=100&overlaps=50.0&changed=50"

    headers: dict[str, str]
    for headers in ({}, {"hx-request": "true"}):
        assert "compared=100" in asked_next(member("viewer").get(path, **headers)["body"])


def test_a_page_that_is_there_at_once_keeps_what_was_found(
    member: Callable[[Role], Client],  # noqa: F811
    town: Store,  # noqa: F811
) -> None:
    path = f"{US}/effect?version={OTHER}&drawn=120&compared=100&overlaps=50.0&changed=50"

    assert "compared=100" in asked_next(member("viewer").get(path)["body"])


def test_figures_of_the_first_members_stay_where_further_ones_are_refused(
    page: Page,
    console: str,
    log_in: LogIn,
    town: Store,  # noqa: F811
    faults: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def first_only(_call: object, _family: str, _key: str, _left: str, _right: str, earlier: Earlier) -> Effect:
        if earlier.drawn:
            raise Unavailable("compare_rankings: no answer in time")
        return PART

    monkeypatch.setattr("console.rankings.effect", first_only)
    log_in(page, "operator")
    page.goto(f"{console}{US}/effect?version={OTHER}")
    page.get_by_text("no answer in time").wait_for(timeout=1_000 * allowed(10))

    assert "100 members drawn at random" in page.locator("main").inner_text()
    faults.clear()


def test_members_compared_with_another_live_version_do_not_count(
    member: Callable[[Role], Client],  # noqa: F811
    town: Store,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[str, int]] = []

    def part(_call: object, _family: str, _key: str, left: str, _right: str, earlier: Earlier) -> Effect:
        asked.append((left, earlier.compared))
        return PART

    monkeypatch.setattr("console.rankings.effect", part)
    more = asked_next(member("viewer").get(f"{US}/effect?version={OTHER}&wait=yes")["body"])
    registry = Registry(town.analytics, settings().artifact_keys)
    registry.promote("country", "us", SAME, instead_of=LIVE, at=NOW)
    again = asked_next(member("viewer").get(more)["body"])
    member("viewer").get(again)

    assert asked == [(LIVE, 0), (SAME, 0), (SAME, 100)]


@pytest.mark.parametrize(
    "earlier",
    [
        "drawn=5&compared=5&overlaps=nan&changed=1",
        "drawn=4000&compared=1&overlaps=200&changed=1",
        "drawn=4000&compared=1&overlaps=1&changed=200",
        "drawn=0&compared=200&overlaps=0&changed=0",
        "drawn=4000&compared=0&overlaps=200&changed=200",
        "drawn=5&compared=3&overlaps=inf&changed=1",
    ],
)
def test_addresses_that_nobody_was_given_are_no_failure(
    member: Callable[[Role], Client],  # noqa: F811
    town: Store,  # noqa: F811
    earlier: str,
) -> None:
    answer = member("viewer").get(f"{US}/effect?version={OTHER}&wait=yes&{earlier}")

    assert answer["statusCode"] < 500, answer["body"]


def test_the_version_that_was_chosen_last_is_told(
    page: Page,
    console: str,
    log_in: LogIn,
    town: Store,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two changes of mind while the first comparison is under way."""
    asked, released = list[str](), Event()

    def slow(_call: object, _family: str, _key: str, _left: str, right: str, _earlier: Earlier) -> Effect:
        asked.append(right)
        if len(asked) == 1:
            assert released.wait(allowed(20))
        return Effect(100, 0.5, (0.4, 0.6), 50, (0.4, 0.6), None)

    monkeypatch.setattr("console.rankings.effect", slow)
    log_in(page, "operator")
    page.goto(f"{console}{US}")
    page.get_by_role("heading", name="What would change").scroll_into_view_if_needed()
    first = until(lambda: asked[0] if asked else None)
    other = SAME if first == OTHER else OTHER
    for version in (other, first):
        page.locator("#version").select_option(version)
    released.set()

    assert until(lambda: asked if len(asked) == 3 else None) == [first, other, first]
    page.get_by_text(f"each with {first}").wait_for(timeout=1_000 * allowed(20))


def test_the_page_of_a_model_keeps_its_title(
    page: Page,
    console: str,
    log_in: LogIn,
    town: Store,  # noqa: F811
) -> None:
    log_in(page, "operator")
    page.goto(f"{console}{US}")
    title = page.title()
    page.get_by_role("heading", name="What would change").scroll_into_view_if_needed()
    page.get_by_text("members drawn at random").wait_for(timeout=1_000 * allowed(20))
    painted(page)

    assert page.title() == title


def test_an_accounts_comparison_is_not_replaced_by_the_slower_one(
    page: Page,
    console: str,
    log_in: LogIn,
    town: Store,  # noqa: F811
) -> None:
    held: list[Route] = []
    log_in(page, "operator")
    page.route("**wait=yes**", lambda route: held.append(route))
    page.goto(f"{console}{US}/rankings?left={LIVE}&right={OTHER}")
    page.get_by_label("Account").fill(CAT)
    page.keyboard.press("Enter")
    page.get_by_text("for this account").first.wait_for(timeout=1_000 * allowed(20))
    held[0].continue_()
    held[0].request.response()
    painted(page)

    assert "for this account" in page.locator("#told").inner_text()
    assert "somebody new" not in page.locator("#told").inner_text()


def test_further_members_of_a_former_choice_replace_nothing(
    page: Page,
    console: str,
    log_in: LogIn,
    town: Store,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held: list[Route] = []

    def part(_call: object, _family: str, _key: str, _left: str, right: str, earlier: Earlier) -> Effect:
        return Effect(100 + earlier.drawn, 0.5, (0.4, 0.6), 50, (0.4, 0.6), PART.more if right == OTHER else None)

    monkeypatch.setattr("console.rankings.effect", part)
    log_in(page, "operator")
    page.route("**drawn=120**", lambda route: held.append(route))
    page.goto(f"{console}{US}")
    page.get_by_role("heading", name="What would change").scroll_into_view_if_needed()
    page.locator("#version").select_option(SAME)
    with page.expect_request("**drawn=120**", timeout=1_000 * allowed(20)):
        page.locator("#version").select_option(OTHER)
    page.get_by_text(f"each with {OTHER} and").wait_for(timeout=1_000 * allowed(20))
    assert held
    page.locator("#version").select_option(SAME)
    page.get_by_text(f"each with {SAME} and").wait_for(timeout=1_000 * allowed(20))
    for route in held:
        route.continue_()
        route.request.response()
    painted(page)

    assert f"each with {SAME}" in page.locator("#told").inner_text()


@pytest.mark.parametrize("path", [f"rankings?left={LIVE}&right={OTHER}", f"effect?version={OTHER}"])
def test_focus_stays_in_the_page_when_asking_again_by_keyboard(
    page: Page,
    console: str,
    log_in: LogIn,
    town: Store,  # noqa: F811
    faults: list[str],
    path: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(*_: object) -> None:
        raise Unavailable("compare_rankings: no answer in time")

    with monkeypatch.context() as patched:
        patched.setattr("console.rankings.compared", refused)
        patched.setattr("console.rankings.effect", refused)
        log_in(page, "operator")
        page.goto(f"{console}{US}/{path}")
        page.get_by_text("no answer in time").wait_for(timeout=1_000 * allowed(10))
        page.locator("#told a").focus()
        with page.expect_response("**wait=yes**", timeout=1_000 * allowed(20)):
            page.keyboard.press("Enter")
        painted(page)
        still = page.evaluate("document.activeElement.tagName")
    assert still != "BODY"


def test_a_click_on_the_link_while_it_loads_asks_no_second_time_and_stays(
    page: Page,
    console: str,
    log_in: LogIn,
    town: Store,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked, released = list[str](), Event()

    def slow(_call: object, _family: str, _key: str, _left: str, right: str, _earlier: Earlier) -> Effect:
        asked.append(right)
        assert released.wait(allowed(20))
        return Effect(100, 0.5, (0.4, 0.6), 50, (0.4, 0.6), None)

    monkeypatch.setattr("console.rankings.effect", slow)
    log_in(page, "operator")
    page.goto(f"{console}{US}/effect?version={OTHER}")
    until(lambda: asked or None)
    page.locator("#told a").press("Enter")
    released.set()
    page.get_by_text("100 members drawn at random").wait_for(timeout=1_000 * allowed(20))

    assert asked == [OTHER]
    assert page.url == f"{console}{US}/effect?version={OTHER}"
