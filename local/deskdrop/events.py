"""Events of a CSV: each line is a usable event, or is skipped with a reason."""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from local.tables import Row, Tally, fault_of_id, lost_digits, rows
from shared.errors import BadEvent

Progress = Callable[[str, int, int], None]  # called with (step, done, total); total is 0 while it is unknown

VIEW = "VIEW"
ENGAGEMENTS = {"LIKE": "like", "COMMENT CREATED": "comment", "BOOKMARK": "recast", "FOLLOW": "quote"}
IDS = ("contentId", "personId", "sessionId")
COLUMNS = ("timestamp", "eventType", "contentId", "personId", "sessionId", "userCountry")
MAX_TIMESTAMP_LENGTH = 12  # digits: a longer number is no count of seconds
PROGRESS_EVERY = 2000  # lines


class Event(NamedTuple):
    """One usable line.

    at       [s since 1970]
    kind     VIEW or one of ENGAGEMENTS
    country  code in lower case; empty where the file has none
    line     number in the file; the header is line 1
    """

    at: int
    kind: str
    content: str
    person: str
    session: str
    country: str
    line: int


def read_events(file: Path, tally: Tally, *, now: datetime, progress: Progress) -> Iterator[Event]:
    """The usable lines of a file, in its order; `tally` counts the others by reason.

    Raises NotFound without the file, BadEvent where it is no such table or its ids have lost digits.
    """
    ids: dict[str, set[str]] = {column: set() for column in IDS}
    for line, row in rows(file, tally, needed=COLUMNS):
        fault = _fault_of(row, now)
        if fault:
            tally.skip(line, fault)
            continue
        for column, values in ids.items():
            values.add(row[column])
        content, person, session = (row[column] for column in IDS)
        country = row["userCountry"].lower()
        yield Event(int(row["timestamp"]), row["eventType"], content, person, session, country, line)
        if tally.read % PROGRESS_EVERY == 0:
            progress("events", tally.read, 0)
    for column, values in ids.items():
        if lost_digits(values):
            raise BadEvent(f"{file}: the ids of {column} went through floating-point numbers and have lost digits")


def _fault_of(row: Row, now: datetime) -> str:
    """Why a line is no event; empty where it is a usable one."""
    at, kind = row["timestamp"], row["eventType"]
    if not (at.isascii() and at.isdigit() and len(at) <= MAX_TIMESTAMP_LENGTH):
        return "bad timestamp"
    if int(at) > now.timestamp():
        return "later than now"
    if kind != VIEW and kind not in ENGAGEMENTS:
        return "unknown event type"
    return next(filter(None, (fault_of_id(row[column]) for column in IDS)), "")
