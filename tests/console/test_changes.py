"""The pages of parked changes in a real browser, with the real relay: replays by keyboard and what becomes of each."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from console.messages import message
from console.rights import ROLES, may
from console.store.parked import reason_key
from console.store.relay_state import relay_state
from console.store.replays import MAX_NUMBER, Replays
from functions.topics.handlers.classify_content import handler
from local.changes import relaying
from shared.errors import Unavailable
from tests.changes import change_event, ids, inserted, relayed, state
from tests.console.conftest import Axe
from tests.waiting import until

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from console.rights import Role
    from shared.store import Store

LogIn = Callable[["Page", "Role"], None]

MINUTE = timedelta(minutes=1)
SINCE = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
SCRIPT = "<script>document.title = 'run'</script>"
MALFORMED_TIME = {"clusterTime": {"$timestamp": {"t": "soon", "i": 1}}}
REASON = "clusterTime: a wrapper does not hold what it should"
PATH = "/console/changes"
REPLAY = re.compile("^Replay")


def park(store: Store, key: str, reason: str = "x", event: Any = None, *, minutes: int = 0, **fields: Any) -> None:
    text = json.dumps(event) if event else None
    store.parked_changes.park(key, "classify_content", text, reason, now=SINCE + minutes * MINUTE)
    if fields:
        store.analytics.parkedChanges.update_one({"_id": key}, {"$set": fields})


def forget(page: Page, faults: list[str], number: int) -> None:
    """Clear the list of what went wrong, once so many answers with a status of failure stand in it."""
    until(lambda: page.evaluate("null") or len(faults) >= number)
    assert all("Failed to load resource" in fault for fault in faults[:number])
    del faults[:number]


def address_of(reason: str = "x") -> str:
    return f"{PATH}/reason?of={reason_key('classify_content', reason)}"


def tab_to(page: Page, role: str, name: str) -> None:
    """Press Tab until that element has the focus."""
    wanted = page.get_by_role(role, name=name).first.element_handle()  # type: ignore[arg-type]
    for _ in range(100):
        page.keyboard.press("Tab")
        if page.evaluate("wanted => document.activeElement === wanted", wanted):
            return
    pytest.fail(f"no Tab leads to the {role} {name}")


def press(page: Page, role: str, name: str) -> None:
    """Go to that element by Tab, press Enter, and wait for the page that follows."""
    tab_to(page, role, name)
    page.evaluate("document.querySelector('h1').classList.add('old')")
    page.keyboard.press("Enter")
    page.locator("h1:not(.old)").wait_for()


def table(page: Page, caption: str) -> list[str]:
    """The rows of a table, each as one line."""
    named = page.locator("caption", has_text=re.compile(f"^{caption}"))
    rows = page.locator("table", has=named).locator("tbody tr")
    return [" ".join(text.split()) for text in rows.all_inner_texts()]


def test_parked_changes_are_replayed_by_keyboard_and_each_says_what_became_of_it(
    page: Page, console: str, store: Store, log_in: LogIn, axe: Axe
) -> None:
    store.app.contents.insert_many([state("one"), state("two")])
    handler(relayed(*(inserted(name) | MALFORMED_TIME for name in ("one", "two")), change_event("insert", 7)), None)
    assert store.app.contentinfo.count_documents({}) == 0
    log_in(page, "operator")

    press(page, "link", "Parked changes")
    press(page, "link", REASON)
    assert len(table(page, "Waiting")) == 2
    press(page, "button", "Replay all of this reason (2)")
    assert "To be replayed by the relay: 2" in page.get_by_role("status").last.inner_text()
    assert axe(page) == []
    tab_to(page, "link", "All reasons")
    with relaying(store, lambda run: None):
        page.locator("caption", has_text=re.compile("^Replayed")).wait_for()
        page.get_by_text("To be replayed by the relay").wait_for(state="detached")
        assert len(table(page, "Replayed")) == 2
        assert all("Sent" in row for row in table(page, "Replayed"))
        assert page.get_by_text("No change waits here").count() == 1
        assert page.evaluate("document.activeElement.textContent") == "All reasons", "the focus stays"
        page.get_by_role("button", name="First parked").click()
        assert page.get_by_role("columnheader", name="First parked").get_attribute("aria-sort") == "ascending"
        assert axe(page) == []

        page.goto(f"{console}{PATH}")
        press(page, "link", "documentKey._id: a post has an ObjectId, not int")
        press(page, "button", "Replay all of this reason (1)")
        page.get_by_text("Parked once more").wait_for()
        page.get_by_text("To be replayed by the relay").wait_for(state="detached")
        assert "documentKey._id: a post has an ObjectId, not int" in table(page, "Replayed")[0]
        press(page, "link", "documentKey._id: a post has an ObjectId, not int")
        press(page, "button", "Replay this one")
        page.get_by_text("Parked once more").wait_for()
        page.get_by_role("button", name="Replay this one").wait_for()

    assert sorted(row["contentId"] for row in store.app.contentinfo.find()) == sorted(ids("one", "two"))
    acts = [(row["act"], row["personal"], row["outcome"]) for row in store.analytics.auditLog.find()]
    assert [(act, outcome) for act, _, outcome in acts] == [("replay changes", "done")] * 3
    assert acts[0][1] == {"object": f"classify_content: {REASON}", "after": "2 to be replayed"}


def test_without_a_script_the_page_is_loaded_again_by_hand(
    console: str, store: Store, log_in: LogIn, browser: Any
) -> None:
    park(store, "one")
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        log_in(page, "operator")
        page.goto(console + address_of())
        page.get_by_role("button", name="Replay all").click()
        assert "To be replayed" in table(page, "Waiting")[0]

        with relaying(store, lambda run: None):
            until(lambda: not store.analytics.parkedChanges.count_documents({"replayRequested": {"$exists": True}}))
        page.get_by_role("link", name="Look again").click()

        assert "Not sent names no document" in table(page, "Waiting")[0]
        assert page.get_by_role("link", name="Look again").count() == 0


def test_a_page_asks_only_while_replays_are_pending_and_not_from_a_hidden_tab(
    page: Page, console: str, store: Store, log_in: LogIn
) -> None:
    park(store, "one")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "reason" in request.url else None)
    log_in(page, "operator")
    page.goto(console + address_of())
    page.clock.install()
    page.goto(console + address_of())
    page.clock.run_for(10_000)
    assert len(asked) == 2, "nothing is pending"

    page.get_by_role("button", name="Replay all").click()
    page.get_by_role("link", name="Look again").wait_for()
    asked.clear()
    hide = "hidden => Object.defineProperty(document, 'hidden', {configurable: true, get: () => hidden})"
    page.evaluate(hide, True)
    page.clock.run_for(10_000)
    assert asked == []
    page.evaluate(hide, False)
    with page.expect_response("**/reason**"):
        page.clock.run_for(2_000)
    assert len(asked) == 1
    store.parked_changes.replayed("one", "sent", "d", now=datetime.now(UTC))
    with page.expect_response("**/reason**"):
        page.clock.run_for(2_000)
    page.get_by_role("link", name="Look again").wait_for(state="detached")
    asked.clear()
    page.clock.run_for(10_000)

    assert asked == []


def test_a_request_that_comes_too_late_changes_nothing_and_says_so(
    page: Page, console: str, store: Store, log_in: LogIn, faults: list[str]
) -> None:
    for key in ("one", "two"):
        park(store, key)
    log_in(page, "operator")
    for path, button in ((address_of(), "Replay all of this reason (2)"), (f"{PATH}/parked/one", "Replay this one")):
        store.analytics.parkedChanges.update_many({}, {"$unset": {"replayRequested": ""}})
        page.goto(console + path)
        asked_at = SINCE + 5 * MINUTE
        assert Replays(store).request(["one", "two"], by="ana", now=asked_at) == 2

        page.get_by_role("button", name=button).click()

        assert "Nothing was changed" in page.get_by_role("alert").inner_text()
        assert "ana" in page.locator("main").inner_text()
        assert page.get_by_role("button", name=REPLAY).count() == 0
    requests = store.analytics.parkedChanges.distinct("replayRequested.by")
    assert requests == ["ana"], "the first request stays as it is"
    assert [row["outcome"].split(":")[0] for row in store.analytics.auditLog.find()] == ["Conflict"] * 2
    forget(page, faults, 2)


@pytest.mark.parametrize("role", ROLES)
def test_who_may_see_and_who_may_replay(
    role: Role, page: Page, console: str, store: Store, log_in: LogIn, faults: list[str]
) -> None:
    park(store, "one")
    park(store, "two")
    log_in(page, role)
    for path in (address_of(), f"{PATH}/parked/one"):
        answer = page.goto(console + path)
        assert answer is not None
        assert answer.status == 200
        assert page.get_by_role("button", name=REPLAY).count() == int(may(role, "operate"))
    csrf = page.locator('meta[name="csrf"]').get_attribute("content")
    send = """([path, body, csrf]) => fetch(path, {method: "POST", body, headers: {
        "Content-Type": "application/x-www-form-urlencoded", "X-Csrf": csrf}}).then(answer => answer.status)"""
    for path, body in (
        (f"{PATH}/parked/one/replay", "x="),
        (f"{PATH}/replay", f"of={reason_key('classify_content', 'x')}"),
    ):
        assert page.evaluate(send, [path, body, "of another session"]) == 403
        assert page.evaluate(send, [path, body, csrf]) == (200 if may(role, "operate") else 403)
    asked = store.analytics.parkedChanges.count_documents({"replayRequested.by": f"local {role}"})
    assert (asked, store.analytics.auditLog.count_documents({})) == ((2, 2) if may(role, "operate") else (0, 0))
    forget(page, faults, 2 if may(role, "operate") else 4)


def test_where_no_relay_runs_the_page_says_since_when(page: Page, console: str, store: Store, log_in: LogIn) -> None:
    park(store, "one")
    log_in(page, "operator")
    page.goto(console + address_of())
    assert "None has ever run on this database. What is to be replayed" in page.locator("main").inner_text()
    seen = SINCE + 3 * MINUTE
    positions: list[dict[str, Any]] = [
        {"_id": "contents", "at": seen},
        {"_id": "users", "at": SINCE},
        {"_id": "accounts", "at": "yesterday"},
    ]
    store.analytics.relayPositions.insert_many(positions)
    for key, until_at in (("relay contents", SINCE), ("rank_contents", datetime.now(UTC) + MINUTE)):
        store.analytics.leases.insert_one({"_id": key, "until": until_at})

    page.goto(f"{console}{PATH}/parked/one")
    assert "No relay runs" in page.locator("main").inner_text()
    assert page.locator(".message time").get_attribute("datetime") == seen.isoformat()
    store.analytics.leases.insert_one({"_id": "relay replay x", "until": datetime.now(UTC) + MINUTE})
    page.goto(console + address_of())

    assert "No relay runs" not in page.locator("main").inner_text()
    assert relay_state(store, now=datetime.now(UTC)).runs


def test_one_change_shows_all_that_is_kept_of_it(page: Page, console: str, store: Store, log_in: LogIn) -> None:
    kept = {"operationType": "insert", "documentKey": {"_id": {"$oid": str(ids("one")[0])}}}
    park(store, "9f0c", SCRIPT, kept)
    park(store, "9f0c", SCRIPT, kept, minutes=5)
    log_in(page, "viewer")

    page.goto(f"{console}{PATH}/parked/9f0c")

    text = page.locator("main").inner_text()
    assert SCRIPT in text
    assert str(ids("one")[0]) in text
    times = [time.get_attribute("datetime") for time in page.locator("dd time").all()]
    assert times == [SINCE.isoformat(), (SINCE + 5 * MINUTE).isoformat()]
    assert page.title().startswith("A parked change")


def test_malformed_documents_are_left_out_and_foreign_texts_are_shown_as_text(
    page: Page, console: str, store: Store, log_in: LogIn
) -> None:
    now = datetime.now(UTC)
    sound = {"function": "classify_content", "reason": SCRIPT, "firstAt": SINCE, "lastAt": SINCE, "times": 1}
    park(store, "sound", SCRIPT)
    store.analytics.parkedChanges.insert_many(
        [
            {**sound, "_id": 7},
            {**sound, "_id": "a", "function": {"a": 1}},
            {**sound, "_id": "b", "reason": ["x", SCRIPT]},
            {**sound, "_id": "c", "firstAt": "yesterday"},
            {**sound, "_id": "d", "lastAt": 3},
            {**sound, "_id": "e", "reason": "long " * 900},
            {**sound, "_id": "f", "replayedAt": "never", "replay": "sent"},
            {**sound, "_id": "g", "replayedAt": now, "replay": {"at": now, "outcome": "sent", "sentAs": {"$gt": ""}}},
            {**sound, "_id": "odd", "times": -1, "event": SCRIPT * 9_000, "replayRequested": 5, "replay": []},
            {**sound, "_id": SCRIPT},
            {**sound, "_id": "h", "replay": {"at": now, "outcome": SCRIPT, "sentAs": 5}},
            {**sound, "_id": "asked", "replayRequested": {"at": now, "by": SCRIPT}},
            {"_id": "nothing"},
        ]
    )
    log_in(page, "operator")
    page.goto(f"{console}{PATH}")
    page.get_by_role("link", name=SCRIPT).first.click()

    page.get_by_role("button", name="Replay all of this reason").wait_for()
    waiting = " ".join(table(page, "Waiting"))
    assert len(table(page, "Waiting")) == 4
    assert SCRIPT in waiting
    assert len(table(page, "Replayed")) == 1
    page.goto(f"{console}{PATH}/parked/odd")
    assert page.get_by_role("button", name="Replay this one").count() == 1
    assert page.title().startswith("A parked change")
    page.get_by_role("button", name="Replay this one").click()
    with relaying(store, lambda run: None):
        page.get_by_text("Not sent").wait_for()


def test_a_flood_is_counted_in_part_and_said_to_be(
    page: Page, console: str, store: Store, log_in: LogIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("console.store.replays", "console.views.changes"):
        monkeypatch.setattr(f"{module}.MAX_COUNTED", 3)
    said = message("changes.first_only", "en", number=3)
    log_in(page, "viewer")
    for number in range(4):
        park(store, f"key-{number}")
        page.goto(f"{console}/console/changes")

        assert page.get_by_text(said).count() == (number >= 2), number
        assert page.locator("td.number").inner_text() == str(min(number + 1, 3))


def test_a_reason_has_pages(page: Page, console: str, store: Store, log_in: LogIn) -> None:
    for number in range(120):
        park(store, f"key-{number:03}", minutes=-number // 60)  # many at one moment
    log_in(page, "viewer")
    page.goto(console + address_of())

    shown = table(page, "Waiting")
    for expected in (50, 20):
        page.get_by_role("link", name="More").click()
        page.locator("table").wait_for()
        assert len(table(page, "Waiting")) == expected
        shown += table(page, "Waiting")

    assert page.get_by_role("link", name="More").count() == 0
    assert len(set(shown)) == 120


@pytest.mark.parametrize("place", ["x", "_", "9" * 30 + "_a", "-1_a", "²_a"])
def test_a_place_that_is_none_is_refused(
    place: str, page: Page, console: str, log_in: LogIn, faults: list[str]
) -> None:
    log_in(page, "viewer")

    answer = page.goto(f"{console}{address_of()}&after={place}")

    assert answer is not None
    assert answer.status == 400
    forget(page, faults, 1)


class Letters:
    """What counts dead letters: a number of each queue, or that they cannot be asked."""

    def __init__(self, counted: dict[str, int] | None) -> None:
        self._counted = counted

    def __call__(self) -> dict[str, int]:
        if self._counted is None:
            raise Unavailable("a dead-letter queue cannot be asked: EndpointConnectionError")
        return self._counted


@pytest.mark.parametrize(
    ("counted", "said"),
    [
        ({"FailedEvents": 0, "FailedChanges": 0}, "No message waits in a dead-letter queue"),
        ({"FailedEvents": 3, "FailedChanges": 0, SCRIPT: 1}, f"FailedEvents: 3, {SCRIPT}: 1"),
        (None, "The dead-letter queues cannot be asked: a dead-letter queue cannot be asked: EndpointConnectionError"),
    ],
)
def test_today_tells_how_many_dead_letters_wait(
    counted: dict[str, int] | None,
    said: str,
    page: Page,
    console: str,
    log_in: LogIn,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("console.handlers.serve_console.dead_letters", Letters(counted))

    log_in(page, "viewer")

    assert said in page.locator("main").inner_text()


def test_a_service_without_queues_says_nothing_of_dead_letters(page: Page, console: str, log_in: LogIn) -> None:
    log_in(page, "viewer")

    assert "Parked changes" in page.locator("main").inner_text()
    assert "dead-letter" not in page.locator("main").inner_text().lower()


def test_no_query_reads_more_than_it_shows(store: Store, deployed: None) -> None:
    rows = [
        {"_id": f"key-{n:05}", "function": "classify_content", "reason": f"reason {n % 2}", "firstAt": SINCE,
         "lastAt": SINCE, "times": 1,
         **({"replayedAt": SINCE, "replay": {"at": SINCE, "outcome": "sent", "sentAs": "s"}} if n % 3 else {}),
         **({"replayRequested": {"at": SINCE, "by": "kit"}} if n % 300 == 0 else {})}
        for n in range(12_000)
    ]  # fmt: skip
    store.analytics.parkedChanges.insert_many(rows)
    replays, now, of = Replays(store), datetime.now(UTC), ("classify_content", "reason 0")
    place = replays.waiting(*of, after="", limit=50, now=now)[-1].place
    functions = ["apply_verdicts", "classify_content", "remove_withdrawn"]
    lists: list[Callable[[], Any]] = [
        lambda: replays.waiting(*of, after="", limit=50, now=now),
        lambda: replays.waiting(*of, after=place, limit=50, now=now),
        lambda: replays.replayed(50, now=now, of=of),
        lambda: replays.replayed(50, now=now),
        lambda: store.parked_changes.requested(functions, 30),
        lambda: replays.find("key-00003"),
        lambda: replays.number_requested(*of),
        lambda: replays.request([f"key-{n:05}" for n in range(0, 300, 3)], by="kit", now=now),
        lambda: relay_state(store, now=now),
    ]
    bounded = [  # by a number of documents that are counted
        lambda: replays.reasons(50, now=now),
        lambda: replays.number_waiting(MAX_NUMBER),
        lambda: replays.number_to_request(*of, now=now),
        lambda: replays.to_request(*of, now=now),
    ]

    for most, reads in ((110, lists), (MAX_NUMBER, bounded)):
        for read in reads:
            queries = profiled(store, read)
            assert queries
            for seen in queries:
                assert seen.get("docsExamined", 0) <= most, seen
                assert seen.get("keysExamined", 0) <= most + 100, seen
                assert not seen.get("hasSortStage") or most == MAX_NUMBER, seen
                assert seen.get("planSummary") != "COLLSCAN" or "relayPositions" in seen["ns"], seen


def profiled(store: Store, read: Callable[[], Any]) -> list[dict[str, Any]]:
    """What the database did to read that."""
    store.analytics["system.profile"].drop()
    store.analytics.command("profile", 2)
    try:
        read()
    finally:
        store.analytics.command("profile", 0)
    return [
        seen for seen in store.analytics["system.profile"].find() if "planSummary" in seen or "docsExamined" in seen
    ]
