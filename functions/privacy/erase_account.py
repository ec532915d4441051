"""Forgetting an account: its model, its statistics, how it reads, and its posts in feeds."""

from datetime import datetime

from bson import ObjectId

from shared.report import Report
from shared.store import Store


def run(store: Store, account: str, *, now: datetime) -> Report:
    """Delete what was derived of an account and of its users' posts, and derive nothing of it again.

    Safe to repeat, beside any other job, and whatever the application has deleted of it already. The tombstone comes
    first: a run that is killed behind it is completed by the next one, and by every job that writes.
    """
    removed = store.erasures.remove(store.erasures.note(ObjectId(account), now=now))
    return Report(removed=sum(removed.values()), details=removed)
