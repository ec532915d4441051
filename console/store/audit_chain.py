"""The hashes that make the entries of the audit log a chain; for the documents see `audit_log.py`."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from shared.clock import epoch_ms
from shared.store.decoding import as_document, as_moment

FIRST = "0" * 64  # what stands for the hash before the first entry
BEGUN = "begun"  # the outcome of an act before it has ended


def digest(value: object, salt: str) -> str:
    """What stands for a personal value in the chain: nobody can try values out without the salt."""
    return hashlib.sha256(f"{salt}|{value}".encode()).hexdigest()


def entry_hash(entry: Mapping[str, Any]) -> str:
    """The hash of what cannot be erased of an entry."""
    covered = [entry.get(name) for name in ("_id", "by", "role", "act", "digests", "previous")]
    at = as_moment(entry.get("at"))
    text = json.dumps([*covered, at and epoch_ms(at)], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def outcome_hash(of_entry: object, outcome: str) -> str:
    """The hash of an outcome, which is written later than its entry; of_entry is the hash of that."""
    return hashlib.sha256(f"{of_entry}|{outcome}".encode()).hexdigest()


def holds(row: Mapping[str, Any]) -> bool:
    """Whether an entry is as it was written, apart from what has been erased of it."""
    if not hmac.compare_digest(str(row.get("hash")).encode(), entry_hash(row).encode()):
        return False
    outcome = row.get("outcome")
    if outcome != BEGUN and row.get("outcomeHash") != outcome_hash(row.get("hash"), str(outcome)):
        return False
    personal, salts, digests = (as_document(row.get(name) or {}) for name in ("personal", "salts", "digests"))
    if personal is None or salts is None or digests is None:
        return False
    return personal.keys() <= salts.keys() & digests.keys() and all(
        digest(value, salts[name]) == digests[name] for name, value in personal.items()
    )
