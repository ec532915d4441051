"""The chain of the audit log: what breaks it, what does not, and who appends at once."""

import csv
import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import Int64
from pymongo.errors import AutoReconnect

from console.store.audit_log import AuditLog
from console.store.sessions import Session
from shared.errors import Conflict, NotFound
from shared.store import Store
from tests.console.requests import ask, logged_in
from tests.console.test_serve_console import running
from tests.factories import an_id

__all__ = ["running"]

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
ANA = Session("key", "ana", "operator", "en", "csrf")


@pytest.fixture
def audit(store: Store) -> AuditLog:
    return AuditLog(store)


def entries(store: Store) -> Any:
    return store.analytics["auditLog"]


def test_an_act_is_one_entry(audit: AuditLog) -> None:
    with audit.act(
        ANA, "promote model", {"object": "country/th", "reason": "worse", "before": "b", "after": "a"}, now=NOW
    ):
        [begun] = audit.newest(None, 10)
    [done] = audit.newest(None, 10)

    assert (begun.outcome, done.outcome) == ("begun", "done")
    assert (done.number, done.by, done.role, done.act, done.at) == (1, "ana", "operator", "promote model", NOW)
    assert done.personal == {"object": "country/th", "reason": "worse", "before": "b", "after": "a"}


def test_an_act_that_failed_says_why(audit: AuditLog) -> None:
    with pytest.raises(Conflict), audit.act(ANA, "promote model", {}, now=NOW):
        raise Conflict("another version is live")

    assert audit.newest(None, 10)[0].outcome == "Conflict: another version is live"
    assert audit.first_broken() is None


def test_entries_that_are_appended_at_once_are_one_chain(audit: AuditLog) -> None:
    def append(number: int) -> int:
        return audit.append(f"member {number}", "lead", "act", {"reason": str(number)}, now=NOW)

    with ThreadPoolExecutor(4) as threads:
        numbers = list(threads.map(append, range(40)))

    assert sorted(numbers) == list(range(1, 41))
    assert audit.first_broken() is None


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows.update_one({"_id": 2}, {"$set": {"by": "bob"}}),
        lambda rows: rows.update_one({"_id": 2}, {"$set": {"at": datetime(2026, 1, 30, tzinfo=UTC)}}),
        lambda rows: rows.update_one({"_id": 2}, {"$set": {"personal.reason": "other"}}),
        lambda rows: rows.update_one({"_id": 2}, {"$set": {"personal.more": "other"}}),
        lambda rows: rows.update_one({"_id": 2}, {"$set": {"digests.reason": "0" * 64}}),
        lambda rows: rows.update_one({"_id": 2}, {"$set": {"personal": "none", "digests": 7}}),
        lambda rows: rows.delete_one({"_id": 2}),
        lambda rows: rows.update_one({"_id": 2}, {"$unset": {"hash": ""}}),
    ],
)
def test_a_changed_entry_is_found(audit: AuditLog, store: Store, change: Callable[[Any], Any]) -> None:
    for number in range(3):
        audit.append("ana", "operator", "act", {"reason": f"reason {number}"}, now=NOW)
    assert audit.first_broken() is None

    change(entries(store))

    assert audit.first_broken() == 2


def test_the_chain_is_checked_in_parts(audit: AuditLog, store: Store) -> None:
    for number in range(7):
        audit.append("ana", "operator", "act", {"reason": f"reason {number}"}, now=NOW)
    entries(store).update_one({"_id": 3}, {"$set": {"by": "bob"}})

    assert audit.first_broken(limit=4) is None
    assert audit.first_broken(limit=5) == 3
    assert audit.first_broken(before=4) == 3
    assert audit.first_broken(before=3) is None


def test_what_is_no_entry_stops_nobody(audit: AuditLog, store: Store) -> None:
    audit.append("ana", "operator", "act", {}, now=NOW)
    entries(store).insert_many([{"_id": "x"}, {"_id": 1.5}, {"_id": float("inf")}, {"_id": {"a": 1}}])

    assert audit.append("ana", "operator", "act", {}, now=NOW) == 2
    assert [entry.number for entry in audit.newest(None, 10)] == [2, 1]
    assert audit.first_broken() is None


def test_an_erasure_leaves_nothing_of_the_person_and_the_chain_whole(audit: AuditLog, store: Store) -> None:
    person, other = an_id("person"), an_id("other")
    for account in (person, other):
        audit.append("ana", "operator", "erase account", {"account": account, "reason": "asked"}, now=NOW)

    store.erasures.note(person, now=NOW)
    store.erasures.remove(store.tombstones.read(person, posts=True))

    first, second = (row.personal for row in audit.newest(None, 10)[::-1])
    assert (first, second["account"]) == ({"reason": "asked"}, other)
    assert store.analytics.auditLog.distinct("salts.account", {"_id": 1}) == [], "a digest could be tried out"
    assert audit.first_broken() is None


