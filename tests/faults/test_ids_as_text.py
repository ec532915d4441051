"""An id that the application stored as 24 hex digits is the same id, to every function."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from bson import DBRef, ObjectId

from functions.feed import train_personal
from functions.feed.serve_feed import ROUTES
from local.functions import function
from local.http import event_of
from shared.config import forget_settings
from shared.documents import Document
from shared.runtime import queue
from shared.runtime.tokens import token_for
from shared.store import Store, close_store
from tests.conftest import API_KEY
from tests.factories import account, an_id, engagement, exposure, follow, post, topic, topics_of, user

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
HOUR = timedelta(hours=1)
PEOPLE = ("ann", "bob", "cat", "dog", "eve", "fox")
POSTS = [f"p{n}" for n in range(40)]
OPTIONS = {"guest_feed": {"rows_per_country": 10}, "bots": {"limit": 40, "least_readings": 20}}
JOBS = (
    *("refresh_content_stats", "refresh_creator_stats", "refresh_hashtag_stats", "refresh_engagement_stats"),
    *("train_coldstart", "build_guest_feed", "refresh_catalogue", "plan_personal_training", "train_personal"),
    *("measure_feed", "extract_reading_features", "sweep_verdicts"),
)
SOURCES = ("contents", "users", "engagements", "relationships", "feeditems", "contentinfo", "suspiciouscredentials")
DERIVED = (
    *("contentStats", "creatorStats", "hashtagStats", "userEngagementStats", "credentialfeatures"),
    *("guestfeeditems", "feedperformances"),
)


def write(store: Store) -> None:
    """People who post, repeat, like, read and follow, of whom one is blocked and one withdrawn."""
    app = store.app
    app.accounts.insert_many([account(f"account of {who}", now=NOW, country="th") for who in PEOPLE])
    app.accounts.update_one({"_id": an_id("account of fox")}, {"$set": {"visibility": "deleted"}})
    app.users.insert_many([user(who, now=NOW, followerCount=3) for who in PEOPLE])
    app.contents.insert_many(
        post(one, now=NOW, age_hours=2 + n, author=PEOPLE[n % 6], likes=n % 5, payload={"message": f"see #tag{n % 3}"})
        for n, one in enumerate(POSTS)
    )
    quoted: Document = {"originalPost": {"_id": an_id("p1"), "author": {"id": an_id("bob")}}}
    app.contents.insert_many(
        [post("recast", now=NOW, author="cat", isRecast=True, **quoted), post("quote", now=NOW, author="cat", **quoted)]
    )
    store.analytics.topics.insert_many([topic("sports"), topic("football", "sports")])
    app.contentinfo.insert_many(topics_of(one, "sports", "football", at=NOW) for one in POSTS[::2])
    store.analytics.contentfiltering.insert_many(
        {"contentId": an_id(one), "textDiversity": 0.1 * (n % 9), "language": "en"} for n, one in enumerate(POSTS)
    )
    app.engagements.insert_many(
        engagement(PEOPLE[(n + more) % 6], one, at=NOW - HOUR) for n, one in enumerate(POSTS) for more in (1, 2)
    )
    app.relationships.insert_many(
        follow(who, whom, at=NOW) for who, whom in (("cat", "dog"), ("dog", "eve"), ("dog", "ann"))
    )
    app.relationships.insert_one(follow("cat", "bob", at=NOW, following=False, blocking=True))
    rng, at = np.random.default_rng(0), NOW - timedelta(days=3)
    for number in range(60):
        at += timedelta(minutes=float(rng.uniform(1, 9)))
        seen = exposure("cat", POSTS[number % 20], at=at, seenCredential=an_id("phone"), analytics={"source": "global"})
        app.feeditems.insert_one(seen | {"offScreenAt": at + timedelta(seconds=float(rng.uniform(1, 9)))})


def as_text(value: Any, depth: int = 0) -> Any:
    """Every id in it as hex digits, some of them in capitals; that of a document itself stays."""
    if isinstance(value, ObjectId):
        return str(value).upper() if value.binary[0] % 2 else str(value)
    if isinstance(value, DBRef):
        return DBRef(value.collection, as_text(value.id))
    if isinstance(value, list):
        return [as_text(one, depth + 1) for one in value]
    if isinstance(value, dict):
        return {name: one if name == "_id" and not depth else as_text(one, depth + 1) for name, one in value.items()}
    return value


def everything(store: Store) -> dict[str, Any]:
    """What the functions make of the network, and what they answer."""
    found: dict[str, Any] = {}
    for stem in JOBS:
        payload = None
        if stem == "train_personal":
            found["queued"] = sorted(one for message in queue.waiting for one in message["accounts"])
            body = json.dumps({"time": NOW.isoformat(), "accounts": found["queued"]})
            payload = {"Records": [{"messageId": "m", "body": body, "attributes": {}, "eventSource": "aws:sqs"}]}
        answer = function(stem).invoke(at=NOW, payload=payload)
        found[stem] = {name: value for name, value in answer.items() if name != "kilobytes"}
    for name in DERIVED:
        database = store.app if name == "guestfeeditems" else store.analytics
        hidden = {"_id": 0, "expiresAt": 0} if name in ("userEngagementStats", "credentialfeatures") else {}
        found[name] = sorted(map(repr, database[name].find({}, hidden)))
    for who in ("cat", "dog"):
        bearer = token_for(str(an_id(f"account of {who}")), API_KEY.encode(), now=datetime.now(UTC), valid_for=HOUR)
        headers = {"authorization": f"Bearer {bearer}", "content-type": "application/json"}
        for route in ROUTES:
            asked = json.dumps({"contents": [str(an_id(one)) for one in POSTS]} if "predict" in route.path else {})
            event = event_of(route.method, route.path, headers, b"" if route.method == "GET" else asked.encode())
            answer = function("serve_feed").handler(event, None)
            said = {name: one for name, one in json.loads(answer["body"]).items() if name != "predicted_at"}
            found[f"{who} {route.path}"] = answer["statusCode"], rounded(said)
    return found


def rounded(value: Any) -> Any:
    """Scores move with the clock between two calls."""
    if isinstance(value, float):
        return round(value, 3)
    if isinstance(value, dict):
        return {name: rounded(one) for name, one in value.items()}
    return [rounded(one) for one in value] if isinstance(value, list) else value


@pytest.fixture
def town(deployed: None, store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("FEEDKEEPER_OPTIONS", json.dumps(OPTIONS))
    forget_settings()
    write(store)
    return store


def test_every_function_makes_the_same_of_ids_in_either_form(town):
    kept = {name: list(town.app[name].find()) for name in SOURCES}
    kept_filtering = list(town.analytics.contentfiltering.find())
    topics = list(town.analytics.topics.find())
    expected = everything(town)
    for name in town.analytics.list_collection_names():
        town.analytics[name].delete_many({})
    town.app.guestfeeditems.delete_many({})
    for name, documents in kept.items():
        town.app[name].delete_many({})
        if documents:
            town.app[name].insert_many(map(as_text, documents))
    town.analytics.contentfiltering.insert_many(map(as_text, kept_filtering))
    town.analytics.topics.insert_many(map(as_text, topics))
    close_store()
    train_personal.forget()
    queue.waiting.clear()

    found = everything(town)

    assert expected["userEngagementStats"], "the network is one that functions make something of"
    assert expected["credentialfeatures"]
    assert {name: found[name] for name in expected if found[name] != expected[name]} == {}
