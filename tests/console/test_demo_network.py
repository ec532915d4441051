"""A demo network on which every function ran: what somebody new to the console finds, and pictures of its pages."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from console.rights import may
from console.templates import PAGES
from layers.build import ROOT
from local import console_pictures
from local.runs import run_pipeline
from local.world import SIZES, build_world, write_world
from shared.store import Store
from shared.store.job_runs import JobRun, key_of
from tests.conftest import Databases

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from console.rights import Role
    from tests.console.conftest import Axe

MAX_KB = 150  # of a picture
PAGE, STORED = ROOT / "docs" / "console.md", ROOT / "docs" / "pictures"
FAILURE = "the server of the database was away"


@pytest.fixture
def network(store: Store, databases: Databases, deployed: None) -> Store:
    """Every function has run on it; one failed an hour ago."""
    now = datetime.now(UTC)
    world = build_world(replace(SIZES["XS"], seed=7), now=now)
    write_world(world, databases.app, databases.analytics, databases.truth)
    run_pipeline(store, now, anew=True)
    at = now - timedelta(hours=1)
    failed = JobRun(
        "refresh_hashtag_stats", "schedule", "failed", at, at, 3.0, key_of(at, "refresh_hashtag_stats", "1")
    )
    store.job_runs.record([replace(failed, error="Unavailable", reason=FAILURE)])
    return store


def test_a_demo_network_in_the_console(
    network: Store,
    page: Page,
    console: str,
    log_in: Callable[[Page, Role], None],
    axe: Axe,
    browser: Browser,
    tmp_path: Path,
) -> None:
    """One test, since the network takes long to make."""
    is_found_from_today_on(page, log_in, axe)
    for width in (360, 640):  # of a phone, and of half a screen of 1280, as with a zoom of 200 %
        fits_a_narrow_window(page, console, log_in, width)
    has_small_pictures(network, browser, tmp_path)


def is_found_from_today_on(page: Page, log_in: Callable[[Page, Role], None], axe: Axe) -> None:
    """What somebody new asks."""
    log_in(page, "operator")
    failed = page.get_by_role("row").filter(has_text="refresh_hashtag_stats")
    assert FAILURE in failed.inner_text()
    failed.get_by_role("link").click()
    assert FAILURE in page.inner_text("main")

    page.get_by_role("link", name="Feeds", exact=True).click()
    page.get_by_role("link", name="Thailand", exact=True).click()
    third = page.locator("tbody tr").nth(2)
    rank = third.locator("td, th").first.inner_text()
    third.get_by_role("link").first.click()
    assert rank == "3"
    assert "/console/feeds/th/" in page.url
    assert "Why" in page.title() or "third" in page.inner_text("main")
    assert axe(page) == []

    page.get_by_role("link", name="Models", exact=True).click()
    page.get_by_role("link", name="What came of the trainings").click()
    rows = page.locator("tbody tr")
    assert rows.count() >= 3
    assert all("not" in row or "live" in row for row in rows.all_inner_texts())
    assert axe(page) == []


def fits_a_narrow_window(page: Page, console: str, log_in: Callable[[Page, Role], None], width: int) -> None:
    """Every page, and some behind each."""
    page.set_viewport_size({"width": width, "height": 740})
    seen = set[str]()
    roles: tuple[Role, ...] = ("operator", "moderator", "admin")
    for role in roles:
        log_in(page, role)
        waiting = [path for _, path, right in PAGES if may(role, right)]
        while waiting:
            path = waiting.pop()
            if path in seen:
                continue
            seen.add(path)
            page.goto(console + path)
            overflow = page.evaluate(
                "document.querySelector('main').scrollWidth - document.querySelector('main').clientWidth"
            )
            assert overflow <= 0, path
            if path.count("/") < 4:  # one page of each kind behind it
                links = page.eval_on_selector_all("main a[href^='/console/']", "links => links.map(a => a.pathname)")
                waiting += [link for link in dict.fromkeys(links) if link.startswith(f"{path}/")][:2]
    assert len(seen) >= 20


def has_small_pictures(network: Store, browser: Browser, tmp_path: Path) -> None:
    """They stand in docs/console.md. With WRITE_PICTURES set, they are made anew."""
    folder = STORED if os.environ.get("WRITE_PICTURES") else tmp_path
    files = console_pictures.take(network, browser, folder, console_pictures.PICTURES)

    said = PAGE.read_text()
    for file in files:
        stored = STORED / file.name
        assert f"({STORED.name}/{file.name})" in said
        assert file.stat().st_size < MAX_KB * 1_000
        assert 0 < stored.stat().st_size < MAX_KB * 1_000
