"""Completes erasures that were cut short, in the collections that no other schedule writes.

Every other collection is completed by the job that writes it, after its last write.
"""

from shared.report import Report
from shared.store import Store, schema

NAME = "complete_erasures"
COLLECTIONS = (schema.AUDIT_LOG, schema.HOME_PAGES)  # written on demand


def run(store: Store) -> Report:
    """Remove what holds an erased id, as a whole erasure does; safe to repeat, beside any other job."""
    with store.leases.hold(NAME):
        return Report(removed=store.erasures.sweep(*COLLECTIONS))
