"""What this domain notes and asks of the tombstones of erased accounts: whether somebody was erased meanwhile, and for
whom the models of other accounts were searched. The documents are described in `shared.store.tombstones`.

For example: {_id: ObjectId of the account, erasedAt: …, searchedAt: …}
"""

from datetime import datetime

from pymongo import DESCENDING, UpdateMany

from shared.clock import EPOCH
from shared.store import Store, schema
from shared.store.expressions import NO_ARRAY
from shared.store.tombstones import ErasureState, notes_of

LatestErasure = tuple[int, datetime]


class ErasureNotes:
    def __init__(self, store: Store) -> None:
        self._notes = store.analytics[schema.ERASURES.name]

    def latest(self, *, now: datetime) -> LatestErasure:
        """What differs after each erasure, also a repeated one: the number of documents, and the moment of the newest
        erasure until now, since one of the future would hide those before it. Cheap however many there are; it also
        differs when tombstones expire."""
        until = {"erasedAt": {"$lte": now} | NO_ARRAY}
        newest = self._notes.find_one(until, {"erasedAt": 1}, sort=[("erasedAt", DESCENDING)])
        return self._notes.estimated_document_count(), newest["erasedAt"] if newest else EPOCH

    def searched(self, state: ErasureState, *, now: datetime) -> None:
        """Record that the models of other accounts were searched for the ids of these erasures."""
        is_unsearched = {"searchedAt": {"$exists": False}}
        writes = [
            UpdateMany(notes_of(account) | {"erasedAt": at} | is_unsearched, {"$set": {"searchedAt": now}})
            for account, at in state
        ]
        if writes:
            self._notes.bulk_write(writes, ordered=False)
