"""Personal models: the profile of an account, its trees, and which messages change what is live."""

import dataclasses
import json
from importlib import import_module
from statistics import median

import numpy as np
import pytest
from msgspec.structs import replace

from functions.feed import residual_model, train_personal
from functions.feed.candidate_features import FEATURES
from functions.feed.options import Members
from functions.feed.user_profile import PERSONAL, PROFILE_FINGERPRINT, UserProfile
from tests.factories import account, an_id, engagement, post
from tests.networks import HOUR, NOON, QUICK, QUICK_MEMBERS

handler = import_module("functions.feed.handlers.train_personal").handler


def train(network, *names, now=NOON, options=QUICK_MEMBERS):
    trainer = train_personal.open_trainer(network.store, network.registry, QUICK, options, now=now)
    accounts = [str(an_id(f"account of {name}")) for name in names]
    return train_personal.run(network.store, trainer, network.registry, QUICK, options, accounts, now=now)


def profile_of(network, name):
    artifact, refused = network.registry.load(
        PERSONAL, str(an_id(f"account of {name}")), PROFILE_FINGERPRINT, lambda stored: UserProfile.unpack(stored.model)
    )
    assert refused == []
    return artifact


def test_an_account_with_one_engagement_has_a_model(village):
    village.store.app.accounts.insert_one(account("account of shy", now=NOON, country="jp"))
    village.store.app.engagements.insert_one(engagement("shy", "p2", at=NOON - HOUR))

    report = train(village, "shy")

    profile = profile_of(village, "shy")
    assert report.as_dict() == {"read": 1, "written": 1}
    assert (profile.country, profile.acts, len(profile.authors), len(profile.posts)) == ("jp", 1, 1, 1)


def test_the_document_has_what_other_programs_read(village):
    train(village, "thai")

    document = village.store.analytics.mlArtifacts.find_one({"account": an_id("account of thai")})
    assert (document["model"], document["features"], document["trainedAt"]) == ("xgboost", list(FEATURES.names), NOON)
    assert isinstance(document["artifact"], bytes)


def test_training_twice_at_one_moment_changes_nothing(village):
    train(village, "thai", "american")
    before = list(village.store.analytics.mlArtifacts.find().sort("_id", 1))

    train(village, "american", "thai", "thai")

    assert list(village.store.analytics.mlArtifacts.find().sort("_id", 1)) == before


def test_a_message_that_comes_late_does_not_replace_a_later_model(village):
    train(village, "thai", now=NOON + HOUR)
    train_personal.forget()

    report = train(village, "thai", now=NOON)

    assert report.written == 0
    assert profile_of(village, "thai") is not None
    assert village.store.analytics.mlArtifacts.find_one()["version"] == f"{NOON + HOUR:%Y%m%dT%H%M%SZ}"


def test_accounts_that_are_gone_are_left_out(village):
    report = train(village, "nobody", "thai")

    assert report.as_dict() == {"read": 2, "written": 1, "unknown": 1}
    assert village.store.analytics.mlArtifacts.count_documents({}) == 1


def test_withdrawn_engagements_are_not_in_the_profile(village):
    village.store.app.engagements.update_many(
        {"account": an_id("account of thai")}, {"$set": {"visibility": "deleted"}}
    )

    train(village, "thai")

    profile = profile_of(village, "thai")
    assert (profile.acts, len(profile.authors), len(profile.posts)) == (0, 0, 0)


def test_engagements_after_the_plan_are_left_to_the_next_one(village):
    village.store.app.engagements.insert_one(engagement("thai", "p1", at=NOON + HOUR / 10))

    train(village, "thai", now=NOON)

    assert profile_of(village, "thai").acts == 10
    assert village.store.analytics.mlArtifacts.find_one()["windowTo"] == NOON, "so that a plan finds what is newer"


def test_a_pickle_that_the_original_left_is_replaced(village):
    original = {"account": an_id("account of thai"), "model": "xgboost", "artifact": b"\x80\x04N.", "trainedAt": NOON}
    village.store.analytics.mlArtifacts.insert_one(original)

    train(village, "thai")

    assert village.store.analytics.mlArtifacts.count_documents({}) == 1
    assert profile_of(village, "thai") is not None


