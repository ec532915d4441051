"""Whatever is wrong with the data, a model or the database: an account gets a finite answer in time."""

import json
import math
import time
from importlib import import_module
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from bson import Decimal128, Int64
from pymongo import MongoClient

from functions.coldstart import build_guest_feed, train_coldstart
from functions.feed import plan_personal_training, rank_contents, recommend_home, refresh_catalogue, train_members
from functions.feed import train_personal as training
from functions.feed.feed_ranker import FeedRanker
from functions.feed.options import Home
from functions.feed.pages import Page
from functions.feed.post_index import FINGERPRINT, NAME, PostIndex
from functions.feed.requests import HomeRequest
from functions.privacy import erase_account
from shared.config import forget_settings
from shared.documents import Document
from shared.runtime import direct
from shared.store import close_store
from tests.conftest import falling_silent
from tests.factories import account, an_id, engagement, exposure, post
from tests.networks import HOUR, NOON, QUICK, QUICK_MEMBERS, SHORT, Network, opened, write_village
from tests.waiting import allowed

SILENT = f"silent-{uuid4().hex[:12]}-"
NUMBERS = [
    float("nan"), float("inf"), -7, 10**18, Int64(2**63 - 1), 1.7e308, Decimal128("NaN"), "12", None, True, [],
    {"a": 1},
]  # fmt: skip


@pytest.fixture
def village(mongo_uri: str, client: MongoClient[Document]) -> Any:
    with opened(mongo_uri, client) as network:
        write_village(network.store)
        yield network
    training.forget()


def run_everything(network: Network) -> None:
    build_guest_feed.run(network.store, network.registry, SHORT, QUICK, now=NOON)
    train_all(network)


def train_all(network: Network) -> None:
    store, registry = network.store, network.registry
    train_coldstart.run(store, registry, QUICK, now=NOON)
    refresh_catalogue.run(store, registry, network.snapshots, QUICK, QUICK_MEMBERS, now=NOON)
    train_members.run(store, registry, QUICK, QUICK_MEMBERS, now=NOON)
    messages: list[Any] = []
    plan_personal_training.run(store, registry, messages.extend, QUICK_MEMBERS, QUICK, now=NOON)
    training.forget()
    trainer = training.open_trainer(store, registry, QUICK, QUICK_MEMBERS, now=NOON)
    for message in messages:
        training.run(store, trainer, registry, QUICK, QUICK_MEMBERS, message["accounts"], now=NOON)


def answers(network: Network, who: str) -> tuple[dict[str, float], Page]:
    feed_ranker = FeedRanker(network.store, network.registry, network.snapshots, QUICK_MEMBERS)
    key = str(an_id(f"account of {who}"))
    ranked = rank_contents.run(feed_ranker, key, [str(an_id(f"p{n}")) for n in range(30)], now=NOON)
    return ranked, recommend_home.run(feed_ranker, Home(), key, HomeRequest(max_results=10), now=NOON)


@pytest.mark.parametrize("number", NUMBERS, ids=repr)
def test_no_number_of_the_data_reaches_a_score(village: Network, number: Any) -> None:
    app = village.store.app
    app.contents.update_many({}, {"$set": {"engagements.like.count": number, "payload.photo": {"contents": number}}})
    app.engagements.insert_one(engagement("thai", "p1", at=NOON - HOUR / 3, kind="like", createdAt=number))
    app.feeditems.insert_one(exposure("thai", "p2", at=NOON - HOUR, offScreenAt=number))
    village.store.analytics.contentfiltering.insert_one(
        {"contentId": an_id("p3"), "junkOutput": {"class": "junk", "score": number}, "textDiversity": number}
    )
    app.contentinfo.insert_one({"contentId": an_id("p4"), "vector": number, "topics": number, "language": number})

    run_everything(village)
    ranked, page = answers(village, "thai")

    assert len(ranked) == 30
    assert all(math.isfinite(score) and score >= 0 for score in ranked.values())
    assert page.items
    assert all(math.isfinite(item.score) for item in page.items)


SPARSE = {
    "nobody engages": {"engagements": {}},
    "one person": {"engagements": {"account": {"$ne": an_id("account of thai")}}},
    "one post": {"engagements": {"targetRef.$id": {"$ne": an_id("p0")}}},
    "no accounts": {"accounts": {"_id": {"$ne": an_id("account of thai")}}, "users": {}},
    "no posts": {"contents": {}},
}


@pytest.mark.parametrize("removed", SPARSE.values(), ids=SPARSE)
def test_a_network_with_next_to_nothing_in_it_is_trained_and_answered(village: Network, removed: Document) -> None:
    for name, query in removed.items():
        village.store.app[name].delete_many(query)
    train_all(village)
    feed_ranker = FeedRanker(village.store, village.registry, village.snapshots, QUICK_MEMBERS)

    ranked = rank_contents.run(feed_ranker, str(an_id("account of thai")), [str(an_id("p0"))], now=NOON)

    assert all(math.isfinite(score) for score in ranked.values())


