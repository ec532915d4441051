"""An erasure that was cut short is completed in the collections that are written on demand alone."""

from datetime import timedelta

import pytest

from console.store.audit_log import AuditLog
from functions.privacy import complete_erasures
from shared.documents import Document
from shared.errors import Conflict
from shared.store import Store
from tests.factories import an_id
from tests.networks import NOON

ANN, BOB = an_id("account of ann"), an_id("account of bob")


def entries(store: Store) -> list[Document]:
    return list(store.analytics.auditLog.find().sort("_id", 1))


def test_what_a_cut_erasure_has_left_is_removed(store: Store) -> None:
    audit = AuditLog(store)
    for account in (ANN, BOB):
        audit.append("ana@example.org", "operator", "erase account", {"account": account, "reason": "asked"}, now=NOON)
        store.analytics.homePages.insert_one({"_id": f"page of {account}", "account": account, "at": NOON})
    store.erasures.note(ANN, now=NOON + timedelta(hours=1))  # and no further

    report = complete_erasures.run(store)

    assert report.removed == 2
    assert [row["personal"].keys() for row in entries(store)] == [{"reason"}, {"account", "reason"}]
    assert [row["salts"].keys() for row in entries(store)] == [{"reason"}, {"account", "reason"}]
    assert audit.first_broken() is None
    assert [row["account"] for row in store.analytics.homePages.find()] == [BOB]
    assert complete_erasures.run(store).removed == 0


def test_nothing_is_removed_where_nobody_was_erased(store: Store) -> None:
    AuditLog(store).append("ana@example.org", "operator", "erase account", {"account": ANN}, now=NOON)

    assert complete_erasures.run(store).removed == 0
    assert entries(store)[0]["personal"] == {"account": ANN}


def test_only_one_run_at_a_time(store: Store) -> None:
    with store.leases.hold(complete_erasures.NAME), pytest.raises(Conflict):
        complete_erasures.run(store)