def test_models_of_a_world_are_small(world):
    sizes = [len(row["artifact"]) for row in world.store.analytics.mlArtifacts.find()]

    engaged = world.store.app.engagements.distinct("account")
    assert len(sizes) >= len(engaged) > 150
    assert median(sizes) < 3_000


def examples(pattern, number=80):
    """Engagements whose feature 0 is raised by `pattern`, which the global personal ranker does not use."""
    rng = np.random.default_rng(0)
    matrix = rng.random((number, 1 + residual_model.NEGATIVES, len(FEATURES.names))).astype(np.float32)
    matrix[:, 0, 0] += pattern
    return residual_model.ResidualExamples(matrix, rng.normal(size=matrix.shape[:2]) * 0.1)


def test_trees_that_learn_something_are_kept_and_others_are_not():
    assert residual_model.fit(examples(0.8), Members())
    assert residual_model.fit(examples(0.0), Members()) == b""
    assert residual_model.fit(examples(0.8, number=3), Members()) == b"", "too few to evaluate on"


@pytest.fixture
def generous():
    """Trees are fitted early, and kept whether they help or not."""
    return replace(QUICK_MEMBERS, trees_min_engagements=5, trees_min_gain_se=-100.0)


def test_trees_stay_until_there_is_much_more_to_learn(world, generous):
    models = world.store.analytics.mlArtifacts
    stored = models.find_one({}, sort=[("metrics.acts", -1)])
    account_id = stored["account"]
    models.delete_one({"account": account_id})  # with what was tried before
    trainer = train_personal.open_trainer(world.store, world.registry, QUICK, generous, now=NOON)

    def run(options, coldstart=QUICK):
        return train_personal.run(world.store, trainer, world.registry, coldstart, options, [str(account_id)], now=NOON)

    first = run(generous)
    second = run(generous)

    assert first.details == {"tried": 1, "trees": 1}
    assert second.details == {}
    assert models.find_one({"account": account_id})["metrics"]["trees"] is True

    # They add to the scores of another ranker of the country, so they are fitted anew.
    other = dict.fromkeys(trainer.country_rankers, "of yesterday")
    trainer, live = dataclasses.replace(trainer, country_rankers=other), trainer
    assert run(generous).details == {"tried": 1, "trees": 1}
    assert models.find_one({"account": account_id})["madeFrom"]["countryRanker"] == "of yesterday"
    trainer = live

    # They were fitted with other options, so they go, though there are no new engagements.
    assert run(replace(generous, trees_min_gain_se=-99.0)).details == {"tried": 1, "trees": 1}
    assert run(replace(generous, trees_min_engagements=1_000_000)).details == {}
    without_trees = models.find_one({"account": account_id})
    assert without_trees["metrics"]["trees"] is False
    assert without_trees["madeFrom"]["countryRanker"] == without_trees["madeFrom"]["ranker"] == ""
    models.delete_one({"account": account_id})
    models.insert_one(stored)


def record(number, body):
    return {"messageId": f"m{number}", "body": json.dumps(body), "eventSource": "aws:sqs", "attributes": {}}


def test_of_several_messages_the_bad_are_returned_and_the_others_are_done(deployed, store):
    store.app.accounts.insert_one(account("account of cat", now=NOON))
    store.app.contents.insert_one(post("p1", now=NOON))
    store.app.engagements.insert_one(engagement("cat", "p1", at=NOON - HOUR / 2))
    cat, time = str(an_id("account of cat")), NOON.isoformat()
    bad = [
        {"time": time, "accounts": "cat"},
        {"time": time, "accounts": ["cat"]},
        {"time": time, "accounts": [{"$ne": None}]},
        {"time": time, "accounts": [cat] * 2_001},
        {"accounts": [cat]},
        {"time": "2999-01-01T00:00:00Z", "accounts": [cat]},
        [],
    ]
    records = [record(number, body) for number, body in enumerate([*bad, {"time": time, "accounts": [cat]}])]

    answer = handler({"Records": records}, None)

    assert answer == {"batchItemFailures": [{"itemIdentifier": f"m{number}"} for number in range(len(bad))]}
    assert store.analytics.mlArtifacts.count_documents({"account": an_id("account of cat")}) == 1
