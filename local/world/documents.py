"""A world's rows as the application would have stored them."""

from collections.abc import Iterator

import numpy as np

from local.world.engagements import Engagements
from local.world.ids import Identities, dates, object_ids
from local.world.messages import write_messages
from local.world.posts import IMAGE, KINDS, NO_POST
from local.world.vocabulary import COUNTRIES, REPORT, languages_of
from local.world.worlds import World
from shared.documents import Document
from shared.engagement_kinds import ENGAGEMENT_KINDS
from shared.text.hashtags import hashtags

DAY = 86_400.0
CREATING = frozenset({"recast", "quote"})  # engagements that create a content of their own


def accounts(world: World, ids: Identities) -> Iterator[Document]:
    """Accounts, with a country for most; its code in capitals, as old documents have it."""
    people = world.people
    joined_at = dates(world, people.joined_at)
    for row, account in enumerate(ids.accounts):
        country = COUNTRIES[people.country[row]]
        english_too = people.bilingual[row] and country.language != "en"
        document = {
            "_id": account,
            "visibility": "publish",
            "isGuest": False,
            "email": f"u{row}@example.org",
            "preferences": {"languages": [country.language, *(["en"] if english_too else [])]},
            "referralCount": 0,
            "createdAt": joined_at[row],
            "updatedAt": joined_at[row],
        }
        if people.located[row]:
            document["geolocation"] = {"countryCode": country.code, "continentCode": country.continent}
        yield document


def users(world: World, ids: Identities) -> Iterator[Document]:
    """Users, one per account."""
    joined_at = dates(world, world.people.joined_at)
    followed = world.follows.counts().tolist()
    followers = np.bincount(world.authors.person[world.follows.author], minlength=len(ids.users)).tolist()
    for row, user in enumerate(ids.users):
        yield {
            "_id": user,
            "ownerAccount": ids.accounts[row],
            "displayId": f"user{row}",
            "displayName": f"User {row}",
            "type": "people",
            "visibility": "publish",
            "verified": {"email": True},
            "casts": 0,
            "followerCount": followers[row],
            "followedCount": followed[row],
            "createdAt": joined_at[row],
            "updatedAt": joined_at[row],
        }


def relationships(world: World, ids: Identities) -> Iterator[Document]:
    """Who follows whom."""
    a_day_ago = np.full(len(world.follows.author), -DAY)
    made_at = dates(world, a_day_ago)
    pairs = zip(world.follows.followers().tolist(), world.follows.author.tolist(), strict=True)
    for row, (key, (person, author)) in enumerate(
        zip(object_ids(world, "relationships", a_day_ago), pairs, strict=True)
    ):
        yield {
            "_id": key,
            "user": ids.users[person],
            "followedUser": ids.authors[author],
            "following": True,
            "isFollowPage": False,
            "visibility": "publish",
            "createdAt": made_at[row],
            "updatedAt": made_at[row],
        }


def contents(world: World, ids: Identities) -> Iterator[Document]:
    """Posts, with counters of the engagements before now."""
    posts = world.posts
    bodies = _bodies(world, ids)
    counts = world.past.counts_by_post(len(bodies))[:, :REPORT].tolist()
    created_at, updated_at = dates(world, posts.created_at), dates(world, posts.updated_at)
    for row, (body, original) in enumerate(zip(bodies, posts.original.tolist(), strict=True)):
        document = body | {
            "hashtags": hashtags(body["payload"].get("message", "")),
            "engagements": {
                kind: {"count": count, "refs": []} for kind, count in zip(ENGAGEMENT_KINDS, counts[row], strict=False)
            },
            "visibility": "deleted" if posts.deleted[row] else "publish",
            "revisionCount": 1,
            "__v": 0,
            "createdAt": created_at[row],
            "updatedAt": updated_at[row],
        }
        if original != NO_POST:
            document["originalPost"] = bodies[original]
            document["isRecast" if posts.recast[row] else "isQuote"] = True
        yield document


