"""All access to MongoDB.

Lives here: the table of collections, the client, one repository per collection, queries and bulk writes.
Does not live here: decisions about what the data means (jobs), formulas over arrays (ml).
"""

from shared.store.client import Store
from shared.store.connection import close_store, connect, open_store
from shared.store.failures import as_app_error

__all__ = ["Store", "as_app_error", "close_store", "connect", "open_store"]
