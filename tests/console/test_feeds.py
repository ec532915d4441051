"""The feeds of guests in the console: a newcomer finds why a post stands where it stands."""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from bson import ObjectId

from console.countries import country_name, matches
from console.messages import messages
from console.store.guest_rows import GuestRows
from console.store.guest_score import PARTS
from console.templates import PAGES
from functions.coldstart import build_guest_feed
from layers.build import ROOT
from shared.artifacts import Registry
from shared.config import settings
from shared.countries import COUNTRIES, GLOBAL_PARTITION
from shared.ranking.features import FEATURES
from shared.store import Store
from tests.console.conftest import Axe
from tests.console.requests import ask, logged_in
from tests.console.test_serve_console import running
from tests.networks import NOON, QUICK, SHORT, write_village

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from console.rights import Role

__all__ = ["running"]

SCRIPT = "<script>alert(1)</script>"
LogIn = Callable[["Page", "Role"], None]


@pytest.fixture
def built(deployed: None, store: Store) -> Store:
    """A village of thirty posts with a guest feed, without models; the best post has a script for a text."""
    write_village(store)
    registry = Registry(store.analytics, settings().artifact_keys)
    build_guest_feed.run(store, registry, SHORT, QUICK, now=NOON)
    return store


def feed_of(store: Store, country: str) -> list[dict[str, Any]]:
    return list(store.app.guestfeeditems.find({"countryCode": country}).sort("_id", 1))


def with_model(store: Store, country: str) -> None:
    """Give every row of a list what a model adds."""
    features = [{"name": name, "value": 0.5, "factor": 1.2} for name in ("recent24", "authorLift", "fromLater")]
    made_of = {"factors.features": features, "factors.ranker": "th 20260130T041500Z", "factors.relation": 1.0}
    store.app.guestfeeditems.update_many({"countryCode": country}, {"$set": made_of})


def test_a_newcomer_finds_by_keyboard_why_a_post_is_third_in_thailand(
    page: Page, console: str, log_in: LogIn, built: Store, axe: Axe
) -> None:
    with_model(built, "th")
    third = feed_of(built, "th")[2]
    log_in(page, "viewer")

    page.get_by_role("link", name="Feeds").press("Enter")
    page.get_by_role("searchbox").fill("thai")
    page.get_by_role("searchbox").press("Enter")
    page.get_by_role("link", name="Thailand").press("Enter")
    page.get_by_role("link", name="Why rank 3?").press("Enter")

    page.get_by_role("heading", name="Why rank 3 in the guest feed: Thailand").wait_for()
    assert page.url == f"{console}/console/feeds/th/{third['content']}"
    assert page.locator("tr.chosen td").first.inner_text() == "3"
    assert "The post above has" in page.locator("main").inner_text()
    assert "Engagements lately, each halved every 24 h: 1.65" in page.locator("main").inner_text()
    assert "fromLater: 0.5" in page.locator("main").inner_text()
    assert axe(page) == []


def test_the_parts_that_the_page_shows_multiply_to_the_score(
    page: Page, console: str, log_in: LogIn, built: Store
) -> None:
    row = feed_of(built, "th")[1]
    log_in(page, "viewer")

    page.goto(f"{console}/console/feeds/th/{row['content']}")

    table = page.get_by_role("table", name="The score is all of these multiplied")
    shown = [
        float(text.replace("×", "").replace(",", "")) for text in table.locator("td:nth-child(3)").all_inner_texts()
    ]
    *parts, score = shown
    assert len(parts) == len(PARTS) + 1
    assert math.prod(parts) == pytest.approx(score, rel=0.02)


def test_what_was_typed_filters_without_loading_the_page(page: Page, console: str, log_in: LogIn, built: Store) -> None:
    log_in(page, "viewer")
    page.goto(f"{console}/console/feeds")
    assert page.locator("tbody tr").count() == len(COUNTRIES) + 1

    page.get_by_role("searchbox").press_sequentially("ไทย")

    page.get_by_role("link", name="Andorra").wait_for(state="detached")
    assert page.locator("tbody th").inner_text() == "Thailand"
    page.get_by_role("searchbox").fill("nowhere at all")
    page.get_by_text("No country has this in its name or code.").wait_for()