def _bodies(world: World, ids: Identities) -> list[Document]:
    """What a post and its copies share: id, author, type and payload."""
    posts, languages = world.posts, languages_of(world.options.countries)
    rng = np.random.default_rng([world.options.seed, len(posts.topic)])
    messages = write_messages(rng, posts.topic, [languages[code] for code in posts.language])
    authors = [
        {
            "id": ids.users[person],
            "type": "people",
            "castcleId": f"user{person}",
            "displayName": f"User {person}",
            "avatar": None,
            "verified": {"email": True},
        }
        for person in world.authors.person.tolist()
    ]
    rows = zip(ids.posts, posts.author.tolist(), posts.kind.tolist(), posts.photos.tolist(), messages, strict=True)
    return [
        {"_id": post, "author": authors[author], "type": KINDS[kind], "payload": _payload(row, kind, photos, message)}
        for row, (post, author, kind, photos, message) in enumerate(rows)
    ]


def _payload(row: int, kind: int, photos: int, message: str) -> Document:
    payload: Document = {}
    if kind != IMAGE:
        payload["message"] = message
    if KINDS[kind] == "blog":
        payload["header"] = message[:40]
    if photos:
        payload["photo"] = {
            "contents": [{"image": f"https://img.example.org/{row}/{photo}.jpg"} for photo in range(photos)]
        }
    return payload


def engagements(world: World, ids: Identities, rows: Engagements, purpose: str) -> Iterator[Document]:
    """Engagements as the application stores them; `purpose` keeps the ids of past and held-out ones apart."""
    at = dates(world, rows.at)
    items = object_ids(world, f"{purpose} items", rows.at)
    keys = object_ids(world, purpose, rows.at)
    columns = zip(keys, rows.person.tolist(), rows.post.tolist(), rows.kind.tolist(), strict=True)
    for row, (key, person, post, kind) in enumerate(columns):
        document = {
            "_id": key,
            "user": ids.users[person],
            "account": ids.accounts[person],
            "targetRef": {"$ref": "content", "$id": ids.posts[post]},  # a DBRef on the wire, and faster to encode
            "type": ENGAGEMENT_KINDS[kind],
            "visibility": "publish",
            "createdAt": at[row],
            "updatedAt": at[row],
        }
        if ENGAGEMENT_KINDS[kind] in CREATING:
            document["itemId"] = items[row]
        yield document


def feed_items(world: World, ids: Identities) -> Iterator[Document]:
    """Exposures as feed items; `offScreenAt` is absent where the phone did not report it."""
    exposures = world.exposures
    called_at, seen_at = dates(world, exposures.seen_at - 2.0), dates(world, exposures.seen_at)
    reported = ~np.isnan(exposures.off_screen_at)
    off_screen_at = dates(world, np.where(reported, exposures.off_screen_at, 0.0))
    rows = zip(
        object_ids(world, "feeditems", exposures.seen_at),
        exposures.viewer.tolist(),
        exposures.post.tolist(),
        world.posts.author[exposures.post].tolist(),
        exposures.score.round(5).tolist(),
        exposures.personal.tolist(),
        reported.tolist(),
        strict=True,
    )
    uuids = [str(credential) for credential in ids.credentials]
    for row, (key, viewer, post, author, score, personal, was_reported) in enumerate(rows):
        document = {
            "_id": key,
            "viewer": ids.accounts[viewer],
            "content": ids.posts[post],
            "author": ids.authors[author],
            "calledAt": called_at[row],
            "seenAt": seen_at[row],
            "seenCredential": ids.credentials[viewer],
            "seenUUID": uuids[viewer],
            "analytics": {"score": score, "source": "personal" if personal else "global"},
            "visibility": "publish",
            "createdAt": called_at[row],
            "updatedAt": seen_at[row],
        }
        if was_reported:
            document["offScreenAt"] = off_screen_at[row]
        yield document


def suspicious_credentials(world: World, ids: Identities) -> Iterator[Document]:
    """Credentials of heavy readers that a person has reviewed."""
    reviews = world.reviews
    n = len(reviews)
    first, last = dates(world, reviews.first_seen_at), dates(world, reviews.last_seen_at)
    created_at, verified_at = dates(world, np.full(n, -7200.0)), dates(world, np.arange(n, dtype=np.float64) - 5400.0)
    keys = object_ids(world, "suspiciouscredentials", np.full(n, -7200.0))
    for row, (key, viewer) in enumerate(zip(keys, reviews.viewer.tolist(), strict=True)):
        yield {
            "_id": key,
            "seenCredential": ids.credentials[viewer],
            "firstSeenAt": first[row],
            "lastSeenAt": last[row],
            "createdAt": created_at[row],
            "verificationStatus": bool(reviews.verdict[row]),
            "verifiedAt": verified_at[row],
        }
