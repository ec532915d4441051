"""Following one collection: read ahead, send in order, remember where it stands."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from bson import Timestamp
from pymongo.errors import OperationFailure, PyMongoError

from relay.events import Event, event_of
from relay.meter import Meter, logger
from relay.positions import Position
from relay.prefetch import Prefetch
from relay.reconcile import clamped, gap, reconcile
from relay.sinks import Sink
from relay.watched import Watched
from shared.change import is_of_document
from shared.clock import EPOCH
from shared.config import Relay
from shared.documents import Document
from shared.errors import Conflict
from shared.runtime.changes import MAX_KEPT
from shared.store import Store, as_app_error
from shared.store.cluster_time import cluster_time
from shared.store.leases import Lease, Leases

# ChangeStreamHistoryLost, InvalidResumeToken, ChangeStreamFatalError; and those of a token that cannot be read, since
# it is damaged or another system's: FailedToParse, Overflow, and three without a name.
LOST = frozenset({286, 260, 280, 9, 15, 40576, 40647, 40649})
# BSONObjectTooLarge: the event would be above 16 MB. Where it is so without its document, since the key itself is of
# megabytes, there is no way past it but to begin anew behind it.
TOO_LARGE = 10334

POLL_MS = 250  # how long the server waits for a change before it answers that there is none
LOOK_UP_S = 0.5  # how often a sender without work looks at its lease
FRESH_S = 1.0  # how long what was read tells of now
FIRST_PAUSE_S = 0.1
AHEAD_BYTES = 32 * 2**20  # of changes that are read ahead, beside their number


class Stopped(Exception):
    """The relay shall end while something cannot be sent."""


class HistoryLost(Exception):
    """The server does not know any more what came after the token."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class StreamItem:
    """What the reader found, in order.

    token    where the stream goes on behind it
    event    a change to send; None where none came for a while
    at       cluster time of the change
    ended    the collection was dropped or renamed, and its stream with it
    read_at  when that was, by the clock of this process [s]
    """

    token: Document
    event: Event | None = None
    at: Timestamp | None = None
    ended: bool = False
    read_at: float = field(default_factory=time.monotonic)

    @property
    def size(self) -> int:
        """Of its event [bytes]."""
        return self.event.size if self.event else 0


