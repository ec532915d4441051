"""Ranking of given posts for an account: scores, which model gives them, and which posts get 0."""

import json
import math
from datetime import UTC, datetime
from importlib import import_module

import pytest
from bson import ObjectId

from functions.feed import rank_contents, recommend_home, refresh_catalogue
from functions.feed.options import Home
from functions.feed.requests import HomeRequest
from shared.artifacts import Registry
from shared.errors import NotFound
from shared.store import open_store, schema
from tests.factories import account, an_id, engagement, follow, post, write_users
from tests.feed.conftest import feed_ranker_of, train_accounts, train_everything
from tests.networks import HOUR, NOON, QUICK, QUICK_MEMBERS

handler = import_module("functions.feed.handlers.rank_contents").handler


def ids(*names):
    return [str(an_id(name)) for name in names]


def published(network, limit):
    """Ids of published posts, at most so many."""
    return [str(post["_id"]) for post in network.store.app.contents.find({"visibility": "publish"}).limit(limit)]


def rank(network, who, contents, feed_ranker=None, now=NOON):
    return rank_contents.run(feed_ranker or feed_ranker_of(network), str(an_id(f"account of {who}")), contents, now=now)


def home_of(network, who):
    account = str(an_id(f"account of {who}"))
    return recommend_home.run(feed_ranker_of(network), Home(), account, HomeRequest(), now=NOON)


def test_every_id_has_a_finite_number_and_the_best_comes_first(world):
    viewer = world.store.analytics.mlArtifacts.find_one()["account"]
    posts = published(world, 200)

    scores = rank_contents.run(feed_ranker_of(world), str(viewer), posts, now=NOON)

    assert set(scores) == set(posts)
    assert all(math.isfinite(score) and score > 0 for score in scores.values())
    assert list(scores.values()) == sorted(scores.values(), reverse=True)


def test_ids_of_users_strangers_and_no_ids_at_all_get_zero_and_duplicates_are_one(world):
    viewer = world.store.analytics.mlArtifacts.find_one()["account"]
    post = str(world.store.app.contents.find_one({"visibility": "publish"})["_id"])
    user = str(world.store.app.users.find_one()["_id"])
    hidden = str(world.store.app.contents.find_one({"visibility": "deleted"})["_id"])

    scores = rank_contents.run(
        feed_ranker_of(world), str(viewer), [post, post, user, hidden, "no id", "$ne", post.upper()], now=NOON
    )

    assert scores.pop(post) == scores.pop(post.upper()) > 0
    assert scores == {user: 0, hidden: 0, "no id": 0, "$ne": 0}


@pytest.fixture
def friends(village):
    """A fan likes what author 1 writes, again and again; a follower follows author 2; both read as all do."""
    app = village.store.app
    write_users(app, "fan", "follower", "lurker", now=NOON)
    app.engagements.insert_many([engagement("fan", f"p{n}", at=NOON - HOUR / 3) for n in (1, 11)])
    app.relationships.insert_one(follow("follower", "author 2", at=NOON - 9 * HOUR))
    return village


def test_without_any_model_popularity_with_decay_answers(friends):
    for name, likes in (("p0", 2), ("p9", 2), ("p1", 0), ("p27", 30)):
        friends.store.app.contents.update_one({"_id": an_id(name)}, {"$set": {"engagements.like.count": likes}})

    scores = rank(friends, "lurker", ids("p0", "p1", "p9", "p27"))

    assert list(scores) == ids("p27", "p0", "p9", "p1"), "by likes, halved every 24 hours"


def test_a_post_that_is_newer_than_the_index_is_ranked_too(world):
    viewer = str(world.store.analytics.mlArtifacts.find_one()["account"])
    indexed = published(world, 20)
    feed_ranker = feed_ranker_of(world)
    world.store.app.contents.insert_one(post("brand new", now=NOON, age_hours=0, likes=5))
    write_users(world.store.app, "ann", now=NOON)

    scores = rank_contents.run(feed_ranker, viewer, [*indexed, *ids("brand new")], now=NOON)

    world.store.app.contents.delete_one({"_id": an_id("brand new")})
    world.store.app.users.delete_one({"_id": an_id("ann")})
    world.store.app.accounts.delete_one({"_id": an_id("account of ann")})
    assert 0 < scores[ids("brand new")[0]] < math.inf


def test_an_account_without_a_model_is_ranked_for_by_its_country(world):
    world.store.app.accounts.insert_many(
        [account("account of a new thai", now=NOON), account("account of nobody's", now=NOON, country=None)]
    )
    posts = published(world, 50)

    thai, anyone = rank(world, "a new thai", posts), rank(world, "nobody's", posts)

    world.store.app.accounts.delete_many(
        {"_id": {"$in": [an_id("account of a new thai"), an_id("account of nobody's")]}}
    )
    assert thai != anyone
    assert all(score > 0 for score in [*thai.values(), *anyone.values()])


