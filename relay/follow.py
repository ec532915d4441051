"""Following one collection: read ahead, send in order, save the position."""

import threading
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta

from bson import Timestamp

from relay.events import Event
from relay.leased import FIRST_PAUSE_S, LeasedWork, Stopped
from relay.meter import Meter, logger
from relay.positions import Position
from relay.prefetch import Prefetch
from relay.reconcile import gap, reconcile, with_overlap
from relay.sinks import Sink
from relay.stream import ChangeStream, HistoryLost, StreamItem, start_of
from relay.watched import Watched
from shared.clock import EPOCH
from shared.documents import Document
from shared.runtime.changes import MAX_KEPT
from shared.runtime.options import Relay
from shared.store import Store
from shared.store.cluster_time import cluster_time
from shared.store.leases import Lease

IDLE_S = 0.5  # time that the sender waits for changes before it checks its lease again
FRESH_S = 1.0  # age up to which a read without a change shows that everything until now has been read
MAX_BYTES_AHEAD = 32 * 2**20  # of changes that are read ahead; their number is limited too


class Follower:
    """Sends the changes of one collection. Of all copies of the relay, the one that holds its lease follows it.

    A change is sent before the position is saved: where a copy dies, changes are sent again, and none is lost.
    """

    def __init__(self, store: Store, watched: Watched, sink: Sink, options: Relay, stop: threading.Event) -> None:
        self.meter = Meter(watched.collection)
        self._store, self._watched, self._sink, self._options, self._stop = store, watched, sink, options, stop
        self._changes = ChangeStream(store.app, watched, options, stop)
        self._work = LeasedWork(store, watched.collection, options, stop)
        self._saved_at = 0.0  # of the monotonic clock [s]

    def run(self) -> None:
        """Follow until told to stop, whatever fails in the database or the receiver; only BadConfig ends it."""
        self._work.run(self._follow, self._pass_over)

    def _pass_over(self) -> None:
        """Another copy follows the collection."""
        self.meter.up_to = None

    def _follow(self, lease: Lease) -> None:
        """Go on at the position that the last holder of the lease has left."""
        pause = FIRST_PAUSE_S
        position = Position(self._store.analytics, self._watched.collection, self._work.holder)
        state = position.claim()
        if state["malformed"]:
            logger.error("position malformed", collection=self._watched.collection, fields=state["malformed"])
        if set(state["malformed"]) - {"at"}:
            self._save_gap(position, state["at"], f"the position is malformed: {', '.join(state['malformed'])}")
            state = position.load()
        elif not (state["token"] or state["startAt"]):
            state |= self._from_now()  # saved at once, else a first copy that dies would leave a gap
            position.save({"startAt": state["startAt"], "at": state["at"]})
        while not self._stop.is_set():
            began, self.meter.up_to = time.monotonic(), state["at"]
            if state["reconciling"]:
                self._catch_up(lease, position, state["reconciling"])
            try:
                self._stream(lease, position, state)
            except HistoryLost as lost:
                logger.error("history lost", collection=self._watched.collection, code=lost.code)
                self._save_gap(position, position.load()["at"], f"the history is lost, code {lost.code}")
                pause = self._work.wait(pause, began)
            state = position.load()

    def _save_gap(self, position: Position, at: datetime, reason: str) -> None:
        """Save that the stream goes on now, and that changes since `at` have to be read from the documents."""
        start = self._server_time()
        missed = gap(with_overlap(at, self._options.overlap), start, reason)
        position.save({"reconciling": missed, "token": None, "startAt": start, "at": at})

    def _from_now(self) -> Document:
        """The position of this moment."""
        start = self._server_time()
        return {"startAt": start, "at": start.as_datetime()}

    def _server_time(self) -> Timestamp:
        with self._store.client.start_session() as session:
            return cluster_time(session)

    def _catch_up(self, lease: Lease, position: Position, missed: Document) -> None:
        """Send the documents of a gap."""

        def deliver(events: Sequence[Event]) -> None:
            if self._stop.is_set():
                raise Stopped
            self._deliver(events, lease)

        reconcile(self._store.app, self._watched, self._options, position, missed, deliver)

    def _stream(self, lease: Lease, position: Position, state: Document) -> None:
        """Send the changes of the stream, until it ends with its collection or until told to stop."""
        reads = self._changes.items(start_of(state))
        with closing(Prefetch(reads, self._options.queue, MAX_BYTES_AHEAD, lambda item: item.size)) as ahead:
            while (items := ahead.take(self._options.batch, IDLE_S)) is not None:
                self._work.renew(lease)
                if not items:
                    continue
                events = [item.event for item in items if item.event]
                self._deliver(events, lease)
                extra: Document = {}
                if items[-1].ended:  # a collection that has the name now, if any, is new: all of it has to be sent
                    everything = gap(EPOCH, self._server_time(), "the collection was dropped or renamed")
                    extra = {"reconciling": everything}
                self._save(position, items, len(events), extra)

    def _deliver(self, events: Sequence[Event], lease: Lease) -> None:
        """Send all events, however long that takes, and park those that are refused. Raises Stopped where it is told to
        stop while the receiver does not take them."""
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
                pause = self._work.doubled(pause)
            self._work.renew(lease)

    def _save(self, position: Position, items: Sequence[StreamItem], sent: int, extra: Document) -> None:
        """Save where the stream goes on behind these items; without changes only every `heartbeat_s` seconds.

        sent   how many changes of them were sent
        extra  further fields of the position, saved by the same write
        """
        times, age_s = [item.at for item in items if item.at], time.monotonic() - items[-1].read_at
        is_fresh = age_s < FRESH_S  # false where the items waited behind changes that could not be sent
        if times:
            self.meter.up_to = times[-1].as_datetime()
        elif is_fresh:
            self.meter.up_to = datetime.now(UTC) - timedelta(seconds=age_s)
        is_quiet = not sent and not extra
        if is_quiet and time.monotonic() - self._saved_at < self._options.heartbeat_s:
            return
        fields: Document = {"token": items[-1].token, "startAt": None, **extra}
        if times:
            fields |= {"clusterTime": times[-1], "at": times[-1].as_datetime()}
        position.save(fields, sent=sent, now=is_quiet and is_fresh)
        self._saved_at = time.monotonic()