class Follower:
    """One collection. Of all copies of the relay, the one that holds its lease follows it.

    A change is sent before its place is noted: a copy that dies leaves changes to be sent again, and none unsent.
    """

    def __init__(self, store: Store, watched: Watched, sink: Sink, options: Relay, stop: threading.Event) -> None:
        self.meter = Meter(watched.collection)
        self._store, self._watched, self._sink, self._options, self._stop = store, watched, sink, options, stop
        self._leases = Leases(store.analytics, timedelta(seconds=options.lease_s))
        self._holder = uuid4().hex
        self._renewed_at = self._noted_at = 0.0

    def run(self) -> None:
        """Follow until told to stop, through whatever the database or the receiver does; BadConfig ends it."""
        pause = FIRST_PAUSE_S
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                with self._leases.hold(f"relay {self._watched.collection}", self._holder) as lease:
                    self._follow(lease)
            except Conflict:
                self.meter.up_to = None
                self._stop.wait(self._options.lease_s / 3)
            except Stopped:
                return
            except PyMongoError as error:
                logger.warning("interrupted", collection=self._watched.collection, reason=str(as_app_error(error)))
                pause = self._rest(pause, began)

    def _rest(self, pause: float, began: float) -> float:
        """Wait before the next attempt, twice as long as before the last one where that was not long ago."""
        longest = self._options.longest_pause_s
        pause = FIRST_PAUSE_S if time.monotonic() - began > longest else min(pause * 2, longest)
        self._stop.wait(pause)
        return pause

    def _follow(self, lease: Lease) -> None:
        """Go on where the last holder of the lease stood."""
        self._renewed_at, pause = time.monotonic(), FIRST_PAUSE_S
        position = Position(self._store.analytics, self._watched.collection, self._holder)
        mark = position.claim()
        if mark["malformed"]:
            logger.error("position malformed", collection=self._watched.collection, fields=mark["malformed"])
        if set(mark["malformed"]) - {"at"}:
            self._note_gap(position, mark["at"], f"the position is malformed: {', '.join(mark['malformed'])}")
            mark = position.load()
        elif not (mark["token"] or mark["startAt"]):
            mark |= self._from_now()  # noted, else a first copy that dies at once would leave a gap
            position.save({"startAt": mark["startAt"], "at": mark["at"]})
        while not self._stop.is_set():
            began, self.meter.up_to = time.monotonic(), mark["at"]
            if mark["reconciling"]:
                self._catch_up(lease, position, mark["reconciling"])
            try:
                self._stream(lease, position, mark)
            except HistoryLost as lost:
                logger.error("history lost", collection=self._watched.collection, code=lost.code)
                self._note_gap(position, position.load()["at"], f"the history is lost, code {lost.code}")
                pause = self._rest(pause, began)
            mark = position.load()

    def _note_gap(self, position: Position, at: datetime, reason: str) -> None:
        """Everything before `at` was sent; what came since has to be read from the documents."""
        start = self._server_time()
        missed = gap(clamped(at, self._options.overlap), start, reason)
        position.save({"reconciling": missed, "token": None, "startAt": start, "at": at})

    def _from_now(self) -> Document:
        start = self._server_time()
        return {"startAt": start, "at": start.as_datetime()}

    def _server_time(self) -> Timestamp:
        with self._store.client.start_session() as session:
            return cluster_time(session)

    def _catch_up(self, lease: Lease, position: Position, missed: Document) -> None:
        def deliver(events: Sequence[Event]) -> None:
            if self._stop.is_set():
                raise Stopped
            self._deliver(events, lease)

        reconcile(self._store.app, self._watched, self._options, position, missed, deliver)

    def _stream(self, lease: Lease, position: Position, mark: Document) -> None:
        """Send what the stream brings, until it ends with its collection or until told to stop."""
        reads = self._reads(_start_of(mark))
        with closing(Prefetch(reads, self._options.queue, AHEAD_BYTES, lambda read: read.size)) as ahead:
            while (found := ahead.take(self._options.batch, LOOK_UP_S)) is not None:
                self._keep(lease)
                if not found:
                    continue
                events = [one.event for one in found if one.event]
                self._deliver(events, lease)
                also: Document = {}
                if found[-1].ended:  # what bears its name now, if anything, is new as a whole
                    everything = gap(EPOCH, self._server_time(), "the collection was dropped or renamed")
                    also = {"reconciling": everything}
                self._note(position, found, len(events), also)

    def _reads(self, start: Document) -> Iterator[StreamItem]:
        """The stream from there on, until told to stop or until the collection is gone."""
        bare = False
        while not self._stop.is_set():
            try:
                for read in self._watch(start, bare=bare):
                    yield read
                    start = {"start_after": read.token}
                    if read.ended:
                        return
                    if bare and read.event:
                        break  # that was the one: the next may have its document again
                bare = False
            except OperationFailure as error:
                if error.code in LOST or (error.code == TOO_LARGE and bare):
                    raise HistoryLost(error.code) from None
                if error.code != TOO_LARGE:
                    raise
                bare = True

    def _watch(self, start: Document, *, bare: bool) -> Iterator[StreamItem]:
        """One change stream; `bare` leaves the documents out, so that no event is too large."""
        with self._store.app[self._watched.collection].watch(
            self._watched.pipeline(with_document=not bare),
            full_document=None if bare else "updateLookup",
            batch_size=self._options.batch,
            max_await_time_ms=POLL_MS,
            **start,
        ) as stream:
            while not self._stop.is_set():
                change = stream.try_next()
                if change is None:
                    if stream.resume_token:
                        yield StreamItem(dict(stream.resume_token))
                elif not is_of_document(change):
                    yield StreamItem(change["_id"], ended=change["operationType"] == "invalidate")
                else:
                    event = event_of(change, self._options.most_bytes)
                    yield StreamItem(change["_id"], event, change["clusterTime"])

    def _deliver(self, events: Sequence[Event], lease: Lease) -> None:
        """Send all, however long it takes; park what is refused. Raises Stopped where that cannot be waited for."""
        pause = FIRST_PAUSE_S
        while events:
            outcome = self._sink.send(events)
            for event, reason in outcome.refused:
                now, kept = datetime.now(UTC), event.bare if len(event.bare) <= MAX_KEPT else None
                self._store.parked_changes.park(event.digest, self._watched.stems[0], kept, reason, now=now)
            self.meter.parked += len(outcome.refused)
            self.meter.sent += len(events) - len(outcome.unsent) - len(outcome.refused)
            events = outcome.unsent
            if outcome.why:
                self.meter.retried += len(events)
                logger.warning("not taken", collection=self._watched.collection, count=len(events), reason=outcome.why)
                if self._stop.wait(pause):
                    raise Stopped
                pause = min(pause * 2, self._options.longest_pause_s)
            self._keep(lease)

    def _note(self, position: Position, found: Sequence[StreamItem], sent: int, also: Document) -> None:
        """Save where the stream goes on, in one write with `also`; on a quiet collection only now and then."""
        times, age_s = [one.at for one in found if one.at], time.monotonic() - found[-1].read_at
        fresh = age_s < FRESH_S  # not where it waited behind what could not be sent
        if times:
            self.meter.up_to = times[-1].as_datetime()
        elif fresh:
            self.meter.up_to = datetime.now(UTC) - timedelta(seconds=age_s)
        quiet = not sent and not also
        if quiet and time.monotonic() - self._noted_at < self._options.beat_s:
            return
        fields: Document = {"token": found[-1].token, "startAt": None, **also}
        if times:
            fields |= {"clusterTime": times[-1], "at": times[-1].as_datetime()}
        position.save(fields, sent=sent, now=quiet and fresh)
        self._noted_at = time.monotonic()

    def _keep(self, lease: Lease) -> None:
        """Renew the lease well before it ends; Conflict where it has passed to another copy."""
        if time.monotonic() - self._renewed_at > self._options.lease_s / 3:
            lease.renew()
            self._renewed_at = time.monotonic()


def _start_of(mark: Document) -> Document:
    """Where to open the stream: at its token, or at a moment where there is none."""
    return {"start_after": mark["token"]} if mark["token"] else {"start_at_operation_time": mark["startAt"]}
