"""Training of the rankers of countries: what is promoted, kept and given up."""

import json
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
import xgboost
from msgspec import structs

from functions.coldstart import train_coldstart
from shared.artifacts import FrozenModel, FrozenModels, TrainingOutcomes
from shared.countries import COUNTRIES
from shared.errors import Conflict
from shared.ml import trees
from shared.ranking.country_ranker import COUNTRY, GLOBAL, GLOBAL_KEY, Rankers
from shared.ranking.country_training import HYPERPARAMETERS
from shared.ranking.features import FEATURES
from tests.networks import NOON, QUICK, copy_artifacts

LEARNT = {"half_life_hours", "popularity_floor", "weight"}
SECOND = timedelta(seconds=1)
NOISE = "20260101T000000Z"  # version of a model that learnt from noise


def documents(network):
    return list(network.store.analytics.mlArtifacts_country.find())


@pytest.fixture
def own(world):
    """The countries with a model of their own: the base country first, then at least one more."""
    countries = world.registry.owners(COUNTRY)
    assert "th" in countries
    assert len(countries) > 1
    return ["th", *sorted(countries - {"th"})]


def artifact(network, family, key):
    loaded, refused = network.registry.load(family, key, FEATURES.fingerprint, lambda sealed: sealed)
    assert refused == []
    return loaded


def copied(world, registry):
    """Copy the models of the world into another registry."""
    copy_artifacts(world.store.analytics, registry.database)


def promote_noise(registry, original):
    """Make a model live that learnt from noise, with the manifest of another one."""
    rng = np.random.default_rng(0)
    model = trees.fit(
        rng.normal(size=(200, len(FEATURES.names))).astype(np.float32),
        rng.integers(0, 2, 200).astype(float),
        np.ones(200),
        parameters={"objective": "reg:logistic", "max_bin": 64, "learning_rate": 1.0},
        rounds=60,
        monotone_sign=[0] * len(FEATURES.names),
    )
    family, key = original.manifest.family, original.manifest.key
    metrics = {**original.manifest.metrics, "weight": 1.0}
    manifest = replace(original.manifest, version=NOISE, metrics=metrics)
    registry.add(replace(original, manifest=manifest, model=model))
    registry.promote(family, key, NOISE, instead_of=registry.live_version(family, key), at=NOON)


def outcomes(registry, now=NOON + SECOND):
    """What came of the trainings of a moment, by key."""
    rows = TrainingOutcomes(registry.database).since(now, 300)
    return {row.key: row for row in rows}


def models(registry):
    """The live documents of countries, and of the model of all countries."""
    database = registry.database
    return [list(database[name].find().sort("account", 1)) for name in ("mlArtifacts_country", "mlArtifacts_global")]


@pytest.fixture
def train(world):
    """Train on the world with another registry."""

    def run(registry, *, now=NOON, **options):
        return train_coldstart.run(world.store, registry, structs.replace(QUICK, **options), now=now)

    return run


@pytest.fixture
def shuffled(monkeypatch):
    """Make every model learn from shuffled labels."""
    fit = trees.fit

    def from_shuffled(matrix, labels, weights, **options):
        order = np.random.default_rng(0).permutation(len(labels))
        return fit(matrix, labels[order], weights[order], **options)

    monkeypatch.setattr(trees, "fit", from_shuffled)


def test_all_250_countries_have_a_model_or_are_an_alias(world, own):
    rows = documents(world)

    assert sorted(row["account"] for row in rows) == list(COUNTRIES)
    assert {row["model"] for row in rows} == {"xgboost"}
    assert {row["account"] for row in rows if "artifact" in row} == set(own)
    assert {row["aliasOf"] for row in rows if row["account"] not in own} == {"th"}
    assert all(not {"artifact", "features", "version"} & set(row) for row in rows if "aliasOf" in row)


def test_the_documents_of_models_keep_the_contract(world, own):
    for row in documents(world):
        assert row["trainedAt"] == NOON
        if row["account"] in own:
            assert isinstance(row["artifact"], bytes)
            assert tuple(row["features"]) == FEATURES.names


