"""A time by which everything that is asked of the database has to be answered."""

from contextlib import AbstractContextManager

import pymongo


def within(seconds: float) -> AbstractContextManager[None]:
    """Inside the `with`, what takes longer in all fails as a time-out of the database, wherever it waits."""
    return pymongo.timeout(seconds)
