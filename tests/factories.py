"""Documents as the application writes them, with keyword overrides."""

import hashlib
from datetime import datetime, timedelta
from typing import Any

from bson import DBRef, ObjectId
from pymongo.database import Database

from shared.documents import Document


def an_id(name: str) -> ObjectId:
    """The same id for the same name."""
    return ObjectId(hashlib.sha256(name.encode()).digest()[:12])


def post(name: str, *, now: datetime, age_hours: float = 1, author: str = "ann", **fields: Any) -> Document:
    """A published post; `likes=3` and the like become counters, anything else is set as it is."""
    created = now - timedelta(hours=age_hours)
    names = {"likes": "like", "comments": "comment", "recasts": "recast", "quotes": "quote"}
    engagements = {kind: {"count": fields.pop(plural, 0), "refs": []} for plural, kind in names.items()}
    document: Document = {
        "_id": an_id(name),
        "author": {"id": an_id(author), "type": "people", "castcleId": author},
        "type": "short",
        "visibility": "publish",
        "payload": {"message": f"hello from {name}"},
        "engagements": engagements,
        "createdAt": created,
        "updatedAt": created,
    }
    return document | fields


def user(name: str, *, now: datetime, account: str | None = None, **fields: Any) -> Document:
    """A published person."""
    moment = now - timedelta(days=100)
    document: Document = {
        "_id": an_id(name),
        "ownerAccount": an_id(account or f"account of {name}"),
        "displayId": name,
        "type": "people",
        "visibility": "publish",
        "followerCount": 0,
        "followedCount": 0,
        "createdAt": moment,
        "updatedAt": moment,
    }
    return document | fields


def account(name: str, *, now: datetime, country: str | None = "th", **fields: Any) -> Document:
    """A login; `country` None leaves the geolocation out, as a failed look-up does."""
    moment = now - timedelta(days=100)
    document: Document = {"_id": an_id(name), "isGuest": False, "visibility": "publish"}
    document |= {"createdAt": moment, "updatedAt": moment}
    if country is not None:
        document["geolocation"] = {"countryCode": country, "continentCode": "as"}
    return document | fields


def write_users(app: Database[Document], *names: str, now: datetime) -> None:
    """Published users, each with an account of its own."""
    app.users.insert_many([user(name, now=now) for name in names])
    app.accounts.insert_many([account(f"account of {name}", now=now) for name in names])


def engagement(who: str, what: str, *, at: datetime, kind: str = "like", **fields: Any) -> Document:
    """An act of user `who` on post `what`."""
    document: Document = {
        "_id": an_id(f"{who} {kind} {what} {at.isoformat()}"),
        "user": an_id(who),
        "account": an_id(f"account of {who}"),
        "targetRef": DBRef("content", an_id(what)),
        "type": kind,
        "visibility": "publish",
        "createdAt": at,
        "updatedAt": at,
    }
    return document | fields


def exposure(who: str, what: str, *, at: datetime, **fields: Any) -> Document:
    """Post `what` on the screen of user `who`'s account."""
    document: Document = {
        "_id": an_id(f"{who} saw {what} {at.isoformat()}"),
        "viewer": an_id(f"account of {who}"),
        "content": an_id(what),
        "calledAt": at,
        "seenAt": at,
        "createdAt": at,
        "updatedAt": at,
    }
    return document | fields


def follow(who: str, whom: str, *, at: datetime, **fields: Any) -> Document:
    """User `who` follows user `whom`."""
    document: Document = {"_id": an_id(f"{who} follows {whom}"), "user": an_id(who), "followedUser": an_id(whom)}
    document |= {"following": True, "isFollowPage": False, "visibility": "publish", "createdAt": at, "updatedAt": at}
    return document | fields


def topic(name: str, *parents: str) -> Document:
    """A topic below others."""
    above = [{"_id": an_id(f"topic {parent}"), "slug": parent} for parent in parents]
    return {"_id": an_id(f"topic {name}"), "slug": name, "parents": above, "children": []}


def topics_of(what: str, *names: str, at: datetime, **fields: Any) -> Document:
    """What is known about the text of post `what`."""
    ids = [an_id(f"topic {name}") for name in names]
    known: Document = {"_id": an_id(f"info of {what}"), "contentId": an_id(what), "language": "en", "topics": ids}
    return known | {"updatedAt": at} | fields


def reading(credential: str, *, at: datetime, seconds: float | None, **fields: Any) -> Document:
    """Somebody, by that credential, has a post on the screen for so long; None where nobody told until when."""
    document = exposure(credential, "p", at=at, seenCredential=an_id(credential))
    if seconds is not None:
        document["offScreenAt"] = at + timedelta(seconds=seconds)
    return document | fields
