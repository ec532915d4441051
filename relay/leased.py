"""Work that one of all copies of the relay does: the one that holds the lease."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

from pymongo.errors import PyMongoError

from relay.meter import logger
from shared.errors import Conflict
from shared.runtime.options import Relay
from shared.store import Store, as_app_error
from shared.store.leases import Lease, Leases

FIRST_PAUSE_S = 0.1


class Stopped(Exception):
    """The relay was told to stop while changes cannot be sent."""


class LeasedWork:
    """Work of the copy that holds the lease "relay NAME", begun again whatever fails in the database.

    holder  an id of this copy
    """

    def __init__(self, store: Store, name: str, options: Relay, stop: threading.Event) -> None:
        self.holder = uuid4().hex
        self._name, self._options, self._stop = name, options, stop
        self._leases = Leases(store.analytics, timedelta(seconds=options.lease_s))
        self._renewed_at = 0.0  # of the monotonic clock [s]

    def run(self, work: Callable[[Lease], None], pass_over: Callable[[], None]) -> None:
        """Work until told to stop, whatever fails in the database or the receiver; only BadConfig ends it.

        work       is given the lease; Stopped ends it
        pass_over  called where another copy holds the lease
        """
        pause = FIRST_PAUSE_S
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                with self._leases.hold(f"relay {self._name}", self.holder) as lease:
                    self._renewed_at = time.monotonic()
                    work(lease)
            except Conflict:
                pass_over()
                self._stop.wait(self._options.lease_s / 3)
            except Stopped:
                return
            except PyMongoError as error:
                logger.warning("interrupted", collection=self._name, reason=str(as_app_error(error)))
                pause = self.wait(pause, began)

    def wait(self, pause: float, began: float) -> float:
        """Wait before the next attempt, and return for how long [s].

        pause  before the attempt that has failed [s]; it is doubled
        began  when that attempt began: after one that lasted long the pauses start over
        """
        pause = FIRST_PAUSE_S if time.monotonic() - began > self._options.max_pause_s else self.doubled(pause)
        self._stop.wait(pause)
        return pause

    def doubled(self, pause: float) -> float:
        """The pause after the next failure in a row [s]."""
        return min(pause * 2, self._options.max_pause_s)

    def renew(self, lease: Lease) -> None:
        """Renew the lease well before it expires; raises Conflict where another copy has taken it over."""
        if time.monotonic() - self._renewed_at > self._options.lease_s / 3:
            lease.renew()
            self._renewed_at = time.monotonic()
