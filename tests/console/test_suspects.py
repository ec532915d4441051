"""The page of suspects in a real browser: verdicts by keys, undo, what is too late, junk, and the indexes it uses."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from console.messages import messages
from console.rights import ROLES, may
from functions.bots.detector import REASON_TEXTS
from functions.bots.reading_features import FEATURES
from functions.bots.store.detector_examples import detector_examples
from functions.bots.store.pending_verdicts import UNDO_WITHIN, PendingVerdicts
from functions.bots.store.suspects import Suspect, Suspects
from tests.console.conftest import Axe
from tests.factories import an_id

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from console.rights import Role
    from shared.store import Store

LogIn = Callable[["Page", "Role"], None]

SINCE = datetime.fromisoformat("2026-01-31T12:00:00+00:00")
SCRIPT = "<script>document.title = 'run'</script>"
REASONS = [
    {"feature": "viewsPerHour", "value": 700.0, "people": [3.2, 10.0], "says": "reads more posts an hour"},
    {"feature": "unheardOf", "value": 0.5, "people": [1.0, 2.0], "says": SCRIPT},
]


def put(store: Store, *credentials: object, **fields: Any) -> None:
    """Suspects, the first with the highest score."""
    stored = {"reasons": REASONS, "model": "v1", **fields}
    rows = [Suspect(each, SINCE, SINCE, 0.9 - n / 100, **stored) for n, each in enumerate(credentials)]  # type: ignore[arg-type]
    Suspects(store).put(rows, now=SINCE)


def put_detector(store: Store) -> None:
    """A version of the detector with three people and two bots to learn from."""
    values = {"p1": 3.0, "p2": 5.0, "p3": 9.0, "b1": 300.0, "b2": 900.0}
    rows = [
        {"_id": an_id(f"features of {name}"), "seenCredential": an_id(name), "firstSeenAt": SINCE, "lastSeenAt": SINCE,
         "viewsPerHour": value, "verificationStatus": name.startswith("b"), "verifiedAt": SINCE}
        for name, value in values.items()
    ]  # fmt: skip
    store.analytics.credentialfeatures.insert_many(rows)
    manifest = {"features": ["viewsPerHour"], "dataset": [row["_id"] for row in rows], "metrics": {"threshold": 0.8}}
    manifest["evaluationReport"] = {"bot_class_precision": 0.93}
    store.analytics.artifactVersions.insert_one(
        {"family": "bots", "account": "credentials", "version": "v1", "artifact": b"", **manifest}
    )


def shown(page: Page) -> str:
    return page.locator("h2").inner_text()


def press(page: Page, key: str, then: str) -> None:
    """Press a key, and wait until that suspect is shown."""
    page.keyboard.press(key)
    page.locator("h2", has_text=then).wait_for()


def pending(store: Store) -> dict[object, bool]:
    rows = store.app.suspiciouscredentials.find({"pendingVerdict": {"$exists": True}})
    return {row["seenCredential"]: row["pendingVerdict"]["verdict"] for row in rows}


def test_suspects_are_judged_skipped_and_taken_back_by_keys(
    page: Page, console: str, store: Store, log_in: LogIn
) -> None:
    put(store, "first", "second", "third", "fourth")
    before = {row["seenCredential"]: row for row in store.app.suspiciouscredentials.find()}
    log_in(page, "moderator")
    page.goto(f"{console}/console/suspects")
    assert shown(page) == "first"

    press(page, "b", "second")
    press(page, "p", "third")
    assert pending(store) == {"first": True, "second": False}
    press(page, "u", "second")
    assert pending(store) == {"first": True}
    press(page, "s", "third")
    press(page, "b", "fourth")  # what was skipped does not come back
    press(page, "u", "third")
    press(page, "u", "first")

    assert pending(store) == {}
    assert {row["seenCredential"]: row for row in store.app.suspiciouscredentials.find()} == before
    acts = [(row["act"], row["personal"]["credential"], row["outcome"]) for row in store.analytics.auditLog.find()]
    assert [act for act, _, _ in acts] == [
        "judge a suspect", "judge a suspect", "take a verdict back", "judge a suspect", "take a verdict back",
        "take a verdict back",
    ]  # fmt: skip
    assert {outcome for _, _, outcome in acts} == {"done"}


def test_keys_are_the_same_with_caps_lock_and_in_other_layouts(
    page: Page, console: str, store: Store, log_in: LogIn
) -> None:
    put(store, "first", "second", "third", "fourth")
    log_in(page, "moderator")
    page.goto(f"{console}/console/suspects")

    for key, code, then in (("B", "KeyB", "second"), ("ย", "KeyP", "third"), ("ы", "KeyS", "fourth")):
        pressed = {"key": key, "code": code, "bubbles": True}
        page.evaluate("pressed => document.body.dispatchEvent(new KeyboardEvent('keydown', pressed))", pressed)
        page.locator("h2", has_text=then).wait_for()
    assert pending(store) == {"first": True, "second": False}


def test_a_key_that_is_held_counts_once_and_none_from_inside_a_field(
    page: Page, console: str, store: Store, log_in: LogIn
) -> None:
    put(store, *(f"device {n}" for n in range(5)))
    log_in(page, "moderator")
    page.goto(f"{console}/console/suspects")
    page.evaluate("document.querySelector('main').append(document.createElement('textarea'))")

    page.locator("textarea").press("b")
    assert page.locator("textarea").input_value() == "b"
    assert pending(store) == {}
    page.locator("h2").focus()
    page.keyboard.down("b")
    page.locator("h2", has_text="device 1").wait_for()
    page.keyboard.down("b")  # a second one without `up` repeats
    page.keyboard.up("b")
    press(page, "s", "device 2")

    assert pending(store) == {"device 0": True}


def test_without_a_script_the_buttons_do_the_same(console: str, store: Store, log_in: LogIn, browser: Any) -> None:
    put(store, "first", "second")
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        log_in(page, "lead")
        page.goto(f"{console}/console/suspects")

        page.get_by_role("button", name="Person").click()
        assert (shown(page), pending(store)) == ("second", {"first": False})
        page.get_by_role("button", name="Undo").click()

        assert (shown(page), pending(store)) == ("first", {})


def test_a_verdict_that_comes_too_late_says_what_happened_meanwhile(
    page: Page, console: str, store: Store, log_in: LogIn, faults: list[str]
) -> None:
    put(store, "first", "second", "third")
    log_in(page, "moderator")
    page.goto(f"{console}/console/suspects")
    PendingVerdicts(store).give("first", True, by="ana <b>", now=datetime.now(UTC))

    with page.expect_response("**/console/suspects") as answer:
        press(page, "p", "second")

    assert answer.value.status == 409
    said = page.get_by_role("alert").inner_text()
    assert "first: has been judged to be a bot. ana <b>" in said.replace("\n", " ")
    assert pending(store) == {"first": True}
    store.app.suspiciouscredentials.delete_one({"seenCredential": "second"})
    press(page, "p", "third")
    assert "second: does not wait for a verdict" in page.get_by_role("alert").inner_text()
    outcomes = [row["outcome"].split(":")[0] for row in store.analytics.auditLog.find()]
    assert outcomes == ["Conflict", "NotFound"]
    assert all("409" in fault for fault in faults)
    faults.clear()


def test_a_verdict_whose_time_has_passed_is_settled_and_cannot_be_taken_back(
    page: Page, console: str, store: Store, log_in: LogIn, faults: list[str]
) -> None:
    put(store, "first", "second")
    log_in(page, "moderator")
    page.goto(f"{console}/console/suspects")
    press(page, "b", "second")
    passed = {"$set": {"pendingVerdict.until": datetime.now(UTC) - UNDO_WITHIN}}
    store.app.suspiciouscredentials.update_one({"seenCredential": "first"}, passed)

    page.keyboard.press("u")
    page.get_by_role("alert").wait_for()

    row = store.app.suspiciouscredentials.find_one({"seenCredential": "first"})
    assert row is not None
    assert (row["verificationStatus"], row["judgedBy"]) == (True, "local moderator")
    assert "pendingVerdict" not in row
    assert page.get_by_role("button", name="Undo").count() == 0
    faults.clear()


def test_reasons_have_words_value_unit_range_picture_and_numbers(
    page: Page, console: str, store: Store, log_in: LogIn, axe: Axe
) -> None:
    put(store, "device", sampled=True)
    put_detector(store)
    log_in(page, "moderator")
    page.goto(f"{console}/console/suspects")

    text = page.locator("main").inner_text()
    assert "Reads more posts an hour than people do" in text
    assert "Posts read in an hour [1 / h]: 700; people usually 3.2 to 10" in text
    assert "Of those that score 0.800 or more, 93 % are bots" in text
    assert "Drawn at random" in text
    assert SCRIPT in text
    assert page.title().startswith("Suspects")
    picture = page.get_by_role("img")
    assert picture.get_attribute("aria-label") == "Posts read in an hour [1 / h]: 700; people usually 3.2 to 10"
    page.get_by_text("Numbers").click()
    rows = page.locator("details tr").all_inner_texts()
    assert len(rows) == 1 + 12
    assert rows[1].split("\t") == ["3 – 5.28", "67 %", "0 %"]
    assert rows[-1].split("\t")[-1] == "50 %"
    assert axe(page) == []


@pytest.mark.parametrize("role", ROLES)
def test_who_may_see_and_who_may_judge(
    role: Role, page: Page, console: str, store: Store, log_in: LogIn, faults: list[str]
) -> None:
    put(store, "device")
    log_in(page, role)
    answer = page.goto(f"{console}/console/suspects")

    assert answer is not None
    assert answer.status == (200 if may(role, "see suspects") else 403)
    assert page.get_by_role("button", name="Bot").count() == int(may(role, "judge suspects"))
    csrf = page.locator('meta[name="csrf"]').get_attribute("content")
    forms = {"": "credential=device&verdict=bot", "/undo": "credential=device"}
    send = """([path, body, csrf]) => fetch(path, {method: "POST", body, headers: {
        "Content-Type": "application/x-www-form-urlencoded", "X-Csrf": csrf}}).then(answer => answer.status)"""
    for path, body in forms.items():
        address = f"/console/suspects{path}"
        assert page.evaluate(send, [address, body, "of another session"]) == 403
        allowed = page.evaluate(send, [address, body, csrf])
        assert allowed == (200 if may(role, "judge suspects") else 403)
    assert store.analytics.auditLog.count_documents({}) == (len(forms) if may(role, "judge suspects") else 0)
    faults.clear()


def test_malformed_documents_are_left_out_and_long_or_foreign_ones_do_no_harm(
    page: Page, console: str, store: Store, log_in: LogIn
) -> None:
    sound = {"firstSeenAt": SINCE, "lastSeenAt": SINCE, "createdAt": SINCE, "score": 0.5}
    store.app.suspiciouscredentials.insert_many(
        [
            {"seenCredential": 7, **sound},
            {"seenCredential": "a", **sound, "score": "high"},
            {"seenCredential": "b", **sound, "firstSeenAt": "yesterday"},
            {"seenCredential": "c" * 5_000, **sound, "reasons": ["fast", {"says": 1}] * 5_000},
            {"seenCredential": SCRIPT, "_id": "not of ours", **sound, "model": ["v1"]},
            {"seenCredential": SCRIPT + "&after=x", **sound, "model": SCRIPT, "pendingVerdict": SCRIPT},
        ]
    )
    log_in(page, "moderator")
    page.goto(f"{console}/console/suspects")

    assert "2 wait" not in page.locator("main").inner_text()
    assert shown(page).startswith("ccc")
    page.get_by_role("link", name=SCRIPT).first.click()
    assert shown(page) == SCRIPT + "&after=x"
    press(page, "b", "ccc")
    assert pending(store)[SCRIPT + "&after=x"] is True


def test_every_feature_has_its_sentence_and_its_unit_in_both_languages() -> None:
    for language, sentences in messages().items():
        for feature in FEATURES.features:
            assert sentences[f"feature.{feature.name}"].endswith(f"[{feature.unit}]"), (language, feature.name)
            assert sentences[f"reason.{feature.name}"]
    for name, text in REASON_TEXTS.items():
        assert messages()["en"][f"reason.{name}"].lower() == text.lower()


def test_examples_of_a_detector_are_bounded_read_once_and_without_malformed_ones(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_detector(store)
    junk = {"features": ["viewsPerHour", 7, "a.b", "$x"], "dataset": [an_id("features of p1"), "x", an_id("gone")]}
    store.analytics.artifactVersions.insert_one({"family": "bots", "account": "credentials", "version": "v2", **junk})
    store.analytics.credentialfeatures.update_one({"_id": an_id("features of p2")}, {"$set": {"viewsPerHour": -1}})
    store.analytics.credentialfeatures.update_one({"_id": an_id("features of b2")}, {"$set": {"verificationStatus": 1}})

    first, other, none = (detector_examples(store, version, True) for version in ("v1", "v2", "v3"))

    assert (first.people, first.bots) == ({"viewsPerHour": [3.0, 9.0]}, {"viewsPerHour": [300.0]})
    assert (other.people, other.threshold) == ({"viewsPerHour": [3.0]}, None)
    assert (none.people, none.precision) == ({}, None)
    store.analytics.artifactVersions.delete_many({})
    assert detector_examples(store, "v1", True) is first
    monkeypatch.setattr("functions.bots.store.detector_examples.MAX_EXAMPLES", 2)
    put_detector_again = detector_examples.__wrapped__
    store.analytics.credentialfeatures.delete_many({})
    put_detector(store)
    drawn = put_detector_again(store, "v1", True)
    assert sum(len(each["viewsPerHour"]) for each in (drawn.people, drawn.bots)) == 2


def test_no_query_reads_more_than_it_shows(store: Store, deployed: None) -> None:
    rows = [
        {"seenCredential": f"device {n}", "firstSeenAt": SINCE, "lastSeenAt": SINCE, "createdAt": SINCE,
         "score": n % 50 / 50, **({"verificationStatus": True, "verifiedAt": SINCE} if n % 2 else {})}
        for n in range(2_000)
    ]  # fmt: skip
    store.app.suspiciouscredentials.insert_many(rows)
    suspects, verdicts, now = Suspects(store), PendingVerdicts(store), datetime.now(UTC)
    verdicts.give("device 0", True, by="kit", now=now - timedelta(minutes=1))
    place = suspects.waiting(21)[-1].place
    store.app.command("profile", 2)
    try:
        suspects.waiting(21)
        suspects.waiting(21, after=place)
        suspects.find("device 2")
        verdicts.newest("kit", now=now)
        verdicts.settle(now=now)
        verdicts.find("device 4", now=now)
    finally:
        store.app.command("profile", 0)

    read = {
        str(seen["command"]): (seen["docsExamined"], seen["planSummary"], seen.get("hasSortStage", False))
        for seen in store.app["system.profile"].find({"ns": f"{store.app.name}.suspiciouscredentials"})
        if "docsExamined" in seen
    }
    assert len(read) >= 5
    for command, (examined, plan, sorts) in read.items():
        assert examined <= 100, command
        assert "COLLSCAN" not in plan, command
        assert not sorts or examined <= 2, command
