"""Whether the relay runs, as its leases say, and else when it last noted its position in the changes."""

from dataclasses import dataclass
from datetime import datetime

from shared.store import Store, schema
from shared.store.decoding import as_moment

_LEASES_OF_THE_RELAY = {"$gte": "relay ", "$lt": "relay!"}  # names that begin with "relay ", as the index has them


@dataclass(frozen=True, slots=True)
class RelayState:
    """Whether a relay runs.

    last_seen  when one noted its position last; None where none ever did
    """

    runs: bool
    last_seen: datetime | None


def relay_state(store: Store, *, now: datetime) -> RelayState:
    """The state of whatever copies of the relay there are."""
    held = {"_id": _LEASES_OF_THE_RELAY, "until": {"$gt": now}}
    runs = store.analytics[schema.LEASES.name].find_one(held, {"_id": 1}) is not None
    positions = store.analytics[schema.RELAY_POSITIONS.name].find({}, {"at": 1}).limit(100)
    noted = [at for row in positions if (at := as_moment(row.get("at"))) and at <= now]
    return RelayState(runs, max(noted, default=None))
