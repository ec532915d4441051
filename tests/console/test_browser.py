"""A fault in a page is seen by the fixtures of this folder; a page without one passes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from layers.build import ROOT
from local.http import Listener, serving
from tests.console.conftest import Axe, watched_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SOUND = "<h1>Today</h1><p id=state>waiting</p><script src=/state.js></script>"
SCRIPTS = {
    "/state.js": "document.querySelector('#state').textContent = navigator.language",
    "/throws.js": "throw new Error('out of order')",
    "/logs.js": "console.error('out of order')",
    "/evaluates.js": "try { eval('1') } catch {}",
    "/other.js": "fetch('http://127.0.0.2:9/').catch(() => 0)",
    "/favicon.ico": "",
}
FAULTY = {
    "an exception": ("<script src=/throws.js></script>", "out of order"),
    "an error on the console": ("<script src=/logs.js></script>", "out of order"),
    "a missing script": ("<script src=/gone.js></script>", "404"),
    "a script in the page": ("<script>1</script>", "script-src-elem refuses inline"),
    "a style in the page": ("<p style='color: red'>x</p>", "style-src-attr refuses inline"),
    "evaluated text": ("<script src=/evaluates.js></script>", "script-src refuses eval"),
    "another origin": ("<script src=/other.js></script>", "connect-src refuses http://127.0.0.2:9/"),
    "a picture from elsewhere": ("<img alt=x src=http://127.0.0.2:9/x.png>", "img-src refuses"),
}


def answered(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """A page with the content that its query holds, or a script."""
    path = event["rawPath"]
    if path == "/":
        content = event.get("queryStringParameters", {}).get("content", SOUND)
        kind, body = "text/html; charset=utf-8", f"<!doctype html><html lang=en><title>A page</title><main>{content}"
    else:
        kind, body = "text/javascript", SCRIPTS.get(path, "")
    policy = {} if event["rawQueryString"].endswith("&open") else {"Content-Security-Policy": POLICY}
    return {
        "statusCode": 200 if path == "/" or path in SCRIPTS else 404,
        "headers": {"Content-Type": kind, **policy},
        "body": body,
    }


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with Listener() as listener, serving(answered, listener) as served:
        yield served


def state(page: Page) -> str | None:
    text: str | None = page.text_content("#state")
    return text


def test_a_sound_page_has_no_faults(page: Page, axe: Axe, address: str) -> None:
    page.goto(address)

    assert state(page) == "en-US"
    assert axe(page) == []


def test_a_page_in_another_language(browser: Browser, faults: list[str], address: str) -> None:
    with watched_page(browser, faults, locale="th-TH") as page:
        page.goto(address)

        assert state(page) == "th-TH"


@pytest.mark.parametrize("kind", FAULTY)
def test_a_fault_is_seen(kind: str, browser: Browser, faults: list[str], address: str) -> None:
    content, said = FAULTY[kind]

    with watched_page(browser, faults) as page:
        page.goto(f"{address}/?content={content}")

    assert any(said in fault for fault in faults), faults
    faults.clear()


def test_a_request_to_another_origin_is_seen_without_a_policy(
    browser: Browser, faults: list[str], address: str
) -> None:
    with watched_page(browser, faults) as page:
        page.goto(f"{address}/?content={FAULTY['another origin'][0]}&open")

    assert "a request to another origin: http://127.0.0.2:9/" in faults
    faults.clear()


def test_what_axe_finds_is_told(page: Page, axe: Axe, address: str) -> None:
    page.goto(f"{address}/?content=<h1>Today</h1><img src=data:,>")

    assert [line.split(":")[0] for line in axe(page)] == ["image-alt"]


@pytest.mark.parametrize(("environment", "status"), [({}, 0), ({"CI": "1"}, 1)], ids=["here", "in a CI"])
def test_without_a_browser_its_tests_are_left_out_or_fail(
    environment: dict[str, str], status: int, tmp_path: Path
) -> None:
    kept = {name: value for name, value in os.environ.items() if name not in ("CI", "PATH")}
    answer = subprocess.run(
        [sys.executable, "-m", "pytest", f"{__file__}::{test_a_sound_page_has_no_faults.__name__}", "-rs"],
        cwd=ROOT, env={**kept, "PATH": str(tmp_path), **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert answer.returncode == status
    assert "tests in a browser need Debian's chromium: make browser" in answer.stdout
