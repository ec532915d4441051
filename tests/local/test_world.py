"""Demo worlds: the same options draw the same documents, and the planted effects are there."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import astuple, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from numpy.typing import NDArray
from pymongo import MongoClient

from local import ownership
from local.world import SIZES, World, WorldOptions, build_world, write_world
from local.world.viewers import IMITATING, JITTERING, METRONOME, NATURAL, STEADY
from shared.errors import BadConfig
from tests.conftest import Databases

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
SMALL = replace(SIZES["XS"], seed=3, with_text=True)
DAY = 86_400.0


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(SMALL, now=NOW)


@pytest.fixture(scope="module")
def filled(world: World, client: MongoClient[dict[str, Any]]) -> Iterator[Databases]:
    """One written world for all tests that only read it."""
    names = [f"w{uuid4().hex[:12]}-{part}" for part in ("app-db", "analytics-db", "eval-db")]
    written = Databases(*(client[name] for name in names))
    write_world(world, written.app, written.analytics, written.truth)
    yield written
    for name in names:
        client.drop_database(name)


def every_document(databases: Databases) -> dict[str, list[dict[str, Any]]]:
    return {
        f"{part}.{name}": list(database[name].find().sort("_id", 1))
        for part in ("app", "analytics", "truth")
        for database in [getattr(databases, part)]
        for name in database.list_collection_names()
        if name != ownership.MARKER
    }


def ndcg_of_held_out(world: World, score: NDArray[np.float64]) -> float:
    """Mean NDCG@10 over people with held-out engagements, higher is better; candidates: all posts of the last week."""
    candidates = np.flatnonzero(world.posts.created_at > -7 * DAY)
    best = candidates[np.argsort(-score[candidates])][:10]
    discounts = 1 / np.log2(np.arange(2, 12))
    gains = []
    for person in np.unique(world.held_out.person):
        relevant = np.intersect1d(world.held_out.post[world.held_out.person == person], candidates)
        if len(relevant):
            gains.append(discounts[np.isin(best, relevant)].sum() / discounts[: len(relevant)].sum())
    return float(np.mean(gains))


def test_the_sizes_say_how_much_they_hold() -> None:
    sizes = {name: (o.users, o.contents, o.engagements, o.feed_items) for name, o in SIZES.items()}
    assert sizes == {
        "XS": (200, 1_000, 8_000, 20_000),
        "S": (1_000, 5_000, 50_000, 100_000),
        "M": (10_000, 50_000, 500_000, 500_000),
        "L": (30_000, 150_000, 1_500_000, 1_500_000),
    }


def test_the_same_seed_and_now_write_the_same_documents(filled: Databases, databases: Databases) -> None:
    write_world(build_world(SMALL, now=NOW), databases.app, databases.analytics, databases.truth)
    once = every_document(databases)
    write_world(build_world(SMALL, now=NOW), databases.app, databases.analytics, databases.truth)

    assert once == every_document(databases) == every_document(filled)


def test_another_seed_is_another_world(world: World) -> None:
    other = build_world(replace(SMALL, seed=4), now=NOW)

    assert not np.array_equal(world.posts.topic, other.posts.topic)
    assert len(np.intersect1d(world.past.at, other.past.at)) < 10


def test_another_now_moves_the_same_world_in_time(world: World) -> None:
    later = build_world(SMALL, now=NOW + timedelta(days=100))

    parts = [part.name for part in fields(world) if part.name not in ("options", "now")]
    for ours, theirs in ((astuple(getattr(world, name)), astuple(getattr(later, name))) for name in parts):
        for mine, other in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(mine, other)


def test_counts_are_those_of_the_documents(world: World, databases: Databases) -> None:
    counts = write_world(world, databases.app, databases.analytics, databases.truth)

    app, truth = databases.app, databases.truth
    assert counts.users == app.users.count_documents({}) == 200
    assert counts.accounts == app.accounts.count_documents({}) == 200
    assert counts.contents == app.contents.count_documents({}) == 1_000
    assert counts.engagements == app.engagements.count_documents({}) > 7_000
    assert counts.feeditems == app.feeditems.count_documents({}) == 20_000
    assert counts.verified == app.suspiciouscredentials.count_documents({}) > 0
    assert counts.heldout == truth.heldout_engagements.count_documents({}) > 0
    assert counts.heldout_users == len(truth.heldout_engagements.distinct("user"))
    assert counts.bots == truth.truth_credentials.count_documents({"isBot": True}) >= 6
    meta = truth.meta.find_one() or {}
    assert (meta["now"], meta["seed"], meta["feeditems"]) == (NOW.timestamp(), 3, 20_000)


def test_counters_of_a_post_equal_its_engagements(filled: Databases) -> None:
    done = Counter((e["targetRef"].id, e["type"]) for e in filled.app.engagements.find())
    for content in filled.app.contents.find():
        for kind in ("like", "comment", "recast", "quote"):
            assert content["engagements"][kind]["count"] == done[content["_id"], kind]


def test_counters_of_a_user_equal_the_relationships(filled: Databases) -> None:
    followed = Counter(r["user"] for r in filled.app.relationships.find())
    followers = Counter(r["followedUser"] for r in filled.app.relationships.find())
    for user in filled.app.users.find():
        assert (user["followedCount"], user["followerCount"]) == (followed[user["_id"]], followers[user["_id"]])


def test_the_held_out_part_lies_after_now_and_touches_only_new_pairs_on_known_posts(filled: Databases) -> None:
    contents = {c["_id"] for c in filled.app.contents.find()}
    past = {(e["user"], e["targetRef"].id) for e in filled.app.engagements.find()}
    assert all(e["createdAt"] <= NOW for e in filled.app.engagements.find())
    for later in filled.truth.heldout_engagements.find():
        assert NOW < later["createdAt"] <= NOW + timedelta(days=3)
        assert later["targetRef"].collection == "content"
        assert later["targetRef"].id in contents
        assert (later["user"], later["targetRef"].id) not in past
        assert later["type"] != "report"


def test_nobody_engages_with_or_sees_a_post_before_it_exists(world: World) -> None:
    for engagements in (world.past, world.held_out):
        assert (engagements.at > world.posts.created_at[engagements.post]).all()
    assert (world.exposures.seen_at > world.posts.created_at[world.exposures.post]).all()
    assert (world.exposures.seen_at < 0).all()


def test_nobody_does_the_same_thing_to_a_post_twice(world: World) -> None:
    engagements = list(zip(world.past.person, world.past.post, world.past.kind, strict=True))
    assert len(set(engagements)) == len(engagements)


def test_every_reference_leads_somewhere(filled: Databases) -> None:
    app = filled.app
    users, accounts, contents = (set(app[name].distinct("_id")) for name in ("users", "accounts", "contents"))
    assert set(app.users.distinct("ownerAccount")) == accounts
    assert set(app.contents.distinct("author.id")) <= users
    assert set(app.contents.distinct("originalPost._id", {"originalPost": {"$exists": True}})) <= contents
    assert set(app.engagements.distinct("account")) <= accounts
    assert set(app.feeditems.distinct("viewer")) <= accounts
    assert set(app.feeditems.distinct("content")) <= contents
    assert set(filled.truth.truth_users.distinct("_id")) == users
    assert set(filled.truth.truth_contents.distinct("_id")) == contents
    assert set(app.suspiciouscredentials.distinct("seenCredential")) <= set(app.feeditems.distinct("seenCredential"))


def test_popularity_with_decay_predicts_the_held_out_engagements(world: World) -> None:
    popularity = world.past.counts_by_post(SMALL.contents).sum(axis=1).astype(np.float64)
    decay = np.exp2(world.posts.created_at / DAY)

    by_chance = np.mean([ndcg_of_held_out(world, np.random.default_rng(i).random(SMALL.contents)) for i in range(20)])

    assert ndcg_of_held_out(world, popularity * decay) > 3 * by_chance
    assert ndcg_of_held_out(world, popularity * decay) > ndcg_of_held_out(world, popularity)


def test_people_engage_with_their_language_their_taste_and_whom_they_follow(world: World) -> None:
    engagements, people, posts = world.past, world.people, world.posts
    shuffled = np.random.default_rng(0).permutation(engagements.post)
    follows = {(p, a) for p, a in zip(world.follows.followers(), world.follows.author, strict=True)}

    def taste(post: NDArray[np.int64]) -> float:
        return float(people.taste[engagements.person, posts.topic[post]].mean())

    def same_country(post: NDArray[np.int64]) -> float:
        author = world.authors.person[posts.author[post]]
        return float((people.country[author] == people.country[engagements.person]).mean())

    def followed(post: NDArray[np.int64]) -> float:
        return float(np.mean([pair in follows for pair in zip(engagements.person, posts.author[post], strict=True)]))

    assert taste(engagements.post) > 1.5 * taste(shuffled)
    assert same_country(engagements.post) > 1.2 * same_country(shuffled)
    assert followed(engagements.post) > 1.5 * followed(shuffled)


def test_bots_of_an_easy_world_read_more_evenly_than_every_person() -> None:
    easy = build_world(replace(SMALL, bots="easy"), now=NOW)
    exposures = easy.exposures
    reading = np.log(np.maximum(exposures.off_screen_at - exposures.seen_at, 1e-3))
    spread = {v: np.nanstd(reading[exposures.viewer == v]) for v in np.flatnonzero(easy.viewers.heavy)}
    is_bot = easy.viewers.is_bot

    assert max(s for v, s in spread.items() if is_bot[v]) < 1.0
    assert np.median([s for v, s in spread.items() if is_bot[v]]) < min(s for v, s in spread.items() if not is_bot[v])


def test_a_hard_world_has_bots_that_imitate_and_people_who_are_steady(world: World) -> None:
    manner, is_bot = world.viewers.manner, world.viewers.is_bot

    assert set(manner[is_bot]) == {METRONOME, JITTERING, IMITATING}
    assert set(manner[~is_bot]) == {NATURAL, STEADY}


@pytest.mark.parametrize("meaning", ["bot", "person"])
def test_a_verdict_means_what_the_option_says(databases: Databases, meaning: Any) -> None:
    world = build_world(replace(SMALL, verdict_true_means=meaning), now=NOW)
    write_world(world, databases.app, databases.analytics, databases.truth)

    truth = {c["seenCredential"]: c["isBot"] for c in databases.truth.truth_credentials.find()}
    verdicts = list(databases.app.suspiciouscredentials.find())
    assert {truth[v["seenCredential"]] for v in verdicts} == {True, False}
    for verdict in verdicts:
        assert verdict["verificationStatus"] == (truth[verdict["seenCredential"]] == (meaning == "bot"))
        window = {"$gte": verdict["firstSeenAt"], "$lte": verdict["lastSeenAt"]}
        views = {"seenCredential": verdict["seenCredential"], "seenAt": window}
        assert databases.app.feeditems.count_documents(views) >= 500


def test_text_is_described_only_on_request(filled: Databases, databases: Databases) -> None:
    ownership.claim(databases.app)
    databases.app.contentinfo.insert_one({"left": "over"})

    assert filled.analytics.topics.count_documents({}) == 20
    truth = {c["content"]: c["language"] for c in filled.truth.truth_contents.find()}
    described = list(filled.app.contentinfo.find())
    assert 850 < len(described) < 1_000
    assert all(truth[info["contentId"]] == info["language"] for info in described)

    write_world(
        build_world(replace(SMALL, with_text=False), now=NOW), databases.app, databases.analytics, databases.truth
    )

    assert databases.analytics.topics.count_documents({}) == databases.app.contentinfo.count_documents({}) == 0


def test_indexes_that_a_collection_had_are_still_there_beside_those_of_the_application(
    world: World, databases: Databases
) -> None:
    databases.app.feeditems.create_index([("seenCredential", 1), ("seenAt", 1)])
    databases.app.feeditems.create_index([("viewer", 1)])
    databases.app.suspiciouscredentials.create_index([("seenCredential", 1)], unique=True)
    ownership.claim(databases.app)
    databases.app.feeditems.insert_one({"left": "over"})

    write_world(world, databases.app, databases.analytics, databases.truth)

    keys = {tuple(i["key"].items()) for i in databases.app.feeditems.list_indexes()}
    assert {(("seenCredential", 1), ("seenAt", 1)), (("viewer", 1),), (("author", 1),), (("content", 1),)} < keys
    assert databases.app.suspiciouscredentials.index_information()["seenCredential_1"]["unique"]
    assert databases.app.feeditems.count_documents({"left": "over"}) == 0


def test_other_collections_are_left_alone(world: World, databases: Databases) -> None:
    ownership.claim(databases.analytics)
    databases.analytics.contentStats.insert_one({"_id": "mine"})

    write_world(world, databases.app, databases.analytics, databases.truth)

    assert databases.analytics.contentStats.count_documents({}) == 1


def test_progress_ends_with_every_document_of_every_collection(world: World, databases: Databases) -> None:
    last: dict[str, tuple[int, int]] = {}

    write_world(
        world,
        databases.app,
        databases.analytics,
        databases.truth,
        progress=lambda step, done, total: last.update({step: (done, total)}),
    )

    assert last["feeditems"] == (20_000, 20_000)
    assert all(done == total for done, total in last.values())


def test_a_server_elsewhere_is_refused_before_anything_is_deleted(
    world: World, databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    databases.app.users.insert_one({"_id": "somebody"})
    elsewhere = frozenset({("127.0.0.1", 27017), ("db.example.org", 27017)})
    monkeypatch.setattr(MongoClient, "nodes", property(lambda client: elsewhere))

    with pytest.raises(BadConfig, match=r"db\.example\.org is not this machine"):
        write_world(world, databases.app, databases.analytics, databases.truth)
    assert databases.app.users.count_documents({}) == 1


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"users": 5}, "users"),
        ({"users": 25, "countries": 30}, "users"),
        ({"contents": 0}, "contents"),
        ({"days": -1.0}, "days"),
        ({"seed": -1}, "seed"),
        ({"countries": 31}, "countries"),
        ({"bot_ratio": 1.5}, "bot_ratio"),
    ],
)
def test_an_impossible_world_is_refused_by_the_name_of_the_option(wrong: dict[str, Any], name: str) -> None:
    with pytest.raises(BadConfig, match=name):
        replace(SMALL, **wrong)


def test_a_now_without_a_zone_is_refused() -> None:
    with pytest.raises(BadConfig, match="time zone"):
        build_world(SMALL, now=datetime(2026, 1, 31))  # noqa: DTZ001


@pytest.mark.parametrize(
    "tiny",
    [
        WorldOptions(users=20, contents=1, engagements=5, feed_items=5),
        WorldOptions(users=30, contents=60, engagements=100, feed_items=50, countries=30, days=0.5, holdout_days=0),
    ],
)
def test_even_the_tiniest_world_can_be_built(databases: Databases, tiny: WorldOptions) -> None:
    counts = write_world(build_world(tiny, now=NOW), databases.app, databases.analytics, databases.truth)

    assert counts.contents == databases.app.contents.count_documents({}) == tiny.contents
