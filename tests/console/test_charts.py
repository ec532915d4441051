"""Charts are drawn where there are two values, and have the same numbers in a table."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from functions.monitor.store.feed_performances import FeedPerformances
from shared.store import Store
from shared.store.job_runs import JobRun, key_of

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from console.rights import Role
    from tests.console.conftest import Axe

NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def performances(store: Store, days: int) -> None:
    rates = [{"seen": 1_000, "engaged": 20 + day, "part": (20 + day) / 1_000} for day in range(days)]
    for day, rate in enumerate(rates):
        overall = rate | {"from": rate["part"] - 0.008, "to": rate["part"] + 0.009}
        row = {"windowFrom": NOW - day * DAY, "overall": overall, "sources": [], "models": []}
        FeedPerformances(store).put(row)


def builds(store: Store, moments: list[datetime]) -> None:
    store.job_runs.record(
        JobRun(
            "build_guest_feed", "schedule", "done", at, at, 4.5, key_of(at, "build_guest_feed", "1"), memory_mb=310.0
        )
        for at in moments
    )


def test_charts_stand_beside_tables_of_the_same_numbers(
    page: Page, console: str, store: Store, log_in: Callable[[Page, Role], None], axe: Axe
) -> None:
    performances(store, 3)
    builds(store, [NOW - 2 * HOUR, NOW - 1.5 * HOUR, NOW - HOUR / 2])
    log_in(page, "viewer")

    charts = {"performance": (1, "2.00"), "jobs/build_guest_feed": (2, "310"), "feeds": (1, "60.0")}
    for path, (number, value) in charts.items():
        page.goto(f"{console}/console/{path}")
        assert page.locator(".chart canvas").count() == number, path
        assert value in "".join(page.locator("main table").all_text_contents())
        assert "same numbers" in page.locator("figcaption").first.inner_text()
        assert axe(page) == []
    page.locator("summary", has_text="Builds of the guest feed").press("Enter")
    assert [row.split("\t")[1] for row in page.locator("details tbody").inner_text().splitlines()] == ["60.0", "30.0"]


def test_one_value_is_no_chart(page: Page, console: str, store: Store, log_in: Callable[[Page, Role], None]) -> None:
    performances(store, 1)
    builds(store, [NOW])
    log_in(page, "viewer")

    for path in ("performance", "jobs/build_guest_feed", "feeds"):
        page.goto(f"{console}/console/{path}")
        assert page.locator(".chart").count() == 0