def test_only_posts_that_changed_since_the_index_was_built_are_read(friends, monkeypatch):
    """A post is withdrawn, and an author; the call that notices reads all posts, later calls only those."""
    train_everything(friends)
    app, feed_ranker, read = friends.store.app, feed_ranker_of(friends), []
    posts = published(friends, 0)
    author = app.contents.find_one({"_id": ObjectId(posts[1])})["author"]["id"]
    changed = {str(post["_id"]) for post in app.contents.find({"author.id": author})} | {posts[0]}
    visibility = feed_ranker.store.visibility
    read_posts = visibility.posts

    def noted(ids, *expected):
        read.append({*map(str, ids)})
        return read_posts(ids, *expected)

    monkeypatch.setattr(visibility, "posts", noted)

    def shown():
        read.clear()
        above_0 = {post for post, score in rank(friends, "fan", posts, feed_ranker).items() if score > 0}
        return above_0, read[:]

    assert shown() == (set(posts), [])
    app.contents.update_one({"_id": ObjectId(posts[0])}, {"$set": {"visibility": "deleted"}})
    app.users.update_one({"_id": author}, {"$set": {"visibility": "deleted"}})
    assert shown() == (set(posts) - changed, [set(posts)])
    assert shown() == (set(posts) - changed, [changed])
    app.users.update_one({"_id": author}, {"$set": {"visibility": "publish"}})
    assert shown() == (set(posts) - {posts[0]}, [changed])


def test_posts_that_come_to_be_by_a_blocked_author_are_not_shown(friends):
    """The index has the blocked author by another post. One post gets that author, and one quotes that post."""
    train_everything(friends)
    app, feed_ranker = friends.store.app, feed_ranker_of(friends)
    app.relationships.insert_one(follow("fan", "author 2", at=NOON, following=False, blocking=True))
    blocked_post = app.contents.find_one({"author.id": an_id("author 2"), "visibility": "publish"})
    allowed_posts = list(app.contents.find({"author.id": an_id("author 1"), "visibility": "publish"}).limit(3))
    posts = [str(post["_id"]) for post in (blocked_post, *allowed_posts)]
    assert [score > 0 for score in map(rank(friends, "fan", posts, feed_ranker).get, posts)] == [
        False,
        True,
        True,
        True,
    ]

    app.contents.update_one({"_id": allowed_posts[0]["_id"]}, {"$set": {"author.id": an_id("author 2")}})
    original = {"_id": blocked_post["_id"], "author": blocked_post["author"]}
    app.contents.update_one({"_id": allowed_posts[1]["_id"]}, {"$set": {"originalPost": original, "isQuote": True}})

    assert [score > 0 for score in map(rank(friends, "fan", posts, feed_ranker).get, posts)] == [
        False,
        False,
        False,
        True,
    ]


@pytest.mark.parametrize("is_trained", [True, False])
def test_blocks_hold_for_a_reader_whose_account_is_not_there(village, is_trained):
    app, (blocked, other) = village.store.app, ids("p1", "p2")
    if is_trained:
        train_everything(village)
    else:
        refresh_catalogue.run(village.store, village.registry, village.snapshots, QUICK, QUICK_MEMBERS, now=NOON)
    app.relationships.insert_one(follow("author 1", "thai", at=NOON, following=False, blocking=True))
    app.accounts.delete_one({"_id": an_id("account of thai")})

    scores, page = rank(village, "thai", [blocked, other]), home_of(village, "thai")

    assert (scores[blocked], scores[other] > 0) == (0, True)
    assert page.items
    assert an_id("author 1") not in [item.author for item in page.items]


def test_a_reader_of_whom_only_a_model_is_left_is_unknown(village):
    """With the account and its users, all that leads to the blocks is gone."""
    train_everything(village)
    village.store.app.accounts.delete_one({"_id": an_id("account of thai")})
    village.store.app.users.delete_one({"_id": an_id("thai")})

    for answer in (lambda: rank(village, "thai", ids("p1")), lambda: home_of(village, "thai")):
        with pytest.raises(NotFound, match="accountId"):
            answer()


def test_an_account_that_moves_is_ranked_for_by_its_country_now(world):
    accounts, feed_ranker = world.store.app.accounts, feed_ranker_of(world)
    who = world.store.analytics.mlArtifacts.find_one()["account"]
    where = {"geolocation.countryCode": accounts.find_one({"_id": who})["geolocation"]["countryCode"]}
    posts = published(world, 50)
    scores = []
    for code in ("th", "us", "th"):
        accounts.update_one({"_id": who}, {"$set": {"geolocation.countryCode": code}})
        scores.append(rank_contents.run(feed_ranker, str(who), posts, now=NOON))

    accounts.update_one({"_id": who}, {"$set": where})
    assert scores[0] == scores[2] != scores[1]


