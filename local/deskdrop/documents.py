"""Events as documents of the application: accounts, users, contents, engagements and feed items.

What the file says:
    VIEW                                     a feed item: who saw what, when, in which session; not for how long
    LIKE, COMMENT CREATED, BOOKMARK, FOLLOW  a like, comment, recast, quote of the content
    userCountry                              the person's most frequent one becomes the account's country
What it does not say, and what stands in for it:
    authors        one publisher for all, a page with an account of its own: made-up authors would teach nothing
    texts          an empty payload
    ages           a content is as old as the first event on it, a person as the first event by them
    created items  a recast, quote or comment names no `itemId`: no such content exists
    positions      feed items have no score and no source
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from bson import DBRef, ObjectId

from local.deskdrop.events import ENGAGEMENTS, VIEW, Event
from local.tables import Tally
from shared.documents import Document

SOURCE = "deskdrop"
NO_COUNTRY = frozenset({"", "zz"})  # ZZ is how locale data spell "unknown"
PUBLISHER = "the publisher"  # no person's id: an id has no space
PUBLISHERS_NAME = f"{SOURCE}-publisher"


@dataclass(slots=True)
class History:
    """The distinct events of a file and what they say of people and contents, each in order of time.

    views        by person, content, session and moment
    engagements  the first one by person, content and kind
    joined_at    moment of the first event by person [s since 1970]
    created_at   moment of the first event by content [s since 1970]
    countries    numbers of events by country, by person
    """

    views: dict[str, Event]
    engagements: dict[tuple[str, str, str], Event]
    joined_at: dict[str, int]
    created_at: dict[str, int]
    countries: dict[str, Counter[str]]

    @classmethod
    def of(cls, events: list[Event], tally: Tally) -> "History":
        """Remove repetitions from events in order of time; `tally` counts them and what is kept."""
        history = cls({}, {}, {}, {}, {})
        for event in events:
            history.joined_at.setdefault(event.person, event.at)
            history.created_at.setdefault(event.content, event.at)
            if event.country not in NO_COUNTRY:
                history.countries.setdefault(event.person, Counter())[event.country] += 1
            history._add(event, tally)
        return history

    def _add(self, event: Event, tally: Tally) -> None:
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


def documents_of(history: History, shift: timedelta) -> dict[str, list[Document]]:
    """Every document by collection, in an order in which each refers to earlier ones alone.

    shift  added to every moment of the file
    """
    return {
        "accounts": [_publisher_account(history, shift), *_accounts(history, shift)],
        "users": [_publisher(history, shift), *_users(history, shift)],
        "contents": list(_contents(history, shift)),
        "engagements": list(_engagements(history, shift)),
        "feeditems": list(_feed_items(history, shift)),
    }


def object_id(kind: str, source_id: str) -> ObjectId:
    """The id of a document, the same at every import.

    kind       "account", "user", "content", "session", "engagement" or "view"
    source_id  of the file
    """
    return ObjectId(sha256(f"{SOURCE} {kind} {source_id}".encode()).digest()[:12])


def moment(at: int, shift: timedelta) -> datetime:
    """A moment of the file [s since 1970], shifted."""
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


def _accounts(history: History, shift: timedelta) -> Iterator[Document]:
    for person, joined_at in history.joined_at.items():
        account = _account(person, moment(joined_at, shift))
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


def _users(history: History, shift: timedelta) -> Iterator[Document]:
    for person, joined_at in history.joined_at.items():
        yield _user(person, moment(joined_at, shift), name=f"{SOURCE}{person}", kind="people")


def _publisher_account(history: History, shift: timedelta) -> Document:
    return _account(PUBLISHER, moment(min(history.joined_at.values()), shift))


def _publisher(history: History, shift: timedelta) -> Document:
    since = moment(min(history.joined_at.values()), shift)
    return _user(PUBLISHER, since, name=PUBLISHERS_NAME, kind="page") | {"casts": len(history.created_at)}


def _contents(history: History, shift: timedelta) -> Iterator[Document]:
    """Contents with counters of distinct engagements, each of which moves `updatedAt`, as in the application."""
    counts = Counter((event.content, ENGAGEMENTS[event.kind]) for event in history.engagements.values())
    engaged_at = {event.content: event.at for event in history.engagements.values()}
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
            "createdAt": moment(created_at, shift),
            "updatedAt": moment(engaged_at.get(content, created_at), shift),
        }


def _engagements(history: History, shift: timedelta) -> Iterator[Document]:
    for key, event in history.engagements.items():
        at = moment(event.at, shift)
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


def _feed_items(history: History, shift: timedelta) -> Iterator[Document]:
    for key, event in history.views.items():
        at, session = moment(event.at, shift), object_id("session", event.session)
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
