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
        post(name, now=NOW, age_hours=2 + n, author=PEOPLE[n % 6], likes=n % 5, payload={"message": f"see #tag{n % 3}"})
        for n, name in enumerate(POSTS)
    )
    quoted: Document = {"originalPost": {"_id": an_id("p1"), "author": {"id": an_id("bob")}}}
    app.contents.insert_many(
        [post("recast", now=NOW, author="cat", isRecast=True, **quoted), post("quote", now=NOW, author="cat", **quoted)]
    )
    store.analytics.topics.insert_many([topic("sports"), topic("football", "sports")])
    app.contentinfo.insert_many(topics_of(name, "sports", "football", at=NOW) for name in POSTS[::2])
    store.analytics.contentfiltering.insert_many(
        {"contentId": an_id(name), "textDiversity": 0.1 * (n % 9), "language": "en"} for n, name in enumerate(POSTS)
    )
    app.engagements.insert_many(
        engagement(PEOPLE[(n + offset) % 6], name, at=NOW - HOUR) for n, name in enumerate(POSTS) for offset in (1, 2)
    )
    app.relationships.insert_many(
        follow(who, whom, at=NOW) for who, whom in (("cat", "dog"), ("dog", "eve"), ("dog", "ann"))
    )
    app.relationships.insert_one(follow("cat", "bob", at=NOW, following=False, blocking=True))
    rng, at = np.random.default_rng(0), NOW - timedelta(days=3)
    for number in range(60):
        at += timedelta(minutes=float(rng.uniform(1, 9)))
        impression = exposure(
            "cat", POSTS[number % 20], at=at, seenCredential=an_id("phone"), analytics={"source": "global"}
        )
        app.feeditems.insert_one(impression | {"offScreenAt": at + timedelta(seconds=float(rng.uniform(1, 9)))})


def as_text(value: Any, depth: int = 0) -> Any:
    """The value with every id as hex digits, some of them upper case; only the `_id` of a document itself stays."""
    if isinstance(value, ObjectId):
        return str(value).upper() if value.binary[0] % 2 else str(value)
    if isinstance(value, DBRef):
        return DBRef(value.collection, as_text(value.id))
    if isinstance(value, list):
        return [as_text(element, depth + 1) for element in value]
    if isinstance(value, dict):
        return {key: item if key == "_id" and not depth else as_text(item, depth + 1) for key, item in value.items()}
    return value


def everything(store: Store) -> dict[str, Any]:
    """The outputs and the answers of all functions."""
    results: dict[str, Any] = {}
    for stem in JOBS:
        payload = None
        if stem == "train_personal":
            results["queued"] = sorted(key for message in queue.waiting for key in message["accounts"])
            body = json.dumps({"time": NOW.isoformat(), "accounts": results["queued"]})
            payload = {"Records": [{"messageId": "m", "body": body, "attributes": {}, "eventSource": "aws:sqs"}]}
        answer = function(stem).invoke(at=NOW, payload=payload)
        results[stem] = {name: value for name, value in answer.items() if name != "kilobytes"}
    for name in DERIVED:
        database = store.app if name == "guestfeeditems" else store.analytics
        hidden = {"_id": 0, "expiresAt": 0} if name in ("userEngagementStats", "credentialfeatures") else {}
        results[name] = sorted(map(repr, database[name].find({}, hidden)))
    for who in ("cat", "dog"):
        bearer = token_for(str(an_id(f"account of {who}")), API_KEY.encode(), now=datetime.now(UTC), valid_for=HOUR)
        headers = {"authorization": f"Bearer {bearer}", "content-type": "application/json"}
        for route in ROUTES:
            request = json.dumps({"contents": [str(an_id(name)) for name in POSTS]} if "predict" in route.path else {})
            event = event_of(route.method, route.path, headers, b"" if route.method == "GET" else request.encode())
            answer = function("serve_feed").handler(event, None)
            fields = {name: value for name, value in json.loads(answer["body"]).items() if name != "predicted_at"}
            results[f"{who} {route.path}"] = answer["statusCode"], rounded(fields)
    return results


def rounded(value: Any) -> Any:
    """The value with rounded numbers, since scores change with the clock between two calls."""
    if isinstance(value, float):
        return round(value, 3)
    if isinstance(value, dict):
        return {name: rounded(item) for name, item in value.items()}
    return [rounded(element) for element in value] if isinstance(value, list) else value


@pytest.fixture
def town(deployed: None, store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("FEEDKEEPER_OPTIONS", json.dumps(OPTIONS))
    forget_settings()
    write(store)
    return store


def test_every_function_has_the_same_results_for_ids_in_either_form(town):
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

    actual = everything(town)

    assert expected["userEngagementStats"], "the network is large enough for the functions to have results"
    assert expected["credentialfeatures"]
    assert {name: actual[name] for name in expected if actual[name] != expected[name]} == {}