def test_accounts_with_different_profiles_see_different_orders(world):
    posts = published(world, 100)
    feed_ranker = feed_ranker_of(world)

    orders = {
        tuple(rank_contents.run(feed_ranker, str(row["account"]), posts, now=NOON))
        for row in world.store.analytics.mlArtifacts.find().limit(5)
    }

    assert len(orders) == 5


def test_there_is_no_such_account(world):
    with pytest.raises(NotFound, match="accountId"):
        rank(world, "a stranger", ids("p1"))


@pytest.mark.parametrize(
    "damage",
    [{"artifact": b"\x80\x04N."}, {"signature": "forged"}, {"fingerprint": "of other features"}, {"layout": 99}],
    ids=lambda damage: next(iter(damage)),
)
def test_a_model_that_may_not_be_used_leaves_the_country_to_answer(world, damage):
    models, feed_ranker = world.store.analytics.mlArtifacts, feed_ranker_of(world)
    stored = models.find_one()
    posts = published(world, 20)
    own = rank_contents.run(feed_ranker, str(stored["account"]), posts, now=NOON)

    models.update_one({"_id": stored["_id"]}, {"$set": damage})
    scores = rank_contents.run(feed_ranker_of(world), str(stored["account"]), posts, now=NOON)
    models.replace_one({"_id": stored["_id"]}, stored)

    assert all(score > 0 for score in scores.values())
    assert scores != own
    assert rank_contents.run(feed_ranker, str(stored["account"]), posts, now=NOON) == own


def test_a_new_model_counts_at_the_next_call(village):
    train_everything(village)
    feed_ranker = feed_ranker_of(village)
    posts = ids(*(f"p{n}" for n in range(30)))
    before = rank(village, "thai", posts, feed_ranker)
    village.store.app.engagements.insert_many(
        [engagement("thai", "p4", kind=kind, at=NOON + HOUR / 2) for kind in ("like", "quote")]
    )
    train_accounts(village, NOON + HOUR)

    assert rank(village, "thai", posts, feed_ranker).keys() == before.keys()
    personal = feed_ranker.viewer(an_id("account of thai")).personal
    assert personal is not None
    assert personal.profile.acts == 12


def call(event):
    return json.loads(json.dumps(handler(event, None)))


@pytest.fixture
def deployed_village(deployed):
    store = open_store()
    schema.apply(store.app, store.analytics)
    store.app.contents.insert_many([post(f"p{n}", now=datetime.now(UTC), likes=n) for n in range(5)])
    write_users(store.app, "ann", "cat", now=NOON)
    return store


def test_the_handler_answers_as_callers_expect(deployed_village):
    answer = call({"accountId": str(an_id("account of cat")), "contents": ids("p0", "p4")})

    assert answer["code"] == 200
    assert answer["remark"] == "OK"
    assert list(answer["result"]) == ids("p4", "p0")


BAD = {
    "no account": ({"contents": ids("p0")}, "accountId"),
    "an operator for an account": ({"accountId": {"$ne": None}, "contents": ids("p0")}, "accountId"),
    "no contents": ({"accountId": str(an_id("account of cat"))}, "contents"),
    "a text for contents": ({"accountId": str(an_id("account of cat")), "contents": "p0"}, "contents"),
    "an operator among contents": ({"accountId": str(an_id("account of cat")), "contents": [{"$gt": ""}]}, "contents"),
    "more than 2,000 contents": (
        {"accountId": str(an_id("account of cat")), "contents": [str(ObjectId()) for _ in range(2_001)]},
        "contents",
    ),
    "an account that does not exist": ({"accountId": str(an_id("a stranger")), "contents": ids("p0")}, "accountId"),
}


@pytest.mark.parametrize(("event", "field"), BAD.values(), ids=BAD)
def test_what_cannot_be_ranked_gets_zeros_and_a_reason(deployed_village, event, field):
    answer = call(event)

    requested = event.get("contents")
    texts = [text for text in requested[:2_000] if isinstance(text, str)] if isinstance(requested, list) else []
    assert answer["code"] == 1001
    assert answer["remark"] == "Sorry, Can not predict the contents \n                please change the contents."
    assert answer["result"] == dict.fromkeys(texts, 0)
    assert answer["reason"].startswith(field)


def test_a_database_that_does_not_answer_gives_zeros_and_no_secret(deployed_village, monkeypatch):
    def fail(self, *arguments, **named):
        raise RuntimeError("mongodb://user:secret@host")

    monkeypatch.setattr(Registry, "load", fail)

    answer = call({"accountId": str(an_id("account of cat")), "contents": ids("p0")})

    assert answer["code"] == 1001
    assert answer["reason"] == "RuntimeError"
