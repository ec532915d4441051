"""Real events, as the application would have stored them.

Reads the CSV of an internal social network, plain or gzipped, with at least these columns:

    timestamp [s since 1970], eventType, contentId, personId, sessionId, userCountry (often empty)

What the file says:
    VIEW                                     a feed item: who saw what, when, in which session; not for how long
    LIKE, COMMENT CREATED, BOOKMARK, FOLLOW  a like, comment, recast, quote of the content
    userCountry                              the person's most frequent one becomes the account's country
What it does not say, and what stands in for it:
    authors        one publisher for all, a page with an account of its own: nothing can be learnt from made-up authors
    texts          an empty payload
    ages           a content is as old as the first event on it, a person as the first event by them
    created items  a recast, quote or comment names no `itemId`: no such content exists
    positions      feed items have no score and no source
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from bson import DBRef, ObjectId
from pymongo import ReplaceOne
from pymongo.database import Database

from local.tables import Row, Tally, fault_of_id, lost_digits, rows
from shared.clock import SKEW
from shared.documents import Document
from shared.errors import BadConfig, BadEvent

Progress = Callable[[str, int, int], None]

SOURCE = "deskdrop"
VIEW = "VIEW"
ENGAGEMENTS = {"LIKE": "like", "COMMENT CREATED": "comment", "BOOKMARK": "recast", "FOLLOW": "quote"}
IDS = ("contentId", "personId", "sessionId")
COLUMNS = ("timestamp", "eventType", "contentId", "personId", "sessionId", "userCountry")
NO_COUNTRY = frozenset({"", "zz"})  # ZZ is how locale data spell "unknown"
MAX_TIMESTAMP_LENGTH = 12  # digits: any more is no count of seconds
BATCH = 2000


class Event(NamedTuple):
    """One usable line; `at` in seconds since 1970, `country` in lower case and perhaps empty."""

    at: int
    kind: str
    content: str
    person: str
    session: str
    country: str
    line: int


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import found and did; a second one of the same file has `changed` 0. The publisher counts as an account.

    tally    what became of the lines; those kept are the engagements and the feed items
    changed  documents inserted or altered
    shift    added to every time of the file
    last_at  when the last event falls, after the shift; None when no line was usable
    """

    tally: Tally
    accounts: int = 0
    contents: int = 0
    engagements: int = 0
    feed_items: int = 0
    changed: int = 0
    shift: timedelta = timedelta()
    last_at: datetime | None = None

    @property
    def read(self) -> int:
        """Lines below the header."""
        return self.tally.read

    @property
    def skipped(self) -> Counter[str]:
        """Lines left out, by reason."""
        return self.tally.skipped


def import_deskdrop(
    file: Path,
    app: Database[Document],
    analytics: Database[Document],
    *,
    now: datetime,
    keep_times: bool = False,
    renew_shift: bool = False,
    progress: Progress | None = None,
) -> ImportReport:
    """Upsert users, accounts, contents, engagements and feed items of a file; repeating it changes nothing.

    All times move so that the last event falls at `now`: the events are years old, and a feed of recent posts would
    show none of them. The first import remembers its shift in `imports` of the analytics database and later ones use it
    again; `renew_shift` moves everything to the new `now`, `keep_times` leaves the times as they are in the file.
    A content's counters and age come from this file alone: import a history whole, not in parts.

    progress  called with (step, done, in all), in all is 0 while that is unknown
    Raises, before anything is written, NotFound without the file, BadEvent when it is no such CSV or its ids have lost
    digits, BadConfig where events would come to lie after `now` by the shift of an earlier import.
    """
    report, tally = progress or _quietly, Tally()
    events = sorted(read_events(file, tally, now=now, progress=report))
    history = _History.of(events, tally)
    if not events:
        return ImportReport(tally)
    shift = timedelta() if keep_times else _shift(analytics, events[-1].at, now, renew=renew_shift)
    if _moment(events[-1].at, shift) > now + SKEW:
        raise BadConfig(
            f"the last event would be of {_moment(events[-1].at, shift):%Y-%m-%d}, by the shift of the first import of "
            "a shorter file; with --renew-shift the times move to now once more"
        )
    documents = _documents(history, shift)
    changed = sum(_upsert(app, name, rows, report) for name, rows in documents.items())
    return ImportReport(
        tally,
        accounts=len(documents["accounts"]),
        contents=len(documents["contents"]),
        engagements=len(documents["engagements"]),
        feed_items=len(documents["feeditems"]),
        changed=changed,
        shift=shift,
        last_at=_moment(events[-1].at, shift),
    )