def test_the_base_country_goes_on_from_all_and_the_others_from_it(world, own):
    of_base, *of_others = (number_of_trees(artifact(world, COUNTRY, key).model) for key in own)
    of_all = number_of_trees(artifact(world, GLOBAL, GLOBAL_KEY).model)

    assert of_all == QUICK.rounds
    assert of_base == of_all + QUICK.country_rounds
    assert set(of_others) == {of_base + QUICK.country_rounds}


def test_the_manifest_says_how_good_a_model_is_beside_the_baselines(world):
    metrics = artifact(world, GLOBAL, GLOBAL_KEY).manifest.metrics

    ndcg = {"random", "popularity", "decayed_popularity", "model", "lists"}
    evidence = {"cuts", "judged_lists", "people", "gain", "gain_error", "engagements"}
    assert set(metrics) == ndcg | evidence | LEARNT | {"hyperparameters"}
    assert metrics["random"] < metrics["popularity"] < metrics["decayed_popularity"] < metrics["model"] <= 1
    assert metrics["lists"] > 100


def test_a_model_of_a_countrys_own_is_better_than_its_parent(world, own):
    for country in own:
        manifest = artifact(world, COUNTRY, country).manifest

        ndcg = {"random", "popularity", "decayed_popularity", "model", "parent", "lists"}
        assert set(manifest.metrics) == ndcg | LEARNT | {"hyperparameters"}
        assert manifest.metrics["hyperparameters"] == HYPERPARAMETERS
        assert manifest.metrics["model"] > manifest.metrics["parent"]
        assert manifest.key == country
        assert manifest.window == (NOON - QUICK.holdout - QUICK.examples_span, NOON - QUICK.holdout)
        assert (manifest.trained_at, manifest.fingerprint) == (NOON, FEATURES.fingerprint)


def test_a_second_run_at_the_same_moment_changes_nothing(world, fresh, train):
    copied(world, fresh)
    before = models(fresh)

    report = train(fresh)

    assert models(fresh) == before
    assert (report.written, report.details["promoted"]) == (0, 0)


def test_another_run_on_the_same_data_gives_the_same_bytes(world, own, fresh, train):
    report = train(fresh)

    bytes_of = {row["account"]: row.get("artifact") for row in models(fresh)[0]}
    assert bytes_of == {row["account"]: row.get("artifact") for row in documents(world)}
    assert report.details["promoted"] == len(own) + 1
    assert report.details["ndcg_model"] > report.details["ndcg_decayed_popularity"]


def test_a_worse_challenger_is_not_promoted(world, fresh, train, shuffled):
    copied(world, fresh)
    before = models(fresh)

    report = train(fresh, now=NOON + SECOND, min_gain_se=2.0)

    assert report.details["promoted"] == 0
    assert report.details["ndcg_model"] < report.details["ndcg_live"]
    assert models(fresh) == before
    came = outcomes(fresh)
    assert {came[key].outcome for key in ("th", GLOBAL_KEY)} == {"not better"}
    of_all = came[GLOBAL_KEY]
    assert of_all.live == fresh.live_version(GLOBAL, GLOBAL_KEY)
    assert of_all.measures["ndcg_model"] == report.details["ndcg_model"] < of_all.measures["ndcg_live"]
    of_base = came["th"].measures
    assert of_base["gain"] <= of_base["gain_needed"] or of_base["ndcg_model"] <= of_base["ndcg_live"]


def test_a_version_that_is_brought_back_during_the_training_stays_and_the_others_are_trained(
    world, own, fresh, train, monkeypatch
):
    copied(world, fresh)
    prepare, original = train_coldstart.prepare, artifact(world, COUNTRY, "th")

    def while_an_operator_acts(*arguments):
        promote_noise(fresh, original)
        return prepare(*arguments)

    monkeypatch.setattr(train_coldstart, "prepare", while_an_operator_acts)
    train(fresh, now=NOON + SECOND)

    assert fresh.live_version(COUNTRY, "th") == NOISE
    came = outcomes(fresh)
    assert came["th"].outcome == "overtaken"
    assert came["th"].live == original.manifest.version
    assert {came[key].outcome for key in own[1:]} <= {"promoted", "not better", "given up"}


