"""List the indexes that the configured databases lack, or create them.

python -m shared.store plan     lists the missing indexes
python -m shared.store apply    creates them; safe to repeat
"""

import sys
from collections.abc import Callable

from shared import command_line
from shared.config import settings
from shared.store import schema
from shared.store.connection import open_store
from shared.store.options import ExposureFields
from shared.store.topology import require_replica_set


def main(arguments: list[str], write: Callable[[str], object] = print) -> int:
    """Run `plan` or `apply` on the configured databases; returns the exit code, 2 for other arguments."""
    if arguments not in (["plan"], ["apply"]):
        write("usage: python -m shared.store plan|apply")
        return 2
    store, names = open_store(), settings().options.of(ExposureFields)
    require_replica_set(store.client)
    for collection, index in schema.missing(store.app, store.analytics, names):
        write(f"{collection.database}.{collection.name}: index {index.name}{' (unique)' if index.unique else ''}")
    made = schema.apply(store.app, store.analytics, names) if arguments == ["apply"] else 0
    write(f"{made} indexes made" if arguments == ["apply"] else "nothing was changed")
    return 0


if __name__ == "__main__":
    command_line.run(lambda: main(sys.argv[1:]))
