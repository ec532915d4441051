"""The global personal ranker improves on the countries' rankers, and is promoted only if it beats the live one."""

import pytest
from msgspec.structs import replace

from functions.feed import train_members
from functions.feed.candidate_features import FEATURES
from functions.feed.global_personal_ranker import GLOBAL_PERSONAL_KEY, MEMBERS, load_global_personal_ranker
from shared.artifacts import FrozenModel, FrozenModels, Registry
from shared.config import load
from tests.networks import HOUR, NOON, QUICK, QUICK_MEMBERS, copy_artifacts, index_artifacts


def train(network, registry, now=NOON, **options):
    return train_members.run(network.store, registry, QUICK, replace(QUICK_MEMBERS, **options), now=now)


@pytest.fixture
def fresh(world, client):
    """A registry with the countries' models and no personal ones, for training on the shared world."""
    database = client[f"{world.environment['DB_PREFIX']}fresh"]
    index_artifacts(database)
    copy_artifacts(world.store.analytics, database)
    for name in ("mlArtifacts_members", "mlArtifacts"):
        database[name].delete_many({})
    database.artifactVersions.delete_many({"family": MEMBERS})
    yield Registry(database, load(world.environment).artifact_keys)
    client.drop_database(database.name)


def test_affinities_and_follows_order_better_than_the_country_does(world):
    manifest = world.registry.newest(MEMBERS, GLOBAL_PERSONAL_KEY)

    assert manifest.metrics["model"] > 1.08 * manifest.metrics["country"]
    assert manifest.metrics["country"] > manifest.metrics["decayed_popularity"]
    assert manifest.features == FEATURES.names
    assert manifest.window[1] == NOON - QUICK.holdout


def test_the_same_run_again_gives_the_same_ranker_and_promotes_nothing(world, fresh):
    assert train(world, fresh).written == 1
    first = fresh.newest(MEMBERS, GLOBAL_PERSONAL_KEY)

    second = train(world, fresh)

    assert second.written == 0
    assert second.details["ndcg_model"] == second.details["ndcg_live"]
    assert fresh.newest(MEMBERS, GLOBAL_PERSONAL_KEY) == first


def test_a_ranker_that_is_no_better_than_the_live_one_is_not_promoted(world, fresh):
    train(world, fresh)

    report = train(world, fresh, NOON + HOUR / 60, rounds=1)

    assert report.written == 0
    assert report.details["ndcg_model"] < report.details["ndcg_live"]
    assert fresh.live_version(MEMBERS, GLOBAL_PERSONAL_KEY) == f"{NOON:%Y%m%dT%H%M%SZ}"


def test_while_it_is_frozen_no_ranker_becomes_live_and_the_new_one_is_kept(world, fresh):
    frozen = FrozenModels(fresh.database)
    frozen.freeze(FrozenModel(MEMBERS, GLOBAL_PERSONAL_KEY, "not yet", "ana@example.org", NOON))

    report = train(world, fresh)

    assert (report.written, report.details["frozen"]) == (0, GLOBAL_PERSONAL_KEY)
    assert fresh.live_version(MEMBERS, GLOBAL_PERSONAL_KEY) is None
    assert fresh.database.artifactVersions.count_documents({"family": MEMBERS}) == 1


def test_nothing_to_learn_from_changes_nothing(village):
    village.store.app.engagements.delete_many({})

    report = train(village, village.registry)

    assert report.details == {"skipped": "no engagement to learn from"}
    assert load_global_personal_ranker(village.registry) == (None, [])


def test_the_report_and_the_manifest_say_which_evidence_was_used(world, fresh):
    report = train(world, fresh, min_queries=400)

    manifest = fresh.newest(MEMBERS, GLOBAL_PERSONAL_KEY)
    assert report.details["cuts"] == manifest.metrics["cuts"] > 1
    assert report.details["people"] == manifest.metrics["people"] > 100
    assert 0 < report.details["weight"] < 1
    assert report.details["gain"] > report.details["gain_error"] > 0
    assert 2 < report.details["half_life_hours"] < 768
    live, refused = load_global_personal_ranker(fresh)
    assert live is not None
    assert refused == []
    assert live.weight == pytest.approx(manifest.metrics["weight"])
