"""Access to MongoDB.

Lives here: the table of all collections, the client, the repositories that several domains need, and what all
repositories are made of: expressions, decoding, columns, upserts.
Does not live here: a repository that one domain alone uses (`functions/<domain>/store`), decisions about what the data
means (jobs), formulas over arrays (ml).
"""

from shared.store.client import Store
from shared.store.connection import close_store, connect, open_store
from shared.store.failures import as_app_error

__all__ = ["Store", "as_app_error", "close_store", "connect", "open_store"]