def test_who_is_erased_while_models_are_trained_is_in_none_of_them(village: Network) -> None:
    run_everything(village)
    messages: list[Any] = []
    village.store.analytics.watermarks.delete_many({})
    village.store.analytics.mlArtifacts.delete_many({})
    plan_personal_training.run(village.store, village.registry, messages.extend, QUICK_MEMBERS, QUICK, now=NOON)
    training.forget()
    trainer = training.open_trainer(village.store, village.registry, QUICK, QUICK_MEMBERS, now=NOON)

    erase_account.run(village.store, str(an_id("account of thai")), now=NOON)
    for message in messages:
        training.run(village.store, trainer, village.registry, QUICK, QUICK_MEMBERS, message["accounts"], now=NOON)

    trained = set(village.store.analytics.mlArtifacts.distinct("account"))
    assert trained == {an_id("account of american"), an_id("account of nomad")}
    assert village.store.analytics.erasures.distinct("_id") == [an_id("account of thai")], "it is on record"


def test_without_any_model_or_snapshot_there_is_an_order_and_a_guest_feed(village: Network) -> None:
    run_everything(village)
    for name in ("mlArtifacts", "mlArtifacts_members", "mlArtifacts_country", "mlArtifacts_global", "snapshots"):
        village.store.analytics[name].update_many({"signature": {"$exists": True}}, {"$set": {"signature": "forged"}})
    village.store.analytics.artifactVersions.delete_many({})
    feed_ranker = FeedRanker(village.store, village.registry, village.snapshots, QUICK_MEMBERS)

    ranked = rank_contents.run(
        feed_ranker, str(an_id("account of thai")), [str(an_id("p0")), str(an_id("p9"))], now=NOON
    )
    build_guest_feed.run(village.store, village.registry, SHORT, QUICK, now=NOON + HOUR)

    assert list(ranked) == [str(an_id("p0")), str(an_id("p9"))], "the newer first"
    assert len(feed_ranker.refused) >= 2
    assert village.feed("th")


def test_a_damaged_snapshot_leaves_the_one_before_in_use(village: Network) -> None:
    run_everything(village)
    feed_ranker = FeedRanker(village.store, village.registry, village.snapshots, QUICK_MEMBERS)
    feed_ranker.refresh(NOON)
    later = NOON + HOUR
    refresh_catalogue.run(village.store, village.registry, village.snapshots, QUICK, QUICK_MEMBERS, now=later)
    version = village.snapshots.head(NAME).version  # type: ignore[union-attr]
    village.store.analytics.snapshots.update_one(
        {"version": version, "family": "snapshot"}, {"$set": {"artifact": b"x"}}
    )

    feed_ranker.refresh(later)

    assert "the bytes are not those that were stored" in feed_ranker.refused[0]
    assert feed_ranker.post_index is not None
    assert len(feed_ranker.post_index) == 30


def test_arrays_that_do_not_belong_together_are_refused(village: Network) -> None:
    run_everything(village)
    head = village.snapshots.head(NAME)
    assert head is not None
    arrays = village.snapshots.load(NAME, head, FINGERPRINT)

    with pytest.raises(TypeError):
        PostIndex(**{name: array for name, array in arrays.items() if name != "topic"})
    assert np.isfinite(PostIndex(**arrays).logits.astype(float)).all()


@pytest.fixture
def silent(private_server: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A deployment whose database falls silent at every read."""
    with MongoClient[Document](private_server) as admin:
        for name, value in {"MONGO_URI": private_server, "DB_PREFIX": SILENT, "ARTIFACT_KEYS": "k" * 32}.items():
            monkeypatch.setenv(name, value)
        forget_settings()
        close_store()
        admin[f"{SILENT}app-db"].accounts.insert_one(account("account of cat", now=NOON))
        admin[f"{SILENT}app-db"].contents.insert_one(post("p0", now=NOON))
        with falling_silent(private_server, "find", "aggregate"):
            yield
        admin.drop_database(f"{SILENT}app-db")
        close_store()
        forget_settings()


@pytest.mark.parametrize("stem", ["rank_contents", "recommend_home", "recommend_people"])
def test_a_database_that_falls_silent_is_answered_for_in_time(silent: None, stem: str) -> None:
    handler = import_module(f"functions.feed.handlers.{stem}").handler
    began = time.monotonic()

    answer = json.loads(json.dumps(handler({"accountId": str(an_id("account of cat")), "contents": ["a"]}, None)))

    assert time.monotonic() - began < allowed(direct.ANSWER_WITHIN_S + 2)
    assert answer["code"] == 1001
    assert "database" in answer["reason"]


def test_a_refused_model_is_told_with_the_answer(deployed: None, store: Any, logged: Any) -> None:
    store.app.accounts.insert_one(account("account of cat", now=NOON))
    forged = {"account": an_id("account of cat"), "model": "xgboost", "artifact": b"\x80\x04N.", "version": "1"}
    store.analytics.mlArtifacts.insert_one(forged)
    handler = import_module("functions.feed.handlers.rank_contents").handler

    answer = handler({"accountId": str(an_id("account of cat")), "contents": []}, None)

    assert answer["code"] == 200
    assert logged()[-1]["report"]["refused_models"] == 1
