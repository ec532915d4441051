"""The only road to MongoDB.

Lives here: the table of collections, the client, one repository per collection, queries and bulk writes.
Does not live here: decisions about what the data means (jobs), formulas over arrays (ml).
"""

import warnings

from shared.store.client import Store
from shared.store.connection import close_store, connect, open_store
from shared.store.failures import as_app_error

# `python -m shared.store.schema` runs a module that this package has imported before. That is harmless: the command
# keeps no state in it.
warnings.filterwarnings("ignore", "'shared.store.schema' found in sys.modules", RuntimeWarning)

__all__ = ["Store", "as_app_error", "close_store", "connect", "open_store"]
