"""Documents in the form in which the application writes them; keywords override fields."""

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
    """A published post.

    fields  `likes`, `comments`, `recasts` and `quotes` set counters of engagements, any other name sets a field
    """
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


def engagement(who: str, post_name: str, *, at: datetime, kind: str = "like", **fields: Any) -> Document:
    """An engagement of user `who` with a post."""
    document: Document = {
        "_id": an_id(f"{who} {kind} {post_name} {at.isoformat()}"),
        "user": an_id(who),
        "account": an_id(f"account of {who}"),
        "targetRef": DBRef("content", an_id(post_name)),
        "type": kind,
        "visibility": "publish",
        "createdAt": at,
        "updatedAt": at,
    }
    return document | fields


def exposure(who: str, post_name: str, *, at: datetime, **fields: Any) -> Document:
    """A post on the screen of user `who`'s account."""
    document: Document = {
        "_id": an_id(f"{who} saw {post_name} {at.isoformat()}"),
        "viewer": an_id(f"account of {who}"),
        "content": an_id(post_name),
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
    """A topic below its parents."""
    above = [{"_id": an_id(f"topic {parent}"), "slug": parent} for parent in parents]
    return {"_id": an_id(f"topic {name}"), "slug": name, "parents": above, "children": []}


def topics_of(post_name: str, *names: str, at: datetime, **fields: Any) -> Document:
    """The language and the topics of a post."""
    ids = [an_id(f"topic {name}") for name in names]
    row: Document = {
        "_id": an_id(f"info of {post_name}"),
        "contentId": an_id(post_name),
        "language": "en",
        "topics": ids,
    }
    return row | {"updatedAt": at} | fields


def reading(credential: str, *, at: datetime, seconds: float | None, **fields: Any) -> Document:
    """An exposure of a post to a credential that lasts that long; with `seconds` None its end is not recorded."""
    document = exposure(credential, "p", at=at, seenCredential=an_id(credential))
    if seconds is not None:
        document["offScreenAt"] = at + timedelta(seconds=seconds)
    return document | fields
