"""Erasure of an account: its model, its statistics, its reading features, and its posts in feeds."""

from datetime import datetime

from bson import ObjectId
from msgspec import Struct

from shared.report import Report
from shared.requests import AccountId
from shared.store import Store


class EraseRequest(Struct, frozen=True, rename="camel"):
    """The account to forget."""

    account_id: AccountId


def run(store: Store, account: str, *, now: datetime) -> Report:
    """Delete everything that was derived from an account and from the posts of its users, and keep a tombstone, so that
    no job derives it again.

    Safe to repeat, beside any other job, and whatever the application has already deleted. The tombstone is written
    first: if the run is killed after that, the next one, and every job that writes, complete the erasure.
    """
    key = ObjectId(account)
    removed = store.erasures.remove(store.erasures.note(key, now=now))
    store.erasures.complete(key, noted_at=now)
    return Report(removed=sum(removed.values()), details=removed)
