"""Reading the change stream of one collection, and opening it again where the server has ended it."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from bson import Timestamp
from pymongo.database import Database
from pymongo.errors import OperationFailure

from relay.events import Event, event_of
from relay.watched import Watched
from shared.change import is_of_document
from shared.documents import Document
from shared.runtime.options import Relay

# Codes of errors after which a stream cannot go on at its token: ChangeStreamHistoryLost, InvalidResumeToken,
# ChangeStreamFatalError; FailedToParse, Overflow and three without a name for a token that is damaged or another
# system's.
LOST_HISTORY_CODES = frozenset({286, 260, 280, 9, 15, 40576, 40647, 40649})
# BSONObjectTooLarge: the event would exceed 16 MB. Without its document it fits, unless its key is too large by itself:
# then the stream has to be opened at a later moment, and the history in between counts as lost.
TOO_LARGE = 10334

POLL_MS = 250  # time for which the server waits for a change before it answers that there is none


class HistoryLost(Exception):
    """The server has no history of changes after the token."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class StreamItem:
    """What one read of the stream brought.

    token    at which the stream goes on behind this item
    event    a change to send; None where no change came for a while, or it concerns no single document
    at       cluster time of the change; None without a change
    ended    whether the collection was dropped or renamed, which ends the stream
    read_at  when it was read, by the monotonic clock of this process [s]
    """

    token: Document
    event: Event | None = None
    at: Timestamp | None = None
    ended: bool = False
    read_at: float = field(default_factory=time.monotonic)

    @property
    def size(self) -> int:
        """Of the event [bytes]."""
        return self.event.size if self.event else 0


@dataclass(frozen=True, slots=True)
class ChangeStream:
    """The changes of one collection.

    stop  ends the reading once it is set
    """

    database: Database[Document]
    watched: Watched
    options: Relay
    stop: threading.Event

    def items(self, start: Document) -> Iterator[StreamItem]:
        """Read from `start` on, in order, until the collection is dropped or renamed, or told to stop.

        start  the argument of `watch` that says where to begin, see `start_of`

        Raises HistoryLost where the server cannot go on at that place.
        """
        key_only = False
        while not self.stop.is_set():
            try:
                for item in self._open(start, key_only=key_only):
                    yield item
                    start = {"start_after": item.token}
                    if item.ended:
                        return
                    if key_only and item.event:
                        break  # the event that was too large is behind us: read the next ones with their documents
                key_only = False
            except OperationFailure as error:
                if error.code in LOST_HISTORY_CODES or (error.code == TOO_LARGE and key_only):
                    raise HistoryLost(error.code) from None
                if error.code != TOO_LARGE:
                    raise
                key_only = True

    def _open(self, start: Document, *, key_only: bool) -> Iterator[StreamItem]:
        """Read one change stream; with `key_only` its events have no documents, so that none is too large."""
        with self.database[self.watched.collection].watch(
            self.watched.pipeline(with_document=not key_only),
            full_document=None if key_only else "updateLookup",
            batch_size=self.options.batch,
            max_await_time_ms=POLL_MS,
            **start,
        ) as stream:
            while not self.stop.is_set():
                change = stream.try_next()
                if change is None:
                    if stream.resume_token:
                        yield StreamItem(dict(stream.resume_token))
                elif not is_of_document(change):
                    yield StreamItem(change["_id"], ended=change["operationType"] == "invalidate")
                else:
                    event = event_of(change, self.options.max_bytes)
                    yield StreamItem(change["_id"], event, change["clusterTime"])


def start_of(state: Document) -> Document:
    """Where to open the stream, as an argument of `watch`: behind the token of a position, or at its `startAt`."""
    token = state["token"]
    return {"start_after": token} if token else {"start_at_operation_time": state["startAt"]}
