"""Every page in a real browser: nothing goes wrong in it, in both languages and colour schemes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from console.rights import may
from console.store.members import LANGUAGES, Members
from console.templates import PAGES
from tests.console.conftest import Axe, watched_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from console.rights import Role
    from shared.store import Store


def test_who_is_not_logged_in_is_asked_to(page: Page, console: str) -> None:
    page.goto(f"{console}/console/changes")

    assert page.url == f"{console}/console/login?next=%2Fconsole%2Fchanges"
    assert page.get_by_role("heading").inner_text() == "Log in"


def test_a_link_logs_in_once(page: Page, console: str, log_in: Callable[[Page, Role], None], faults: list[str]) -> None:
    log_in(page, "operator")
    used = page.context.cookies()

    assert page.get_by_role("heading").inner_text() == "Today"
    assert [(cookie["name"], cookie["httpOnly"], cookie["secure"], cookie["sameSite"]) for cookie in used] == [
        ("__Host-session", True, True, "Lax")
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_is_accessible(
    browser: Browser,
    console: str,
    store: Store,
    log_in: Callable[[Page, Role], None],
    axe: Axe,
    faults: list[str],
    language: str,
    scheme: str,
) -> None:
    with watched_page(browser, faults, color_scheme=scheme) as page:
        roles: tuple[Role, ...] = ("operator", "moderator", "admin")
        seen = set[str]()
        for role in roles:
            log_in(page, role)
            Members(store).choose_language(f"local {role}", language)
            for _, path, right in PAGES:
                if may(role, right) and path not in seen:
                    seen.add(path)
                    page.goto(console + path)
                    assert page.locator("html").get_attribute("lang") == language
                    assert axe(page) == []
        assert seen == {path for _, path, _ in PAGES}