def test_a_model_that_loses_against_popularity_is_not_used_at_all(fresh, train, shuffled):
    report = train(fresh)

    of_countries, of_all = models(fresh)
    assert report.details["promoted"] == 0
    assert (report.details["weight"], report.details["gain"] < 0) == (0, True)
    assert of_all == []
    aliases = {row["account"]: row["aliasOf"] for row in of_countries}
    assert aliases == dict.fromkeys(COUNTRIES, "th") | {"th": GLOBAL_KEY}


def test_a_better_challenger_replaces_a_worse_model(world, fresh, train):
    promote_noise(fresh, artifact(world, GLOBAL, GLOBAL_KEY))

    report = train(fresh)

    strong = models(fresh)[1][0]
    assert report.details["ndcg_live"] < report.details["ndcg_model"]
    assert (strong["version"], strong["instead_of"]) == ("20260131T120000Z", NOISE)
    assert strong["metrics"]["live"] < strong["metrics"]["model"]


def freeze(registry, family, key):
    FrozenModels(registry.database).freeze(FrozenModel(family, key, "it was better", "ana@example.org", NOON))


def test_a_frozen_model_stays_and_the_better_one_is_kept(world, fresh, train):
    promote_noise(fresh, artifact(world, GLOBAL, GLOBAL_KEY))
    freeze(fresh, GLOBAL, GLOBAL_KEY)

    report = train(fresh)

    assert report.details["frozen"] == GLOBAL_KEY
    assert outcomes(fresh, NOON)[GLOBAL_KEY].outcome == "frozen"
    assert report.details["ndcg_live"] < report.details["ndcg_model"]
    assert fresh.live_version(GLOBAL, GLOBAL_KEY) == NOISE
    kept = fresh.database.artifactVersions.distinct("version", {"family": GLOBAL})
    assert kept == [NOISE, "20260131T120000Z"]


def test_a_frozen_country_is_not_given_up(world, own, fresh, train):
    copied(world, fresh)
    country = own[-1]
    promote_noise(fresh, artifact(world, COUNTRY, country))
    freeze(fresh, COUNTRY, country)

    report = train(fresh, now=NOON + SECOND, min_gain_se=1e9)

    assert report.details["frozen"] == country
    assert fresh.live_version(COUNTRY, country) == NOISE
    assert fresh.alias_of(COUNTRY, country) is None


def test_a_country_is_given_up_when_its_model_falls_behind_its_parent(world, own, fresh, train):
    """A country's model is replaced by one of noise; the challenger may not win, so the parent answers."""
    copied(world, fresh)
    country = own[-1]
    promote_noise(fresh, artifact(world, COUNTRY, country))

    train(fresh, now=NOON + SECOND, min_gain_se=1e9)

    assert fresh.alias_of(COUNTRY, country) == "th"
    assert fresh.owners(COUNTRY) == set(own) - {country}
    given_up = outcomes(fresh)[country]
    assert (given_up.outcome, given_up.live) == ("given up", NOISE)
    assert given_up.measures["ndcg_live"] < given_up.measures["ndcg_parent"]


@pytest.mark.parametrize("too_few", [{"min_country_queries": 1_000}, {"min_country_positives": 10**6}], ids=str)
def test_a_country_without_the_data_for_another_model_keeps_its_own_as_long_as_that_is_good(
    world, own, fresh, train, too_few
):
    copied(world, fresh)
    country = own[-1]
    promote_noise(fresh, artifact(world, COUNTRY, country))

    train(fresh, now=NOON + SECOND, **too_few)

    assert fresh.alias_of(COUNTRY, country) == "th"
    ranker = Rankers(fresh)
    assert all(ranker.own(COUNTRY, key) for key in fresh.owners(COUNTRY))