def test_a_list_is_shown_as_guests_see_it_page_by_page(
    page: Page, console: str, log_in: LogIn, built: Store, axe: Axe
) -> None:
    rows = feed_of(built, "th")
    more = [row | {"_id": ObjectId((n + 10).to_bytes(4, "big") + row["_id"].binary[4:])} for n, row in enumerate(rows)]
    evenmore = [
        row | {"_id": ObjectId((n + 20).to_bytes(4, "big") + row["_id"].binary[4:])} for n, row in enumerate(rows)
    ]
    built.app.guestfeeditems.insert_many(more + evenmore)
    log_in(page, "viewer")

    page.goto(f"{console}/console/feeds/th")
    first = page.locator("tbody td:first-child").all_inner_texts()
    page.get_by_role("link", name="Next posts").click()
    page.wait_for_url("**/feeds/th?after=*")
    second = page.locator("tbody td:first-child").all_inner_texts()

    assert first + second == [str(rank) for rank in range(1, 31)]
    assert page.get_by_role("link", name="Next posts").count() == 0
    assert axe(page) == []


def test_removed_rows_above_and_better_posts_of_the_author_are_told(
    page: Page, console: str, log_in: LogIn, built: Store
) -> None:
    first, second, *_ = feed_of(built, "th")
    built.app.guestfeeditems.delete_one({"_id": first["_id"]})
    built.app.guestfeeditems.update_one({"_id": second["_id"]}, {"$set": {"factors.author": 0.7}})
    log_in(page, "viewer")

    page.goto(f"{console}/console/feeds/th/{second['content']}")

    text = page.locator("main").inner_text()
    assert "It was rank 2 when the list was built; 1 above it have been removed since." in text
    assert "A better post of the same author stands above, so the score counts × 0.7; else it would be rank 1." in text
    assert "No post of this list has a higher score." in text


def test_a_script_in_a_post_or_a_name_is_text(page: Page, console: str, log_in: LogIn, built: Store) -> None:
    row = feed_of(built, "th")[0]
    scripts = {"payload.message": f"{SCRIPT}\nnext", "author.displayName": SCRIPT}
    built.app.contents.update_one({"_id": row["content"]}, {"$set": scripts})
    log_in(page, "viewer")

    for path in ("th", f"th/{row['content']}"):
        page.goto(f"{console}/console/feeds/{path}")
        assert page.locator("tbody tr").first.inner_text().count(SCRIPT) == 2
        assert page.locator("tbody th[scope=row]").first.get_attribute("dir") == "auto"


def test_a_name_with_a_comma_is_found(page: Page, console: str, log_in: LogIn) -> None:
    log_in(page, "viewer")

    page.goto(f"{console}/console/feeds?find=Korea%2C+South")

    assert page.locator("input[name=find]").input_value() == "Korea, South"


@pytest.mark.parametrize("path", ["th", "zz", "th/ffffffffffffffffffffffff", "th/x", "accounts/x"])
def test_what_is_not_there_is_said(
    page: Page, console: str, log_in: LogIn, store: Store, faults: list[str], path: str
) -> None:
    log_in(page, "viewer")

    answer = page.goto(f"{console}/console/feeds/{path}")

    assert answer is not None
    assert answer.status == (200 if path == "th" else 422 if path.endswith("/x") else 404)
    faults.clear()


JUNK: tuple[Any, ...] = (None, "x", [], {}, float("nan"), -1.0, True)


@pytest.mark.parametrize(
    "field", ["score", "content", "createdAt", "author", "factors", "factors.decay", "factors.features"]
)
def test_a_malformed_row_is_left_out_and_the_others_are_shown(built: Store, field: str) -> None:
    rows = feed_of(built, "th")
    for row, junk in zip(rows[1:], JUNK, strict=False):
        built.app.guestfeeditems.update_one({"_id": row["_id"]}, {"$set": {field: junk}})

    shown = GuestRows(built).page("th", None, 25)

    assert shown[0].content == rows[0]["content"]
    assert {row.id for row in shown} <= {row["_id"] for row in rows}
    assert all(math.isfinite(row.score) for row in shown)
    assert GuestRows(built).lists()["th"].rows == len(rows)


@pytest.mark.parametrize("bad", [{0}, {1}, {1, 2}, {0, 1, 4}])
def test_the_list_and_its_pages_agree_on_ranks_and_neighbours_beside_malformed_rows(
    built: Store, running: None, bad: set[int]
) -> None:
    with_model(built, "th")
    stored = feed_of(built, "th")[:8]
    for number in bad:
        built.app.guestfeeditems.update_one({"_id": stored[number]["_id"]}, {"$set": {"score": "x"}})
    token = logged_in(built, "operator")
    listed = ranks(ask("GET", "/console/feeds/th", token)["body"])
    sound = [str(row["content"]) for number, row in enumerate(stored) if number not in bad]

    assert [post for post, _ in listed[: len(sound)]] == sound
    assert [rank for _, rank in listed[: len(sound)]] == [number + 1 for number in range(8) if number not in bad]
    for number, (post, rank) in enumerate(listed[: len(sound)]):
        page = ask("GET", f"/console/feeds/th/{post}", token)["body"]
        assert f"Why rank {rank} " in page
        near = [place for _, place in listed[max(number - 1, 0) : number + 2]]
        assert [int(place) for place in re.findall(r'<tr[^>]*><td class="number">(\d+)</td>', page)] == near
        assert ("No post of this list has a higher score." in page) == (rank == 1)
        assert "removed since" not in page


