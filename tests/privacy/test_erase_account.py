"""An erased account is in no model, no statistic and no feed, and no queue brings it back."""

import json
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from functions.coldstart import build_guest_feed
from functions.feed import plan_personal_training, refresh_catalogue, train_personal
from functions.feed.store.erasure_notes import ErasureNotes
from functions.privacy import erase_account
from functions.stats import (
    refresh_content_stats,
    refresh_creator_stats,
    refresh_engagement_stats,
    refresh_hashtag_stats,
)
from functions.stats.options import ContentStats, CreatorStats, EngagementStats, HashtagStats
from shared.errors import BadEvent
from shared.store import erasures
from tests.bots.conftest import extract, like_a_bot, readings, suspect
from tests.factories import account, an_id, engagement, post, topic, topics_of, user
from tests.networks import HOUR, NOON, QUICK, QUICK_MEMBERS, SHORT, opened

handler = import_module("functions.privacy.handlers.erase_account").handler
ANN = str(an_id("account of ann"))


def plan(network):
    messages: list[Any] = []
    plan_personal_training.run(network.store, network.registry, messages.extend, QUICK_MEMBERS, QUICK, now=NOON)
    return [account_id for message in messages for account_id in message["accounts"]]


def train(network, accounts):
    train_personal.forget()
    trainer = train_personal.open_trainer(network.store, network.registry, QUICK, QUICK_MEMBERS, now=NOON)
    return train_personal.run(network.store, trainer, network.registry, QUICK, QUICK_MEMBERS, accounts, now=NOON)


@pytest.fixture
def network(mongo_uri, client):
    """Ann and bob each write and like; every function that keeps something has run."""
    with opened(mongo_uri, client) as network:
        store, app = network.store, network.store.app
        app.accounts.insert_many([account(f"account of {who}", now=NOON) for who in ("ann", "bob")])
        app.users.insert_many([user(who, now=NOON) for who in ("ann", "bob")])
        app.contents.insert_many(
            [post(f"by {who}", now=NOON, author=who, likes=1, hashtags=["goal"]) for who in ("ann", "bob")]
        )
        app.contents.update_many({}, {"$set": {"payload.message": "#goal"}})
        original = {"_id": an_id("by ann"), "author": {"id": an_id("ann")}}
        app.contents.insert_one(post("quote", now=NOON, author="bob", originalPost=original, isQuote=True))
        pairs = [("ann", "by bob"), ("bob", "by ann")]
        app.engagements.insert_many([engagement(who, name, at=NOON - HOUR / 2) for who, name in pairs])
        app.contentinfo.insert_many([topics_of(f"by {who}", "goals", at=NOON) for who in ("ann", "bob")])
        store.analytics.topics.insert_one(topic("goals"))
        refresh_content_stats.run(store, ContentStats(), now=NOON)
        refresh_creator_stats.run(store, CreatorStats(), now=NOON)
        refresh_hashtag_stats.run(store, HashtagStats(), now=NOON)
        refresh_engagement_stats.run(store, EngagementStats(), now=NOON)
        build_guest_feed.run(store, network.registry, SHORT, QUICK, now=NOON)
        refresh_catalogue.run(store, network.registry, network.snapshots, QUICK, QUICK_MEMBERS, now=NOON)
        train(network, plan(network))
        yield network


def mentions(network, *names):
    """Our collections that hold one of these ids."""
    ids = {str(an_id(name)) for name in names}
    ours = [(network.store.analytics, name) for name in network.store.analytics.list_collection_names()]
    ours += [(network.store.app, name) for name in ("guestfeeditems", "contentinfo")]
    return {
        name
        for database, name in ours
        for row in database[name].find()
        if name != "erasures" and any(identity in json.dumps(row, default=str) for identity in ids)
    }


def test_nothing_of_the_account_stays_in_any_collection_of_ours(network):
    assert mentions(network, "account of ann", "ann", "by ann") >= {
        "mlArtifacts", "contentStats", "creatorStats", "hashtagStats", "userEngagementStats", "guestfeeditems",
        "contentinfo",
    }  # fmt: skip

    report = erase_account.run(network.store, ANN, now=NOON)

    assert mentions(network, "account of ann", "ann", "by ann") == set()
    assert report.removed >= 7
    assert "mlArtifacts" in mentions(network, "account of bob", "bob", "by bob"), "others stay"


def test_erasing_again_changes_nothing(network):
    erase_account.run(network.store, ANN, now=NOON)

    report = erase_account.run(network.store, ANN, now=NOON)

    assert report.as_dict() == {"read": 0, "written": 0}


def test_what_waits_in_a_queue_brings_nobody_back(network):
    waiting = [ANN, str(an_id("account of bob"))]
    erase_account.run(network.store, ANN, now=NOON)

    report = train(network, waiting)

    assert report.details["erased"] == 1
    assert "mlArtifacts" not in mentions(network, "account of ann")


def test_an_account_that_the_application_has_deleted_already_is_erased_too(network):
    network.store.app.accounts.delete_one({"_id": an_id("account of ann")})

    erase_account.run(network.store, ANN, now=NOON)

    assert "mlArtifacts" not in mentions(network, "account of ann")