def test_pages_follow_one_another(audit: AuditLog) -> None:
    for number in range(5):
        audit.append("ana" if number % 2 else "bob", "lead", "act", {}, now=NOW)

    assert [entry.number for entry in audit.newest(None, 2)] == [5, 4]
    assert [entry.number for entry in audit.newest(4, 10)] == [3, 2, 1]
    assert [entry.number for entry in audit.newest(None, 10, by="ana")] == [4, 2]


def test_no_id_of_a_person_stands_in_a_text(audit: AuditLog, store: Store) -> None:
    """An erasure looks for account, post and credential, not in what an act ended with, nor in reasons."""
    credential, account = "3f2c9a1e-device-of-mali", str(an_id("person"))

    with pytest.raises(Conflict), audit.act(ANA, "judge a suspect", {"credential": credential}, now=NOW):
        raise Conflict(f"credential {credential}: another verdict was given first")
    with pytest.raises(NotFound), audit.act(ANA, "look at an account", {"account": an_id("person")}, now=NOW):
        raise NotFound(f"accountId: there is no account {account}")
    audit.append("ana", "lead", "freeze model", {"reason": f"account {account} complained"}, now=NOW)

    rows = audit.newest(None, 10)[::-1]
    assert [row.outcome for row in rows[:2]] == [
        "Conflict: credential …: another verdict was given first",
        "NotFound: accountId: there is no account …",
    ]
    assert rows[2].personal == {"reason": "account … complained"}
    assert rows[0].personal == {"credential": credential}
    assert audit.first_broken() is None


@pytest.mark.parametrize(
    "damage",
    [
        {"personal": "text"},
        {"salts": "abc"},
        {"digests": 7},
        {"hash": "é"},
        {"hash": None},
        {"role": "root"},
        {"at": "yesterday"},
        {"previous": []},
    ],
    ids=str,
)
def test_a_damaged_entry_is_broken_and_acts_go_on(audit: AuditLog, store: Store, damage: dict[str, Any]) -> None:
    for _ in range(3):
        audit.append("ana", "lead", "act", {"object": "x"}, now=NOW)
    entries(store).update_one({"_id": 3}, {"$set": damage})

    assert audit.append("ana", "lead", "act", {"object": "y"}, now=NOW) == 4
    assert audit.first_broken() == 3
    assert len(audit.newest(None, 10)) >= 3


@pytest.mark.parametrize("number", [4, 2**63 - 1])
def test_what_was_written_past_the_log_does_not_stop_it(audit: AuditLog, store: Store, number: int) -> None:
    for _ in range(3):
        audit.append("ana", "lead", "act", {}, now=NOW)
    entries(store).insert_one({"_id": Int64(number), "x": 1})

    assert audit.append("ana", "lead", "act", {}, now=NOW) == (5 if number == 4 else 4)
    assert audit.first_broken() is not None


def test_an_act_that_is_done_is_done_though_its_outcome_cannot_be_written(
    audit: AuditLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise AutoReconnect("away")

    done = []
    with audit.act(ANA, "freeze model", {}, now=NOW):
        done.append(1)
        monkeypatch.setattr("console.store.audit_log.with_fresh_deadline", fails)

    assert done == [1]
    assert audit.newest(None, 1)[0].outcome == "begun"


def test_an_outcome_that_was_changed_is_found(audit: AuditLog, store: Store) -> None:
    with audit.act(ANA, "freeze model", {}, now=NOW):
        pass
    assert audit.first_broken() is None

    entries(store).update_one({"_id": 1}, {"$set": {"outcome": "done, as asked"}})

    assert audit.first_broken() == 1


def test_the_csv_has_every_entry_with_its_hash_and_no_formula(audit: AuditLog, store: Store, deployed: None) -> None:
    audit.append("=cmd()", "lead", "freeze model", {"object": "country/th", "reason": '+1, "quoted"\n@2'}, now=NOW)
    with audit.act(ANA, "promote model", {"object": "country/th", "before": "b", "after": "a"}, now=NOW):
        pass

    answer = ask("GET", "/console/audit/export.csv", logged_in(store, "admin"))

    rows = list(csv.DictReader(io.StringIO(answer["body"])))
    assert answer["headers"]["Content-Type"] == "text/csv; charset=utf-8"
    assert [row["number"] for row in rows] == ["2", "1"]
    assert (rows[1]["by"], rows[1]["reason"]) == ("'=cmd()", '\'+1, "quoted"\n@2')
    assert [rows[0][name] for name in ("act", "outcome", "before", "after")] == ["promote model", "done", "b", "a"]
    assert [row["hash"] for row in rows] == [row["hash"] for row in entries(store).find().sort("_id", -1)]
    assert ask("GET", "/console/audit/export.csv", logged_in(store, "viewer"))["statusCode"] == 403
