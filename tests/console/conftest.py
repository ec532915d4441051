"""Debian's Chromium, driven by playwright: whatever goes wrong in a page fails its test.

Where one of them is missing, tests in a browser are left out; in a CI, they fail.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import wraps
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlsplit

import pytest

from console.rights import Role
from console.store.sessions import Sessions
from layers.vendor import BROWSER_TESTS
from local.http import Listener, serving
from shared.store import Store

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request

STANDARDS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")  # rules of axe-core
REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", event =>
  console.error(`Content-Security-Policy: ${event.violatedDirective} refuses ${event.blockedURI}`));
"""
RUN_AXE = """
tags => axe.run({runOnly: tags, resultTypes: ["violations"]}).then(results =>
  results.violations.flatMap(rule => rule.nodes.map(node => `${rule.id}: ${rule.help}: ${node.target}`)))
"""

Axe = Callable[["Page"], list[str]]


def left_out(missing: str) -> NoReturn:
    sentence = f"tests in a browser need {missing}: make browser"
    if os.environ.get("CI"):
        pytest.fail(sentence)
    pytest.skip(sentence)


def then_loaded(act: Callable[..., None]) -> Callable[..., None]:
    """The same act on an element, after which a page that it leads to is whole: what a test reads next without waiting,
    such as a count of rows, is not that of its beginning."""

    @wraps(act)
    def acts(element: Locator, *arguments: Any, **options: Any) -> None:
        act(element, *arguments, **options)
        if not element.page.is_closed():
            element.page.wait_for_load_state()

    return acts


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium without a window; a click or a key on an element returns when the page that it leads to is loaded."""
    try:
        from playwright.sync_api import Locator, sync_playwright
    except ModuleNotFoundError:
        left_out("playwright")
    chromium = shutil.which("chromium")
    if chromium is None:
        left_out("Debian's chromium")
    with sync_playwright() as playwright, pytest.MonkeyPatch.context() as patched:
        for act in ("click", "press"):
            patched.setattr(Locator, act, then_loaded(getattr(Locator, act)))
        launched = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield launched
        launched.close()


@contextmanager
def watched_page(browser: Browser, faults: list[str], **options: Any) -> Iterator[Page]:
    """A page without cookies; what goes wrong in it, or in a page that it opens, is added to `faults`: errors on its
    console, what the Content-Security-Policy refuses, and requests to other origins than the first one.

    options  of playwright's `new_context`, such as locale="th-TH" or color_scheme="dark"
    """
    origins: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type == "error":
            faults.append(message.text)

    def see(request: Request) -> None:
        address = urlsplit(request.url)
        if address.netloc:  # not data: and blob:
            origins.append(f"{address.scheme}://{address.netloc}")
            if origins[-1] != origins[0]:
                faults.append(f"a request to another origin: {request.url}")

    with browser.new_context(**options) as context:
        context.on("console", hear)
        context.on("weberror", lambda error: faults.append(f"uncaught: {error.error}"))
        context.on("request", see)
        context.add_init_script(REPORT_VIOLATIONS)
        yield context.new_page()
        for page in context.pages:
            page.wait_for_load_state()
            page.evaluate("null")  # what the page has said before arrives before the answer


@pytest.fixture
def faults() -> Iterator[list[str]]:
    """What went wrong in the pages of a test. A test that expects some of it looks, and clears the list."""
    collected: list[str] = []
    yield collected
    assert collected == []


@pytest.fixture
def page(browser: Browser, faults: list[str]) -> Iterator[Page]:
    """A page of a visitor who was never here; the test fails where anything goes wrong in it."""
    with watched_page(browser, faults) as opened:
        yield opened


@pytest.fixture(scope="session")
def axe() -> Axe:
    """Checks a page by axe-core, and returns each violation as a line: the rule, what it asks, and the element."""
    manifest = BROWSER_TESTS.folder / "manifest.json"
    if not manifest.exists():
        left_out("axe-core")
    source = (BROWSER_TESTS.folder / json.loads(manifest.read_text())["axe.js"]["file"]).read_text()

    def violations(page: Page) -> list[str]:
        page.evaluate(source)  # by the debugger, which no Content-Security-Policy stops
        lines: list[str] = page.evaluate(RUN_AXE, list(STANDARDS))
        return lines

    return violations


@pytest.fixture
def console(deployed: None, store: Store) -> Iterator[str]:
    """The address of the console, on the databases of this test."""
    handler = import_module("console.handlers.serve_console").handler
    with Listener() as listener, serving(handler, listener) as address:
        yield address


@pytest.fixture
def log_in(console: str, store: Store) -> Callable[[Page, Role], None]:
    """Logs a page in with a role, and leaves it at Today."""

    def by_link(page: Page, role: Role) -> None:
        link = Sessions(store).login_link(role, now=datetime.now(UTC))
        page.goto(f"{console}/console/login?link={link}")

    return by_link
