"""Options of what stands between a trigger and a job: tokens of HTTP requests, and the relay of changes."""

from datetime import timedelta
from typing import ClassVar

from msgspec import field

from shared.config import Count, Number, PositiveCount, Section


class Tokens(Section, frozen=True, kw_only=True):
    section: ClassVar[str] = "tokens"

    leeway_s: Count = 60  # seconds by which the clock of who makes tokens may differ from ours
    max_lifetime: timedelta = field(  # time from `iat` to `exp` of a token, at most
        name="longest_life", default=timedelta(hours=24)
    )


class Relay(Section, frozen=True, kw_only=True):
    section: ClassVar[str] = "relay"

    batch: PositiveCount = 200  # changes that are sent at once, where the receiver takes so many
    queue: PositiveCount = 1_000  # changes that are read ahead of the sending
    max_bytes: Count = field(  # bytes of a change; a larger one is sent as its key, and read by the receiver
        name="most_bytes", default=240_000
    )
    lease_s: Number = 30.0  # seconds after which another copy takes over from one that is silent
    heartbeat_s: Number = field(
        name="beat_s", default=10.0
    )  # seconds between two notes of where a quiet collection stands
    max_pause_s: Number = field(name="longest_pause_s", default=30.0)  # seconds between two attempts to send, at most
    overlap: timedelta = timedelta(hours=2)  # how far behind its last note the relay looks after a loss of history
    max_reconciled: Count = field(  # documents that are sent again after a loss of history, at most
        name="reconcile_most", default=1_000_000
    )
