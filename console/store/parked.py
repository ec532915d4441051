"""Parked changes as the console shows them.

For the documents see shared/store/parked_changes.py.
"""

import base64
import re
from dataclasses import dataclass
from datetime import datetime

from shared.clock import epoch_ms
from shared.documents import Document
from shared.errors import BadEvent
from shared.store.decoding import as_count, as_document, as_moment, as_text, needed
from shared.store.parked_changes import MAX_REASON_LENGTH

MAX_EVENT_LENGTH = 2_000  # characters that are shown

_KEY = re.compile(r"[\w.~-]{1,128}", re.ASCII)  # what the address of a page can hold, as `park` is given it


@dataclass(frozen=True, slots=True)
class ParkedReason:
    """Why changes were parked.

    number   of changes, counted up to `replays.MAX_COUNTED` in all
    last_at  when one was parked last for this reason
    """

    function: str
    reason: str
    number: int
    last_at: datetime

    @property
    def reason_key(self) -> str:
        """What stands for function and reason in addresses."""
        return reason_key(self.function, self.reason)


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """A replay that was asked for and has no outcome yet."""

    at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class Replay:
    """What became of a change that was sent again.

    outcome     "sent", or why it was not sent
    sent_as     the key under which what was sent is parked if it fails; empty where nothing was sent
    why_parked  the reason for which it was parked once more; empty where it was not
    """

    at: datetime
    outcome: str
    sent_as: str
    why_parked: str = ""


@dataclass(frozen=True, slots=True)
class ParkedChange:
    """A change that failed for good.

    times              how often it was parked, first and last at `first_at` and `last_at`
    event              what is kept of it, JSON without the document; empty where that names none
    waits              whether it was not replayed since it was parked last
    """

    key: str
    function: str
    reason: str
    times: int
    first_at: datetime
    last_at: datetime
    event: str
    waits: bool
    request: ReplayRequest | None
    replay: Replay | None

    @property
    def place(self) -> str:
        """What `waiting` goes on after."""
        return f"{epoch_ms(self.first_at)}_{self.key}"

    @property
    def reason_key(self) -> str:
        """What stands for function and reason in addresses."""
        return reason_key(self.function, self.reason)


def reason_key(function: str, reason: str) -> str:
    """What stands for function and reason in addresses: a reason may hold any character.

    >>> read_reason_key(reason_key("classify_content", "ns.coll, or another"))
    ('classify_content', 'ns.coll, or another')
    """
    return base64.urlsafe_b64encode(f"{function}\n{reason}".encode()).decode().rstrip("=")


def read_reason_key(key: str) -> tuple[str, str]:
    """The function and the reason; BadEvent for a text that does not stand for them."""
    try:
        text = base64.urlsafe_b64decode(key + "=" * (-len(key) % 4)).decode()
    except ValueError:
        raise BadEvent("of: is no reason that a page came with") from None
    function, _, reason = text.partition("\n")
    return function, reason


def reason_of(row: Document) -> ParkedReason:
    """A row of an aggregation by function and reason, decoded; Malformed where that cannot be."""
    function, reason = as_text(row["_id"].get("function")), _bounded(row["_id"].get("reason"))
    return ParkedReason(needed(function), reason, int(row["number"]), needed(as_moment(row["last"])))


def change_of(row: Document) -> ParkedChange:
    """A document, decoded; Malformed where that cannot be."""
    key = needed(as_text(row["_id"]))
    asked, sent = as_document(row.get("replayRequested")) or {}, as_document(row.get("replay")) or {}
    asked_at, sent_at, outcome = as_moment(asked.get("at")), as_moment(sent.get("at")), as_text(sent.get("outcome"))
    return ParkedChange(
        key=needed(key if _KEY.fullmatch(key) else None),
        function=needed(as_text(row.get("function"))),
        reason=_bounded(row.get("reason")),
        times=as_count(row.get("times")) or 1,
        first_at=needed(as_moment(row.get("firstAt"))),
        last_at=needed(as_moment(row.get("lastAt"))),
        event=(as_text(row.get("event")) or "")[:MAX_EVENT_LENGTH],
        waits="replayedAt" not in row,
        request=ReplayRequest(asked_at, as_text(asked.get("by")) or "") if asked_at else None,
        replay=Replay(sent_at, outcome, as_text(sent.get("sentAs")) or "") if sent_at and outcome else None,
    )


def _bounded(reason: object) -> str:
    """A reason, of a length that `park` stores; Malformed for anything else."""
    text = needed(as_text(reason))
    return needed(text if len(text) <= MAX_REASON_LENGTH else None)
