"""The page Erasure in a real browser: what is found, erased and left; what fails meanwhile; rights, junk, indexes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from console.messages import messages
from console.rights import ROLES, may
from console.store.audit_log import AuditLog, Value
from console.store.members import LANGUAGES, Members
from console.views import privacy
from functions.privacy.store import held_data
from functions.privacy.store.erasure_records import ErasureRecord, ErasureRecords
from functions.privacy.store.held_data import HeldData
from layers.service import load_service
from shared.errors import Unanswered, Unavailable
from shared.runtime import function_calls
from shared.store import Store, schema
from shared.store.erased import Erased
from tests.console.test_models import Client, member
from tests.factories import account, an_id, post, user
from tests.privacy.conftest import ACCOUNT, HERS, NOW, Town, town

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from console.rights import Role
    from shared.store.job_runs import JobRun
    from tests.console.conftest import Axe

    LogIn = Callable[[Page, Role], None]

__all__ = ["member", "town"]

PATH = "/console/erasures"
SCRIPT = "<script>document.title = 'run'</script>"
ANN = an_id("account of ann")
LAST = ACCOUNT[-4:]
HELD = (
    "contentinfo", "guestfeeditems", "contentStats", "creatorStats", "userEngagementStats", "credentialfeatures",
    "mlArtifacts", "accountLinks", "auditLog",
)  # fmt: skip


def call(stem: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
    return function_calls.call(stem, request)


@pytest.fixture
def calling(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., Any]], None]:
    """Has the console call this in place of other functions."""
    return lambda called: monkeypatch.setattr("console.handlers.serve_console.call", called)


def acts(store: Store) -> list[tuple[str, str, dict[str, Any]]]:
    """What the audit log says was done, the oldest first."""
    return [(entry.act, entry.outcome, dict(entry.personal)) for entry in AuditLog(store).newest(None, 20)[::-1]]


def fill_in(page: Page, reason: str = "asked by mail", last: str = LAST) -> None:
    """Fill in the form that erases by keyboard, and send it."""
    page.get_by_label("Reason").focus()
    page.keyboard.type(reason)
    page.keyboard.press("Tab")
    page.keyboard.type(last)
    page.keyboard.press("Enter")


def look_for(page: Page, console: str, identity: str = ACCOUNT) -> None:
    """Ask for an account by keyboard."""
    page.goto(console + PATH)
    page.get_by_label("Id of the account").focus()
    page.keyboard.type(identity)
    page.keyboard.press("Enter")


def numbers(page: Page, caption: str) -> dict[str, list[str]]:
    """The cells of a table by the first of each row."""
    rows = page.locator("table", has=page.locator("caption", has_text=caption)).locator("tbody tr").all()
    cells = [row.locator("th, td").all_inner_texts() for row in rows]
    return {first: rest for first, *rest in cells}


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_account_is_found_erased_and_confirmed_by_keyboard(
    page: Page, console: str, town: Town, log_in: LogIn, axe: Axe, language: str
) -> None:
    town.prepare()
    store = town.store
    store.app.users.update_one({"_id": an_id("ann")}, {"$set": {"displayName": SCRIPT}})
    log_in(page, "operator")
    Members(store).choose_language("local operator", language)
    sentences = messages()[language]

    page.goto(console + PATH)
    page.locator("input[name=account]").focus()
    page.keyboard.type(ACCOUNT.upper())
    page.keyboard.press("Enter")
    page.locator("textarea").wait_for()
    held = numbers(page, sentences["erasures.documents"])
    assert SCRIPT in page.inner_text("main")
    assert sentences["erasures.is_there"] in page.inner_text("main")
    assert numbers(page, sentences["erasures.known"])[sentences["erasures.users"]] == ["2"]
    assert {name for name, [number] in held.items() if number != "0"} >= set(HELD)
    assert axe(page) == []

    page.locator("textarea").focus()
    page.keyboard.type(f"asked by mail {SCRIPT}")
    page.keyboard.press("Tab")
    page.keyboard.type(LAST)
    page.keyboard.press("Enter")
    page.locator("p.good").wait_for()

    shown = numbers(page, sentences["erasures.result"])
    assert {left for _, left in shown.values()} == {"0"}
    assert [name for name in HELD if int(shown[name][0].replace(",", "")) == 0] == []
    assert axe(page) == []
    assert page.locator("html").get_attribute("lang") == language
    assert ACCOUNT not in page.url
    assert town.remaining() <= {"snapshots", "mlArtifacts"}
    assert acts(store)[1:] == [
        ("look at an account", "done", {}), ("erase account", "done", {"reason": f"asked by mail {SCRIPT}"}),
    ]  # fmt: skip
    assert AuditLog(store).first_broken() is None
    page.goto(console + PATH)
    assert page.locator("tbody tr").count() == 1
    assert ACCOUNT not in page.inner_text("main")
    assert axe(page) == []


def test_what_a_page_wrote_is_not_in_the_audit_log_once_the_account_is_erased_whenever_it_wrote(
    member: Callable[[Role], Client], town: Town
) -> None:
    """Before the erasure, and after it: an entry about what is erased already does not keep its id, nor its salt."""
    town.fill()
    operator, log = member("operator"), town.store.analytics.auditLog
    form = {"account": ACCOUNT, "reason": "asked", "confirm": LAST}
    AuditLog(town.store).append("lee", "lead", "judge a suspect", {"credential": "tablet of ann"}, now=NOW)

    assert operator.post(f"{PATH}/account", account=ACCOUNT)["statusCode"] == 200
    assert log.count_documents({"personal.account": ANN, "salts.account": {"$exists": True}}) == 2
    assert [operator.post(f"{PATH}/erase", **form)["statusCode"] for _ in range(2)] == [200, 200]
    assert operator.post(f"{PATH}/account", account=ACCOUNT)["statusCode"] == 200
    late: dict[str, Value] = {"account": ANN, "post": an_id("by ann"), "credential": "tablet of ann", "reason": "late"}
    AuditLog(town.store).append("lee", "lead", "judge a suspect", late, now=NOW)

    assert "auditLog" not in town.remaining(*HERS)
    named = {"account", "post", "credential"}
    assert not any(named & {*row["personal"], *row["salts"]} for row in log.find())
    assert [row["personal"] for row in log.find().sort("_id", -1).limit(1)] == [{"reason": "late"}]
    assert all(row["digests"] for row in log.find())
    assert [act for act, *_ in acts(town.store)[2:6]] == [
        "look at an account", "erase account", "erase account", "look at an account",
    ]  # fmt: skip
    assert AuditLog(town.store).first_broken() is None


def test_no_line_of_the_log_no_record_of_a_run_and_no_address_holds_the_id(
    page: Page, console: str, town: Town, log_in: LogIn, recorded: Callable[[], list[JobRun]],
    logged: Callable[[], list[dict[str, Any]]], calling: Callable[[Any], None], faults: list[str],
) -> None:  # fmt: skip
    town.fill()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(f"{request.url} {request.headers.get('referer')}"))
    log_in(page, "operator")
    look_for(page, console)
    page.get_by_label("Reason").wait_for()

    def failing(stem: str, request: Mapping[str, Any]) -> Any:
        raise Unavailable("erase_account cannot be reached: ConnectTimeoutError")

    calling(failing)
    fill_in(page)
    page.locator("#message .failure").wait_for()
    calling(call)
    page.keyboard.press("Enter")
    page.locator("p.good").wait_for()

    assert {run.function for run in recorded()} == {"serve_console", "erase_account"}
    held = json.dumps([*logged(), *asked, *town.store.analytics.jobRuns.find()], default=str).lower()
    assert len(logged()) > 4
    assert ACCOUNT not in held
    faults.clear()


@pytest.mark.parametrize("typed", ["", "zz", ACCOUNT[:-1], f"{ACCOUNT} x", SCRIPT])
def test_what_is_no_id_is_refused_by_the_name_of_the_field_and_stays(
    member: Callable[[Role], Client], store: Store, typed: str
) -> None:
    answer = member("operator").post(f"{PATH}/account", account=typed)

    assert answer["statusCode"] == 422
    assert "account: needs an id, 24 hexadecimal digits" in answer["body"]
    escaped = typed.replace("<", "&lt;").replace(">", "&gt;").replace("'", "&#39;")
    assert f'name="account" value="{escaped}"' in answer["body"]
    assert acts(store) == []


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"confirm": "0000"}, "confirm: type the last four digits"),
        ({"reason": "  "}, "reason: say why"),
        ({"reason": f"of {str(an_id('ann')).upper()}, please"}, "reason: holds an id"),
    ],
)
def test_a_form_that_is_not_right_erases_nothing_and_keeps_what_was_typed(
    member: Callable[[Role], Client], town: Town, form: dict[str, str], said: str
) -> None:
    town.fill()
    before = acts(town.store)
    sent = {"account": ACCOUNT, "reason": "asked", "confirm": LAST} | form

    answer = member("operator").post(f"{PATH}/erase", **sent)

    assert (answer["statusCode"], said in answer["body"]) == (422, True)
    assert f">{sent['reason']}</textarea>" in answer["body"]
    assert ErasureRecords(town.store).find(ANN) is None
    assert acts(town.store) == before


def test_an_account_that_is_unknown_can_be_erased_too(member: Callable[[Role], Client], store: Store) -> None:
    store.analytics.userEngagementStats.insert_one({"userId": an_id("gone")})
    store.analytics.accountLinks.insert_one({"_id": "x", "account": ANN, "user": an_id("gone")})
    operator = member("operator")

    assert "The application has no account of this id" in operator.post(f"{PATH}/account", account=ACCOUNT)["body"]
    answer = operator.post(f"{PATH}/erase", account=ACCOUNT, reason="asked", confirm=LAST)

    assert "Complete" in answer["body"]
    assert store.analytics.userEngagementStats.count_documents({}) == 0


def test_while_the_function_is_away_what_was_typed_stays(
    page: Page, console: str, town: Town, log_in: LogIn, calling: Callable[[Any], None], faults: list[str]
) -> None:
    def away(stem: str, request: Mapping[str, Any]) -> Any:
        raise Unavailable("erase_account cannot be reached: EndpointConnectionError")

    town.fill()
    calling(away)
    log_in(page, "operator")
    look_for(page, console)
    page.get_by_label("Reason").wait_for()
    with page.expect_response(f"**{PATH}/erase") as answer:
        fill_in(page)
    page.locator("#message .failure", has_text="cannot be reached").wait_for()

    assert answer.value.status == 503
    assert page.get_by_label("Reason").input_value() == "asked by mail"
    assert page.get_by_label("Last four digits").input_value() == LAST
    assert acts(town.store)[-1][1].startswith("Unavailable: erase_account cannot be reached")
    assert ">asked by mail</textarea>" in answer.value.text(), "without a script too"
    faults.clear()


def test_a_session_that_ends_in_the_middle_of_the_form_loses_nothing(
    page: Page, console: str, town: Town, log_in: LogIn, faults: list[str]
) -> None:
    town.fill()
    log_in(page, "operator")
    look_for(page, console)
    page.get_by_label("Reason").wait_for()
    town.store.analytics.consoleSessions.delete_many({})

    fill_in(page)
    page.locator("#message a", has_text="Log in").wait_for()

    assert page.get_by_label("Reason").input_value() == "asked by mail"
    assert page.get_by_label("Last four digits").input_value() == LAST
    assert ErasureRecords(town.store).find(ANN) is None
    assert all("401" in fault for fault in faults)
    faults.clear()


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_an_erasure_that_takes_longer_is_followed_until_it_is_complete(
    browser: Any, console: str, town: Town, log_in: LogIn, calling: Callable[[Any], None], scripts: bool
) -> None:
    """And meanwhile the page says so, in an address without the id."""

    def unanswered(stem: str, request: Mapping[str, Any]) -> Any:
        raise Unanswered("erase_account has not answered within 6 s, and may be at work")

    town.prepare()
    calling(unanswered)
    with browser.new_context(java_script_enabled=scripts) as context:
        page = context.new_page()
        log_in(page, "operator")
        look_for(page, console)
        page.get_by_label("Reason").wait_for()
        fill_in(page)
        page.get_by_text("The erasure takes longer.").wait_for()
        store = town.store
        erased = store.erasures.note(ANN, now=datetime.now(UTC))
        if scripts:
            page.locator("td", has_text="not known").first.wait_for()
        else:
            page.get_by_role("button", name="Look again").press("Enter")
        assert page.get_by_text("Under way").count() == 1
        assert any(left != "0" for _, left in numbers(page, "a fresh look finds").values())

        store.erasures.remove(erased)
        note = store.analytics.erasures.find_one({"_id": ANN})
        assert note is not None
        store.erasures.complete(ANN, noted_at=note["erasedAt"])
        if not scripts:
            page.get_by_role("button", name="Look again").press("Enter")
        page.locator("p.good").wait_for()

        assert ACCOUNT not in page.url
        assert {left for _, left in numbers(page, "a fresh look finds").values()} == {"0"}
        assert page.get_by_role("button", name="Look again").count() == 0
    assert [act for act, *_ in acts(store)[1:]] == ["look at an account", "erase account"]
    assert acts(store)[-1][1:] == (
        "Unanswered: erase_account has not answered within 6 s, and may be at work", {"reason": "asked by mail"},
    )  # fmt: skip


def test_an_erasure_that_was_killed_is_pending_and_completed_when_asked_for_again(
    member: Callable[[Role], Client], town: Town
) -> None:
    town.prepare()
    operator, since = member("operator"), datetime.now(UTC) - timedelta(minutes=6)
    town.store.erasures.note(ANN, now=since)
    asked = {"account": ACCOUNT, "since": str(int(since.timestamp() * 1_000))}

    stopped = operator.post(f"{PATH}/progress", **asked)["body"]
    listed = operator.get(PATH)["body"]
    again = operator.post(f"{PATH}/erase", account=ACCOUNT, reason="again", confirm=LAST)["body"]

    assert "Asked for again, it completes what is missing" in stopped
    assert "Not complete" in listed
    assert "a fresh look has found nothing" in again
    assert "Not complete" not in operator.get(PATH)["body"]
    assert town.remaining() <= {"snapshots", "mlArtifacts"}


def test_an_erasure_before_does_not_count_for_one_that_is_asked_for_again(
    member: Callable[[Role], Client], town: Town
) -> None:
    town.fill()
    before = datetime.now(UTC) - timedelta(minutes=1)
    town.store.erasures.note(ANN, now=before)
    town.store.erasures.complete(ANN, noted_at=before)
    asked = {"account": ACCOUNT, "since": str(int(datetime.now(UTC).timestamp() * 1_000))}

    assert "Under way" in member("operator").post(f"{PATH}/progress", **asked)["body"]
    town.store.erasures.note(ANN, now=datetime.now(UTC))
    record = ErasureRecords(town.store).find(ANN)
    assert record is not None
    assert record.completed_at is None
    town.store.erasures.complete(ANN, noted_at=before)
    assert ErasureRecords(town.store).find(ANN) == record, "the earlier one has ended, the later one has not"


def test_two_operators_at_once_erase_it_both(member: Callable[[Role], Client], town: Town) -> None:
    town.prepare()
    operators = [member("operator"), member("operator")] * 2
    form = {"account": ACCOUNT, "reason": "asked", "confirm": LAST}

    with ThreadPoolExecutor(len(operators)) as threads:
        answers = list(threads.map(lambda operator: operator.post(f"{PATH}/erase", **form), operators))

    assert [answer["statusCode"] for answer in answers] == [200] * 4
    assert town.remaining() <= {"snapshots", "mlArtifacts"}
    assert acts(town.store)[1:] == [("erase account", "done", {"reason": "asked"})] * 4
    assert AuditLog(town.store).first_broken() is None
    record = ErasureRecords(town.store).find(ANN)
    assert record is not None
    assert record.completed_at is not None


@pytest.mark.parametrize("path", ["/account", "/erase", "/progress"])
@pytest.mark.parametrize("role", ROLES)
def test_only_operators_erase_with_forms_of_their_own(
    member: Callable[[Role], Client], store: Store, role: Role, path: str
) -> None:
    session, form = member(role), {"account": ACCOUNT, "reason": "asked", "confirm": LAST}
    allowed = may(role, "erase")

    assert session.get(PATH)["statusCode"] == (200 if allowed else 403)
    assert session.post(PATH + path, csrf="of another", **form)["statusCode"] == 403
    assert acts(store) == []
    assert session.post(PATH + path, **form)["statusCode"] == (200 if allowed else 403)
    assert len(acts(store)) == (allowed and path != "/progress")


def test_erasures_are_listed_the_newest_first_page_by_page_without_malformed_ones(
    member: Callable[[Role], Client], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    same = datetime(2026, 1, 31, 12, tzinfo=UTC)
    notes: list[dict[str, Any]] = [
        {"_id": an_id(f"erased {n}"), "erasedAt": same + timedelta(hours=max(n - 5, 0)), "posts": [an_id("a")] * n}
        for n in range(9)
    ]
    notes[8] |= {"completedAt": same}
    more = {"_id": f"{notes[8]['_id']} {an_id('x')}", "erasedAt": same, "posts": [an_id("b"), an_id("c")]}
    junk: list[dict[str, Any]] = [
        {"_id": an_id("junk 1"), "erasedAt": SCRIPT},
        {"_id": an_id("junk 2")},
        {"_id": an_id("junk 3"), "erasedAt": [same, same]},
        {"_id": SCRIPT, "erasedAt": same},
        {"_id": {"a": SCRIPT}, "erasedAt": same, "posts": SCRIPT},
    ]
    store.analytics.erasures.insert_many([*notes, more, *junk])
    notes[7]["posts"] = SCRIPT
    store.analytics.erasures.replace_one({"_id": notes[7]["_id"]}, notes[7] | {"completedAt": SCRIPT})
    records, listed, place = ErasureRecords(store), list[ErasureRecord](), ""

    for _ in range(5):
        rows, place = records.newest(2, after=place)
        listed += rows

    assert [each.account for each in listed[:3]] == [notes[n]["_id"] for n in (8, 7, 6)]
    assert {each.account for each in listed} == {note["_id"] for note in notes}
    assert (len(listed), place) == (9, "")
    assert [(each.posts, each.completed_at) for each in listed[:3]] == [(10, same), (0, None), (6, None)]
    monkeypatch.setattr(privacy, "ROWS", 2)
    page = member("operator").get(PATH)["body"]
    assert "<script>document" not in page
    assert f"after={int(notes[7]['erasedAt'].timestamp() * 1000)}.1" in page
    assert member("operator").get(f"{PATH}?after=x")["statusCode"] == 422


def test_malformed_documents_about_an_account_are_left_out(member: Callable[[Role], Client], store: Store) -> None:
    store.app.users.insert_many(
        [
            user("ann", now=NOW, account="account of ann", displayName={"x": 1}, displayId=["y"]),
            {"_id": SCRIPT, "ownerAccount": ANN},
            {"_id": an_id("other"), "ownerAccount": str(ANN), "displayName": f"{SCRIPT} " * 50},
        ]
    )
    store.analytics.erasures.insert_one({"_id": ANN, "erasedAt": NOW, "users": SCRIPT, "posts": 7, "credentials": [[]]})
    store.analytics.accountLinks.insert_one({"_id": "x", "account": ANN, "user": [SCRIPT], "credential": 7})
    store.analytics.credentialfeatures.insert_one({"viewer": ANN, "seenCredential": {"x": SCRIPT}})

    answer = member("operator").post(f"{PATH}/account", account=ACCOUNT)

    assert answer["statusCode"] == 200
    assert "<script>document" not in answer["body"]
    assert str(an_id("ann")) in answer["body"]
    assert str(an_id("other")) in answer["body"]
    assert "without a name" in answer["body"]


def test_of_many_posts_the_first_are_counted(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MAX_IDS", "MAX_COUNTED"):
        monkeypatch.setattr(held_data, name, 5)
    store.app.users.insert_one(user("ann", now=NOW))
    names = [f"post {n}" for n in range(40)]
    store.app.contents.insert_many([post(name, now=NOW, author="ann") for name in names])
    store.app.contentinfo.insert_many([{"contentId": an_id(name)} for name in names])
    store.analytics.erasures.insert_one({"_id": ANN, "erasedAt": NOW, "posts": [an_id(name) for name in names]})
    data = HeldData(store)

    ids = data.ids(ANN)
    counted = {each.collection: each for each in data.documents(ids)}

    assert 5 <= len(ids.posts) <= 10
    assert (counted["contentinfo"].number, counted["contentinfo"].is_least) == (5, True)
    assert (counted["contentStats"].number, counted["contentStats"].is_least) == (0, True)
    assert (counted["homePages"].number, counted["homePages"].is_least) == (0, False)


def test_every_query_uses_an_index_and_reads_little(town: Town) -> None:
    town.prepare()
    store = town.store
    store.app.contents.insert_many([post(f"of bob {n}", now=NOW, author="bob") for n in range(500)])
    store.app.users.insert_many([user(f"user {n}", now=NOW) for n in range(500)])
    store.analytics.erasures.insert_many([{"_id": an_id(f"erased {n}"), "erasedAt": NOW} for n in range(500)])
    store.analytics.erasures.insert_one({"_id": ANN, "erasedAt": NOW, "users": [an_id("ann")], "posts": [an_id("old")]})
    databases = (store.app, store.analytics)
    for database in databases:
        database.command("profile", 2)
    try:
        data, records, log = HeldData(store), ErasureRecords(store), AuditLog(store)
        ids = data.ids(ANN)
        assert data.has_account(ANN)
        data.users(ids.users, 20)
        data.documents(ids)
        records.find(ANN)
        _, place = records.newest(20)
        records.newest(20, after=place)
        log.append("ana", "operator", "look", {"account": ANN, "credential": "tablet of ann"}, now=NOW)
    finally:
        for database in databases:
            database.command("profile", 0)
    ran = [row for database in databases for row in database["system.profile"].find({"planSummary": {"$exists": 1}})]
    for database in databases:
        database.drop_collection("system.profile")

    assert len(ran) > 25
    assert {row["ns"] for row in ran if "COLLSCAN" in row["planSummary"]} == set()
    of_guests = schema.GUEST_FEED.name  # which has every post once for each country
    assert [row["ns"] for row in ran if row["docsExamined"] > 100 and not row["ns"].endswith(of_guests)] == []
    assert not any(row.get("hasSortStage") for row in ran if row["ns"].endswith(schema.ERASURES.name))


def test_what_is_not_counted_is_named(store: Store) -> None:
    counted = {each.collection for each in HeldData(store).documents(Erased(frozenset([ANN])))}
    named = set(held_data.partly_counted())

    assert counted | named == {
        collection.name
        for collection in schema.OURS
        if any(about.removal in held_data.REMOVALS for about in collection.about)
    }
    assert {"hashtagStats", "watermarks"} <= named - counted


def test_the_page_waits_as_long_as_the_function_may_run() -> None:
    assert timedelta(seconds=load_service()["functions"]["eraseAccount"]["timeout"]) == privacy.RUNS_FOR


def test_the_account_of_a_member_with_a_login_is_known(store: Store) -> None:
    store.app.accounts.insert_one(account("account of ann", now=NOW))

    assert [HeldData(store).has_account(key) for key in (ANN, an_id("nobody"))] == [True, False]