def read_events(file: Path, tally: Tally, *, now: datetime, progress: Progress) -> Iterator[Event]:
    """Give the usable lines of a file, in its order; `tally` counts the others by reason."""
    ids: dict[str, set[str]] = {column: set() for column in IDS}
    for line, row in rows(file, tally, needed=COLUMNS):
        fault = _fault_of(row, now)
        if fault:
            tally.skip(line, fault)
            continue
        for column, known in ids.items():
            known.add(row[column])
        content, person, session = (row[column] for column in IDS)
        country = row["userCountry"].lower()
        yield Event(int(row["timestamp"]), row["eventType"], content, person, session, country, line)
        if tally.read % BATCH == 0:
            progress("events", tally.read, 0)
    for column, known in ids.items():
        if lost_digits(known):
            raise BadEvent(f"{file}: the ids of {column} went through floating-point numbers and have lost digits")


def _fault_of(row: Row, now: datetime) -> str:
    """Why a line is no event; empty where it is one."""
    at, kind = row["timestamp"], row["eventType"]
    if not (at.isascii() and at.isdigit() and len(at) <= MAX_TIMESTAMP_LENGTH):
        return "bad timestamp"
    if int(at) > now.timestamp():
        return "later than now"
    if kind != VIEW and kind not in ENGAGEMENTS:
        return "unknown event type"
    return next(filter(None, (fault_of_id(row[column]) for column in IDS)), "")


@dataclass(slots=True)
class _History:
    """Events by what they become, each in order of time."""

    views: dict[str, Event]  # by what makes a view the same view
    engagements: dict[tuple[str, str, str], Event]  # by person, content and kind: the first
    joined_at: dict[str, int]
    created_at: dict[str, int]
    countries: dict[str, Counter[str]]

    @classmethod
    def of(cls, events: list[Event], tally: Tally) -> "_History":
        """Sort `events`, ascending in time, into what they become; `tally` counts those and the repetitions."""
        history = cls({}, {}, {}, {}, {})
        for event in events:
            history.joined_at.setdefault(event.person, event.at)
            history.created_at.setdefault(event.content, event.at)
            if event.country not in NO_COUNTRY:
                history.countries.setdefault(event.person, Counter())[event.country] += 1
            history._place(event, tally)
        return history

    def _place(self, event: Event, tally: Tally) -> None:
        if event.kind == VIEW:
            # Some views are logged twice, once with the country and once without.
            key = f"{event.person} {event.content} {event.session} {event.at}"
            first = self.views.setdefault(key, event)
        else:
            first = self.engagements.setdefault((event.person, event.content, event.kind), event)
        if first is event:
            tally.kept += 1
        else:
            tally.skip(event.line, "repeated view" if event.kind == VIEW else "repeated engagement")


def _shift(analytics: Database[Document], last: int, now: datetime, *, renew: bool) -> timedelta:
    """What to add to every time: remembered from the first import, or `now` minus the last event."""
    proposal: Document = {"shiftSeconds": int(now.timestamp()) - last, "shiftedAt": now}
    analytics["imports"].update_one({"_id": SOURCE}, {"$set" if renew else "$setOnInsert": proposal}, upsert=True)
    remembered = analytics["imports"].find_one({"_id": SOURCE}) or proposal
    return timedelta(seconds=remembered["shiftSeconds"])


def _documents(history: _History, shift: timedelta) -> dict[str, list[Document]]:
    """Every document by collection; whatever another refers to comes before it."""
    return {
        "accounts": [_publisher_account(history, shift), *_accounts(history, shift)],
        "users": [_publisher(history, shift), *_users(history, shift)],
        "contents": list(_contents(history, shift)),
        "engagements": list(_engagements(history, shift)),
        "feeditems": list(_feed_items(history, shift)),
    }


def object_id(kind: str, source_id: str) -> ObjectId:
    """The same id for the same thing at every import."""
    return ObjectId(sha256(f"{SOURCE} {kind} {source_id}".encode()).digest()[:12])


def _moment(at: int, shift: timedelta) -> datetime:
    return datetime.fromtimestamp(at, UTC) + shift


