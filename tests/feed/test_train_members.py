from dataclasses import replace

import pytest

from functions.feed import train_members
from functions.feed.encounters import FEATURES
from functions.feed.members import EVERY_MEMBER, MEMBERS, load_members
from shared.artifacts import Registry
from shared.config import load
from tests.networks import HOUR, NOON, QUICK, QUICK_MEMBERS, copy_artifacts, index_artifacts


def train(network, registry, now=NOON, **options):
    return train_members.run(network.store, registry, QUICK, replace(QUICK_MEMBERS, **options), now=now)


@pytest.fixture
def fresh(world, client):
    """A registry with the countries' models and none of members, for training on the shared world."""
    database = client[f"{world.environment['DB_PREFIX']}fresh"]
    index_artifacts(database)
    copy_artifacts(world.store.analytics, database)
    for name in ("mlArtifacts_members", "mlArtifacts"):
        database[name].delete_many({})
    database.artifactVersions.delete_many({"family": MEMBERS})
    yield Registry(database, load(world.environment).artifact_keys)
    client.drop_database(database.name)


def test_taste_and_follows_order_better_than_the_country_does(world):
    manifest = world.registry.newest(MEMBERS, EVERY_MEMBER)

    assert manifest.metrics["model"] > 1.08 * manifest.metrics["country"]
    assert manifest.metrics["country"] > manifest.metrics["decayed_popularity"]
    assert manifest.features == FEATURES.names
    assert manifest.window[1] == NOON - QUICK.holdout


def test_the_same_run_again_gives_the_same_ranker_and_promotes_nothing(world, fresh):
    assert train(world, fresh).written == 1
    first = fresh.newest(MEMBERS, EVERY_MEMBER)

    again = train(world, fresh)

    assert again.written == 0
    assert again.details["ndcg_model"] == again.details["ndcg_live"]
    assert fresh.newest(MEMBERS, EVERY_MEMBER) == first


def test_one_that_is_no_better_than_what_is_live_stays_out(world, fresh):
    train(world, fresh)

    report = train(world, fresh, NOON + HOUR / 60, rounds=1)

    assert report.written == 0
    assert report.details["ndcg_model"] < report.details["ndcg_live"]
    assert fresh.live_version(MEMBERS, EVERY_MEMBER) == f"{NOON:%Y%m%dT%H%M%SZ}"


def test_too_few_people_to_judge_by_change_nothing(village):
    report = train(village, village.registry)

    assert report.details == {"skipped": "too few people in the holdout to judge by"}
    assert load_members(village.registry) == (None, [])
