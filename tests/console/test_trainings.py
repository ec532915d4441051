"""What came of trainings, and why, on the pages of models and on Today."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from console.training_reasons import gain
from shared.artifacts import TrainingOutcome, TrainingOutcomes
from shared.artifacts.training_outcomes import Outcome
from shared.store import Store

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from console.rights import Role
    from tests.console.conftest import Axe

SCRIPT = "<script>document.title = 'run'</script>"


def note(store: Store, key: str, outcome: Outcome, hours: int = 8, **measures: float) -> None:
    at = (datetime.now(UTC) - timedelta(hours=hours)).replace(microsecond=0)
    live = "20251101T000000Z" if outcome != "too little data" else None
    version = f"{at:%Y%m%dT%H%M%SZ}"
    TrainingOutcomes(store.analytics).add([TrainingOutcome("country", key, version, at, outcome, live, measures)])


def test_why_last_night_was_refused_is_two_links_from_today(
    page: Page, console: str, store: Store, log_in: Callable[[Page, Role], None], axe: Axe
) -> None:
    note(store, "us", "promoted", ndcg_model=0.5, ndcg_live=0.4, lists=300)
    note(store, "th", "not better", ndcg_model=0.4251, ndcg_live=0.4294, ndcg_parent=0.41, lists=212)
    note(store, "jp", "too little data", engagements=41, engagements_needed=200, lists=90, lists_needed=30)
    note(store, "la", "not better", gain=0.0012, gain_needed=0.0044, ndcg_model=0.4, ndcg_parent=0.3988)
    note(store, SCRIPT, "given up", hours=30)
    log_in(page, "viewer")
    said = "Went live: 1; not better: 2; too little data: 1; frozen, given up or overtaken: 0"
    assert said in page.inner_text("main")

    page.get_by_role("link", name="Trainings").press("Enter")

    page.wait_for_url(f"{console}/console/models/trainings")
    rows = {row.locator("th").inner_text(): row.inner_text() for row in page.locator("tbody tr").all()}
    assert rows.keys() == {"country/us", "country/th", "country/jp", "country/la", f"country/{SCRIPT}"}
    assert "refused: not better" in rows["country/th"]
    assert "NDCG@10 0.4251: 0.0043 worse than the one that was live, 0.4294" in rows["country/th"]
    assert "0.0151 better than the parent's model" in rows["country/th"]
    assert "Engagements: 41; 200 are needed" in rows["country/jp"]
    assert "People" not in rows["country/jp"]
    assert "0.0012; more than 0.0044 is needed" in rows["country/la"]
    assert axe(page) == []


def test_the_page_of_a_model_says_what_came_of_its_trainings(
    page: Page, console: str, store: Store, log_in: Callable[[Page, Role], None], axe: Axe
) -> None:
    store.analytics.mlArtifacts_country.insert_one(
        {"account": "jp", "model": "xgboost", "aliasOf": "us", "trainedAt": datetime.now(UTC)}
    )
    note(store, "jp", "too little data", engagements=41, engagements_needed=200, lists=90, lists_needed=30)
    log_in(page, "operator")

    page.goto(f"{console}/console/models/country/jp")

    assert "not trained: too little data" in page.inner_text("main")
    assert "Engagements: 41; 200 are needed" in page.inner_text("main")
    assert axe(page) == []


def test_a_gain_is_told_with_what_chance_could_make_of_it() -> None:
    assert gain({"gain": 0.02, "gain_error": 0.005}) == [("trainings.gain", {"gain": "+0.0200", "interval": "0.0098"})]
    assert gain({"gain": 0.02, "gain_needed": 0.015}) == [
        ("trainings.gain_enough", {"gain": "+0.0200", "needed": "0.0150"})
    ]
    assert gain({"gain": 0.01, "gain_needed": 0.015}) == gain({"gain": "much"}) == gain({"ndcg_model": 0.4}) == []
