"""Members of the console: added, moved to another role, removed; each act once in the audit log."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier
from typing import TYPE_CHECKING, Any

import pytest

from console.store.audit_log import AuditLog
from console.store.members import Member, Members
from console.store.sessions import csrf_token
from shared.errors import Forbidden
from shared.store import Store
from tests.console.requests import ask, logged_in
from tests.console.test_serve_console import running
from tests.faults.junk import JUNK, broken

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from console.rights import Role

__all__ = ["running"]

NOW = datetime.now(UTC)


def post(store: Store, path: str, **form: str) -> int:
    token = logged_in(store, "admin")
    return int(ask("POST", f"/console/members/{path}", token, {"csrf": csrf_token(token), **form})["statusCode"])


def test_a_member_is_added_moved_and_removed(store: Store) -> None:
    assert post(store, "add", subject="kit@example.org", role="lead") == 303
    assert post(store, "role", subject="kit@example.org", role="viewer", seen="lead") == 303
    assert Members(store).find("kit@example.org") == Member("kit@example.org", "viewer", "en")
    assert post(store, "remove", subject="kit@example.org") == 303
    assert Members(store).find("kit@example.org") is None

    acts = [(entry.act, entry.outcome, dict(entry.personal)) for entry in AuditLog(store).newest(None, 10)][::-1]
    assert acts == [
        ("add member", "done", {"object": "kit@example.org", "after": "lead"}),
        ("change role", "done", {"object": "kit@example.org", "before": "lead", "after": "viewer"}),
        ("remove member", "done", {"object": "kit@example.org", "before": "viewer"}),
    ]


def test_of_two_admins_who_change_a_role_at_once_one_is_told(store: Store) -> None:
    assert post(store, "role", subject="a viewer", role="lead", seen="viewer") == 303
    assert post(store, "role", subject="a viewer", role="operator", seen="viewer") == 409
    assert Members(store).find("a viewer") == Member("a viewer", "lead", "en")


def test_whose_role_changes_is_logged_out(store: Store) -> None:
    token = logged_in(store, "operator")

    post(store, "role", subject="a operator", role="viewer", seen="operator")

    assert ask("GET", "/console", token)["statusCode"] == 303
    assert store.analytics["consoleSessions"].count_documents({"member": "a operator"}) == 0


def test_of_two_admins_who_remove_each_other_at_once_one_stays(store: Store) -> None:
    members, admins = Members(store), ("ana", "kit")
    refused = 0
    for turn in range(20):
        for admin in admins:
            members.enrol(Member(admin, "admin", "en"), by="a admin", now=NOW)
        start = Barrier(2)

        def act(by: str, subject: str, start: Barrier = start, removes: bool = turn % 2 == 0) -> int:
            start.wait()
            try:
                if removes:
                    members.remove(subject, by=by)
                else:
                    members.change_role(subject, "viewer", instead_of="admin", by=by)
            except Forbidden:
                return 1
            return 0

        with ThreadPoolExecutor(2) as both:
            refused += sum(both.map(act, admins, admins[::-1]))
        left = [admin for admin in admins if (found := members.find(admin)) and found.role == "admin"]
        assert len(left) == 1
        for admin in admins:
            if members.find(admin):
                members.remove(admin, by="a admin")

    assert refused == 20


def test_the_page_says_what_was_done(store: Store) -> None:
    token = logged_in(store, "admin")
    form = {"csrf": csrf_token(token), "subject": "a viewer"}

    answer = ask("POST", "/console/members/remove", token, form)

    page = ask("GET", answer["headers"]["Location"], token)["body"]
    assert "The member was removed" in page
    assert "a viewer" not in page


@pytest.mark.parametrize("path", ["role", "remove"])
def test_nobody_changes_the_own_role(store: Store, path: str) -> None:
    assert post(store, path, subject="a admin", role="viewer", seen="admin") == 403


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"subject": "", "role": "lead"}, 422),
        ({"subject": " x", "role": "lead"}, 422),
        ({"subject": "x" * 129, "role": "lead"}, 422),
        ({"subject": "x", "role": "king"}, 422),
        ({"subject": "x", "role": "required field `zzz`"}, 422),
        ({"subject": "x", "role": "Object missing required field `zzz` - at `$.role`"}, 422),
        ({"subject": "x"}, 422),
        ({"subject": "a viewer", "role": "lead"}, 409),
    ],
)
def test_what_is_not_possible_is_said(store: Store, form: dict[str, str], status: int) -> None:
    assert post(store, "add", **form) == status


def test_a_name_that_is_a_script_is_text(store: Store) -> None:
    name = "<script>alert(1)</script>"
    assert post(store, "add", subject=name, role="viewer") == 303

    page = ask("GET", "/console/members", logged_in(store, "admin"))["body"]

    assert name not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_a_malformed_member_is_left_out_and_stops_nobody(store: Store) -> None:
    store.analytics["consoleMembers"].insert_many([{"_id": "x", "role": 7}, {"_id": 3, "role": "lead"}, {"_id": "y"}])

    page = ask("GET", "/console/members", logged_in(store, "admin"))

    assert page["statusCode"] == 200
    assert "a moderator" in page["body"]


@pytest.mark.parametrize(("again", "status"), [("viewer", 409), ("lead", 303)])
def test_a_role_that_is_given_twice_is_a_conflict_unless_the_present_one_was_seen(
    store: Store, again: str, status: int
) -> None:
    assert post(store, "role", subject="a viewer", role="lead", seen="viewer") == 303
    assert post(store, "role", subject="a viewer", role="lead", seen=again) == status

    last = AuditLog(store).newest(None, 1)[0]
    assert (last.outcome == "done") == (status == 303)


@pytest.mark.parametrize("name", JUNK)
def test_junk_in_any_other_field_of_an_admin_stops_no_change_of_a_member(store: Store, name: str) -> None:
    members = store.analytics["consoleMembers"]
    for field in ("language", "addedAt", "addedBy", "managed"):
        admin = members.find_one({"_id": "a admin"}) or {}
        members.delete_one({"_id": "a admin"})
        members.insert_one(broken(admin, field, name))

        assert post(store, "add", subject="kit", role="lead") == 303, field
        assert post(store, "role", subject="kit", role="viewer", seen="lead") == 303, field
        assert post(store, "remove", subject="kit") == 303, field
        members.replace_one({"_id": "a admin"}, admin)


FORMS = {
    "add": {"subject": "mallory", "role": "admin"},
    "role": {"subject": "a viewer", "role": "admin", "seen": "viewer"},
    "remove": {"subject": "a viewer"},
}


@pytest.mark.parametrize("path", FORMS)
def test_an_admin_who_was_removed_meanwhile_changes_nobody(
    store: Store, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = AuditLog.append

    def removed_meanwhile(log: AuditLog, *entry: Any, **at: Any) -> int:
        store.analytics["consoleMembers"].delete_one({"_id": "a admin"})
        return append(log, *entry, **at)

    monkeypatch.setattr(AuditLog, "append", removed_meanwhile)
    before = list(store.analytics["consoleMembers"].find({"_id": {"$ne": "a admin"}}).sort("_id", 1))

    assert post(store, path, **FORMS[path]) == 403

    assert list(store.analytics["consoleMembers"].find().sort("_id", 1)) == before


def test_members_are_sorted_by_the_role_that_is_chosen(
    page: Page, console: str, store: Store, log_in: Callable[[Page, Role], None]
) -> None:
    roles: dict[str, Role] = {"a1": "viewer", "a2": "admin", "a3": "operator", "a4": "lead"}
    for subject, role in roles.items():
        Members(store).add(Member(subject, role, "en"), by="a admin", now=NOW)
    log_in(page, "admin")
    page.goto(f"{console}/console/members")

    def sorted_roles() -> list[str]:
        page.get_by_role("button", name="Role", exact=True).click()
        names: list[str] = page.evaluate(
            "[...document.querySelectorAll('tbody tr')].map(row => row.cells[1]).map("
            "cell => (cell.querySelector('select')?.selectedOptions[0] ?? cell).textContent.trim())"
        )
        return names

    shown = sorted_roles()
    assert shown == sorted(shown)
    assert len(shown) > len(roles)
    assert sorted_roles() == shown[::-1]
    page.get_by_label("Role of a1").select_option("admin")
    shown = sorted_roles()
    assert shown == sorted(shown)