def ranks(page: str) -> list[tuple[str, int]]:
    """The posts that a page of a list shows, with their ranks, each of which its link says too."""
    rows = re.findall(
        r'<tr><td class="number">(\d+)</td>.*?/feeds/th/([0-9a-f]{24})".*?Why rank (\d+)', page, re.DOTALL
    )
    assert [rank for rank, _, _ in rows] == [said for _, _, said in rows]
    return [(post, int(rank)) for rank, post, _ in rows]


def test_the_second_row_of_a_post_is_found_where_the_first_one_is_malformed(built: Store) -> None:
    first, *_ = feed_of(built, "th")
    again = {**first, "_id": ObjectId(b"\xff" * 12)}
    built.app.guestfeeditems.insert_one(again)
    built.app.guestfeeditems.update_one({"_id": first["_id"]}, {"$set": {"score": "x"}})

    row = GuestRows(built).find("th", first["content"])

    assert row is not None
    assert row.id == again["_id"]


def plans(plan: Any) -> Iterator[str]:
    """The stages of a plan."""
    for key, value in plan.items() if isinstance(plan, dict) else enumerate(plan) if isinstance(plan, list) else ():
        if key == "stage":
            yield value
        else:
            yield from plans(value)


def test_every_query_uses_an_index(built: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    built.app.command({"profile": 2})
    try:
        rows, content = GuestRows(built), feed_of(built, "th")[2]["content"]
        row = rows.find("th", content)
        assert row is not None
        rows.lists(), rows.page("th", row.id, 25), rows.above("th", row)
        rows.number_with_more("th", row.score)
    finally:
        built.app.command({"profile": 0})
    asked = list(built.app["system.profile"].find({"ns": built.app.guestfeeditems.full_name, "op": {"$ne": "insert"}}))
    built.app["system.profile"].drop()

    assert len(asked) >= 7
    for entry in asked[1:]:  # the first one is of the test
        assert "COLLSCAN" not in entry["planSummary"], entry
        assert entry["docsExamined"] <= 25 * (len(COUNTRIES) + 1), entry


def test_every_feature_has_its_sentences() -> None:
    for name in FEATURES.names:
        assert all(f"feature.{name}" in of_language for of_language in messages().values())


def test_every_country_has_a_name_in_both_languages() -> None:
    for code in (*COUNTRIES, GLOBAL_PARTITION):
        assert all(len(country_name(code, language)) > 2 for language in messages())
        assert matches(code, country_name(code, "th"))


WITHOUT_NUMPY = """
import json, sys
sys.modules["numpy"] = None
from datetime import UTC, datetime
from pathlib import Path
from console.handlers.serve_console import handler
from console.store.members import Member, Members
from console.store.sessions import Sessions
from console.templates import PAGES
from shared.store import open_store

now = datetime.now(UTC)
Members(open_store()).enrol(Member("ana", "operator", "en"), by="ana", now=now)
token = Sessions(open_store()).start("ana", "operator", now=now)
paths = [path for _, path, _ in PAGES] + sys.argv[1:]
for path in paths:
    event = json.loads(Path("events/console/serve_console.json").read_text())
    cookies = [f"__Host-session={token}"]
    event |= {"rawPath": path, "rawQueryString": "", "queryStringParameters": {}, "cookies": cookies}
    event["requestContext"]["http"] |= {"path": path, "method": "GET"}
    print("answered", path, handler(event, None)["statusCode"])
"""


def test_no_page_needs_numpy(built: Store, environment: dict[str, str]) -> None:
    content = feed_of(built, "th")[0]["content"]
    paths = ["/console/feeds/th", f"/console/feeds/th/{content}"]

    answer = subprocess.run(
        [sys.executable, "-c", WITHOUT_NUMPY, *paths],
        env={**os.environ, **environment}, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip

    answered = dict(re.findall(r"^answered (\S+) (\d+)$", answer.stdout, re.MULTILINE))
    assert len(answered) >= len(PAGES) + len(paths), answer.stderr
    assert {path: status for path, status in answered.items() if status not in ("200", "403")} == {}
