"""Forgetting an account: its model, its statistics, how it reads, and its posts in feeds."""

from datetime import datetime

from bson import ObjectId

from shared.report import Report
from shared.store import Store


def run(store: Store, account: str, *, now: datetime) -> Report:
    """Delete what was derived of an account and of its users' posts, and derive nothing of it again.

    Safe to repeat, also for an account that the application has deleted already. The application deletes its own
    documents; the catalogue of posts is made again within minutes, and without what is no longer published.
    """
    key = ObjectId(account)
    users = store.accounts.users_of(key)
    credentials = store.erasures.credentials_of(key, users)
    store.erasures.note(key, credentials, now=now)  # first, so that what is in a queue finds it
    removed = store.erasures.erase(key, users, store.erasures.posts_of(users), credentials)
    return Report(removed=sum(removed.values()), details=removed)
