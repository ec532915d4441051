"""One connection per process."""

import atexit
from typing import Any

from pymongo import MongoClient
from pymongo.errors import ConfigurationError, InvalidName
from pymongo.synchronous import monitor

from shared.config import Settings, settings
from shared.errors import BadConfig
from shared.store.client import Store
from shared.store.options import ExposureFields
from shared.store.schema import require_names

ANSWER_WITHIN_MS = 5_000  # to select a server and to connect to it
MAX_ANSWER_MS = 300_000  # of one operation: the wait for a server that stops answering in the middle of it

# Without this a process waits half a second at its exit for threads of the driver that end with it in any case. In a
# driver without that function there is nothing to unregister: `print` was never registered.
atexit.unregister(getattr(monitor, "_shutdown_resources", print))

_open: tuple[Settings, Store] | None = None


def open_store() -> Store:
    """The store of this process; it connects at the first operation, and again after the settings have changed.

    BadConfig for a URI that cannot be read.
    """
    global _open
    configured = settings()
    if _open is None or _open[0] is not configured:
        close_store()
        _open = configured, connect(configured)
    return _open[1]


def close_store() -> None:
    """Close the connection of this process, if there is one; the next `open_store` opens another."""
    global _open
    if _open is not None:
        _open[1].client.close()
        _open = None


def connect(configured: Settings) -> Store:
    """A store with its own client: majority writes, reads and writes retried by default, aware UTC, a small pool.

    BadConfig for a URI or a name that cannot be used.
    """
    require_names(configured.options.of(ExposureFields))
    try:
        client = MongoClient[dict[str, Any]](
            configured.mongo_uri,
            appname="feedkeeper",
            w="majority",
            tz_aware=True,
            datetime_conversion="DATETIME_AUTO",  # a date beyond Python's calendar does not fail the read
            unicode_decode_error_handler="replace",  # nor does text that is not UTF-8
            maxPoolSize=5,
            maxIdleTimeMS=60_000,
            serverSelectionTimeoutMS=ANSWER_WITHIN_MS,
            connectTimeoutMS=ANSWER_WITHIN_MS,
            socketTimeoutMS=MAX_ANSWER_MS,
        )
        return Store(client, configured.app_db, configured.analytics_db, configured.options.of(ExposureFields))
    except (ConfigurationError, ValueError) as error:
        raise BadConfig(f"MONGO_URI cannot be used: {type(error).__name__}") from None
    except OSError as error:  # of a certificate that it names
        raise BadConfig(f"MONGO_URI cannot be used: a file of its TLS options: {error.strerror or error}") from None
    except InvalidName as error:
        raise BadConfig(f"DB_PREFIX, APP_DB or ANALYTICS_DB makes no name of a database: {error}") from None