def _account(key: str, since: datetime) -> Document:
    return {
        "_id": object_id("account", key),
        "visibility": "publish",
        "isGuest": False,
        "preferences": {"languages": []},
        "createdAt": since,
        "updatedAt": since,
    }


def _accounts(history: _History, shift: timedelta) -> Iterator[Document]:
    for person, joined_at in history.joined_at.items():
        account = _account(person, _moment(joined_at, shift))
        if person in history.countries:
            [(country, _)] = history.countries[person].most_common(1)
            account["geolocation"] = {"countryCode": country}
        yield account


def _user(key: str, since: datetime, *, name: str, kind: str) -> Document:
    return {
        "_id": object_id("user", key),
        "ownerAccount": object_id("account", key),
        "displayId": name,
        "displayName": name,
        "type": kind,
        "visibility": "publish",
        "casts": 0,
        "followerCount": 0,
        "followedCount": 0,
        "createdAt": since,
        "updatedAt": since,
    }


def _users(history: _History, shift: timedelta) -> Iterator[Document]:
    for person, joined_at in history.joined_at.items():
        yield _user(person, _moment(joined_at, shift), name=f"{SOURCE}{person}", kind="people")


PUBLISHER = "the publisher"  # no person's: an id has no space
PUBLISHERS_NAME = f"{SOURCE}-publisher"


def _publisher_account(history: _History, shift: timedelta) -> Document:
    return _account(PUBLISHER, _moment(min(history.joined_at.values()), shift))


def _publisher(history: _History, shift: timedelta) -> Document:
    since = _moment(min(history.joined_at.values()), shift)
    return _user(PUBLISHER, since, name=PUBLISHERS_NAME, kind="page") | {"casts": len(history.created_at)}


def _contents(history: _History, shift: timedelta) -> Iterator[Document]:
    """Contents with counters of distinct engagements; each moves `updatedAt`, as it does in the application."""
    counts = Counter((event.content, ENGAGEMENTS[event.kind]) for event in history.engagements.values())
    touched_at = {event.content: event.at for event in history.engagements.values()}
    author = {
        "id": object_id("user", PUBLISHER),
        "type": "page",
        "castcleId": PUBLISHERS_NAME,
        "displayName": PUBLISHERS_NAME,
    }
    for content, created_at in history.created_at.items():
        yield {
            "_id": object_id("content", content),
            "author": author,
            "type": "short",
            "payload": {},
            "hashtags": [],
            "engagements": {kind: {"count": counts[content, kind], "refs": []} for kind in ENGAGEMENTS.values()},
            "visibility": "publish",
            "createdAt": _moment(created_at, shift),
            "updatedAt": _moment(touched_at.get(content, created_at), shift),
        }


def _engagements(history: _History, shift: timedelta) -> Iterator[Document]:
    for key, event in history.engagements.items():
        at = _moment(event.at, shift)
        yield {
            "_id": object_id("engagement", " ".join(key)),
            "user": object_id("user", event.person),
            "account": object_id("account", event.person),
            "targetRef": DBRef("content", object_id("content", event.content)),
            "type": ENGAGEMENTS[event.kind],
            "visibility": "publish",
            "createdAt": at,
            "updatedAt": at,
        }


def _feed_items(history: _History, shift: timedelta) -> Iterator[Document]:
    for key, event in history.views.items():
        at, session = _moment(event.at, shift), object_id("session", event.session)
        yield {
            "_id": object_id("view", key),
            "viewer": object_id("account", event.person),
            "content": object_id("content", event.content),
            "author": object_id("user", PUBLISHER),
            "seenAt": at,
            "seenCredential": session,
            "seenUUID": str(session),
            "visibility": "publish",
            "createdAt": at,
            "updatedAt": at,
        }


def _upsert(app: Database[Document], name: str, documents: list[Document], report: Progress) -> int:
    """Insert or replace by `_id`; how many documents are other than before."""
    changed, done, waiting = 0, 0, iter(documents)
    while batch := [ReplaceOne({"_id": d["_id"]}, d, upsert=True) for d in islice(waiting, BATCH)]:
        result = app[name].bulk_write(batch, ordered=False)
        changed += result.upserted_count + result.modified_count
        done += len(batch)
        report(name, done, len(documents))
    return changed


def _quietly(step: str, done: int, total: int) -> None:
    """No progress."""