def test_a_country_with_too_little_data_says_how_much_is_missing(world, own, fresh, train):
    train(fresh, min_country_positives=10**6)

    came = outcomes(fresh, NOON)
    assert came.keys() >= {GLOBAL_KEY, *own}
    for country in own:
        outcome = came[country]
        assert outcome.outcome == "too little data"
        assert 0 < outcome.measures["engagements"] < outcome.measures["engagements_needed"] == 10**6


def test_without_a_base_model_the_model_of_all_answers(fresh, train):
    train(fresh, base_country="fr")

    assert fresh.alias_of(COUNTRY, "fr") == GLOBAL_KEY
    assert fresh.alias_of(COUNTRY, "ad") == "fr"
    ranker = Rankers(fresh).of("ad", "fr")
    assert ranker.name == GLOBAL_KEY


def test_a_network_with_few_people_a_day_is_judged_from_earlier_moments_too(fresh, train):
    report = train(fresh, min_queries=400, max_holdout=4 * QUICK.holdout)

    manifest, _ = fresh.load(GLOBAL, GLOBAL_KEY, FEATURES.fingerprint, lambda sealed: sealed.manifest)
    assert "skipped" not in report.details
    assert report.details["cuts"] > 2
    assert report.details["judged_lists"] > report.details["people"] > 100
    assert 0 < manifest.metrics["weight"] < 1
    assert manifest.window[1] == NOON - QUICK.holdout


def test_a_damaged_live_model_is_replaced_by_the_next_good_one(world, own, fresh, train):
    copied(world, fresh)
    database = fresh.database
    for name in ("mlArtifacts_country", "mlArtifacts_global", "artifactVersions"):
        database[name].update_many({"artifact": {"$exists": True}}, {"$set": {"artifact": b"damaged"}})

    report = train(fresh, now=NOON + SECOND)

    assert report.details["promoted"] == len(own) + 1
    assert report.details["refused"] == 2 * (len(own) + 1)
    assert fresh.load(COUNTRY, own[-1], FEATURES.fingerprint, lambda sealed: sealed)[1] == []


def test_models_that_another_program_left_are_replaced_unread(own, fresh, train):
    countries = fresh.database.mlArtifacts_country
    foreign = {"model": "xgboost", "artifact": b"\x80\x04.", "trainedAt": NOON}
    countries.insert_many([{"account": key} | foreign for key in ("fr", own[-1])])

    train(fresh)

    assert fresh.owners(COUNTRY) == set(own)
    assert fresh.alias_of(COUNTRY, "fr") == "th"
    assert countries.count_documents({}) == 250
    assert countries.count_documents({"artifact": foreign["artifact"]}) == 0


def test_two_runs_never_mix(world, fresh, train):
    with world.store.leases.hold(train_coldstart.NAME), pytest.raises(Conflict):
        train(fresh)

    assert models(fresh) == [[], []]


def number_of_trees(model: bytes) -> int:
    booster = xgboost.Booster(model_file=bytearray(model))
    return len(json.loads(bytes(booster.save_raw("json")))["learner"]["gradient_booster"]["model"]["trees"])


def test_a_country_that_is_given_up_for_want_of_data_is_said_to_be_given_up(world, own, fresh, train):
    copied(world, fresh)
    country = own[-1]
    promote_noise(fresh, artifact(world, COUNTRY, country))

    train(fresh, now=NOON + SECOND, min_country_positives=10**6)

    assert fresh.alias_of(COUNTRY, country) == "th"
    assert outcomes(fresh)[country].outcome == "given up"


def test_what_came_of_the_keys_before_a_conflict_is_kept(world, fresh, train, monkeypatch):
    def conflicting(*_, **__):
        raise Conflict("another version was made live")

    monkeypatch.setattr(train_coldstart, "train_countries", conflicting)

    with pytest.raises(Conflict):
        train(fresh)

    assert outcomes(fresh, NOON)[GLOBAL_KEY].outcome == "promoted"
