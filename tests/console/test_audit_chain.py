"""The chain of the audit log holds for entries of any moment, which MongoDB keeps in whole milliseconds."""

from datetime import UTC, datetime

import pytest

from console.store.audit_log import AuditLog
from shared.store import Store


@pytest.mark.parametrize("microsecond", [0, 1, 499, 500, 999, 999_499, 999_500, 999_999])
def test_an_entry_of_any_microsecond_holds(store: Store, microsecond: int) -> None:
    log = AuditLog(store)

    log.append("ana", "operator", "act", {"reason": "so"}, now=datetime(2026, 1, 31, 12, 0, 0, microsecond, UTC))

    assert log.first_broken() is None