@pytest.mark.parametrize("event", [{}, {"accountId": "ann"}, {"accountId": {"$ne": None}}])
def test_only_an_id_is_erased(deployed, event):
    with pytest.raises(BadEvent, match="accountId"):
        handler(event, None)


@pytest.fixture
def readers(network):
    """Ann and bob read by a credential each; both are described and ann waits for a verdict."""
    store, rng = network.store, np.random.default_rng(1)
    for who in ("ann", "bob"):
        items = readings(f"device of {who}", *like_a_bot(rng))
        store.app.feeditems.insert_many([item | {"viewer": an_id(f"account of {who}")} for item in items])
    extract(store)
    store.app.suspiciouscredentials.insert_one(suspect(store, "device of ann"))
    return store


def reading_of(store, who):
    return [
        database[name].count_documents({"seenCredential": an_id(f"device of {who}")})
        for database, name in ((store.analytics, "credentialfeatures"), (store.app, "suspiciouscredentials"))
    ]


def test_how_an_account_reads_is_forgotten_and_not_described_again(network, readers):
    erase_account.run(readers, ANN, now=NOON)

    assert (reading_of(readers, "ann"), reading_of(readers, "bob")) == ([0, 0], [1, 0])
    extract(readers, now=NOON + 25 * HOUR)  # everybody, while the application's own exposures are still there
    assert (reading_of(readers, "ann"), reading_of(readers, "bob")) == ([0, 0], [1, 0])


def test_what_a_run_wrote_that_had_begun_before_the_erasure_goes_with_the_next(network, readers):
    row = readers.analytics.credentialfeatures.find_one({"seenCredential": an_id("device of ann")})
    erase_account.run(readers, ANN, now=NOON)
    readers.analytics.credentialfeatures.insert_one(row)

    report = extract(readers, now=NOON + HOUR / 12)

    assert report.removed == 1
    assert reading_of(readers, "ann") == [0, 0]


def test_posts_that_are_too_many_for_one_document_stand_in_several(network, monkeypatch):
    monkeypatch.setattr(erasures, "POSTS_A_DOCUMENT", 2)
    store, notes = network.store, network.store.analytics.erasures
    hers = {f"hers {n}" for n in range(5)}
    store.app.contents.insert_many([post(name, now=NOON, author="ann") for name in hers])
    gone = {f"gone {n}" for n in range(4)}
    store.app.contentinfo.insert_many([topics_of(name, "goals", at=NOON) for name in gone])
    erase_account.run(store, ANN, now=NOON)
    store.app.contents.insert_one(post("a later one", now=NOON, author="ann"))
    for at in (NOON + HOUR, NOON + 2 * HOUR):
        erase_account.run(store, ANN, now=at)

    erased = store.tombstones.read(posts=True)
    assert erased.accounts == {an_id("account of ann")}
    assert erased.posts >= set(map(an_id, {*hers, *gone, "by ann", "a later one"}))
    assert max(len(note["posts"]) + len(note["gone"]) for note in notes.find()) == 2
    assert notes.distinct("erasedAt") == [NOON + 2 * HOUR], "all of them expire together"
    assert sum(len(note["posts"]) + len(note["gone"]) for note in notes.find()) == len(erased.posts), "each once"
    assert store.tombstones.posts_among(erased.posts) == erased.posts
    assert store.tombstones.unsearched() == erased
    ErasureNotes(store).searched(store.tombstones.state(), now=NOON)
    assert not store.tombstones.unsearched()
    store.app.contents.insert_many([post(name, now=NOON, author="bob") for name in gone])
    assert erased.posts - store.tombstones.read(posts=True).posts == set(map(an_id, gone))
    assert store.tombstones.posts_among(map(an_id, {*gone, *hers})) == set(map(an_id, hers))


def test_a_user_under_its_hex_digits_is_erased_too(network):
    app = network.store.app
    ann = app.users.find_one_and_delete({"_id": an_id("ann")})
    app.users.insert_one(ann | {"_id": str(an_id("ann")).upper()})

    erase_account.run(network.store, ANN, now=NOON)

    assert mentions(network, "account of ann", "ann", "by ann") == set()


def test_a_hashtag_is_made_again_after_the_erasure_of_one_who_used_it(network):
    """Also where its posts are the same as before: one of bob's is away only while ann is erased."""
    app, row = network.store.app, network.store.analytics.hashtagStats.find_one
    refresh_hashtag_stats.run(network.store, HashtagStats(), now=NOON)
    before = row({"_id": "goal"})
    away = app.contents.find_one_and_delete({"_id": an_id("by bob")})
    app.users.insert_one(user("nobody", now=NOON, account="account of nobody"))
    erase_account.run(network.store, str(an_id("account of nobody")), now=NOON)
    app.contents.insert_one(away)
    refresh_hashtag_stats.run(network.store, HashtagStats(), now=NOON + HOUR / 12)

    assert row({"_id": "goal"})["contributorCount"] == before["contributorCount"]
    contributions = [after["aggregator"]["contributions"] for after in (before, row({"_id": "goal"}))]
    assert contributions[0] == contributions[1]
