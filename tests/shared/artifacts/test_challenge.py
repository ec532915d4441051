"""A training that challenges the live model."""

import re
from datetime import timedelta

import pytest

from layers.build import ROOT
from shared.artifacts import Challenge, FrozenModel, FrozenModels
from shared.errors import Conflict

HOUR = timedelta(hours=1)
FINGERPRINT = "0123456789ab"


@pytest.fixture
def begin(registry, noon):
    """Begin a challenge of the model of a country."""

    def at(moment=noon):
        return Challenge.begin(registry, "country", "th", now=moment)

    return at


@pytest.fixture
def promote(noon):
    """Promote a challenger whose model names the version."""

    def with_model_of(challenge):
        return challenge.promote(
            f"model {challenge.version}".encode(),
            window=(noon - 24 * HOUR, noon),
            features=("likes",),
            fingerprint=FINGERPRINT,
            metrics={"ndcg": 0.5},
            libraries={"xgboost": "3"},
        )

    return with_model_of


def live(registry):
    return registry.load("country", "th", FINGERPRINT, lambda artifact: artifact)[0]


def test_the_first_challenger_needs_no_live_model(registry, begin, promote, noon):
    challenge = begin()
    promote(challenge)

    artifact = live(registry)
    assert (challenge.instead_of, challenge.version) == (None, "20260131T120000Z")
    assert artifact.model == b"model 20260131T120000Z"
    assert artifact.manifest.trained_at == noon
    assert artifact.manifest.metrics == {"ndcg": 0.5}
    assert artifact.manifest.libraries == {"xgboost": "3"}


def test_the_challenger_replaces_the_version_that_was_live(registry, begin, promote, noon):
    promote(begin())
    promote(begin(noon + HOUR))

    assert live(registry).manifest.version == "20260131T130000Z"
    document = registry.database.mlArtifacts_country.find_one({"account": "th"})
    assert document["instead_of"] == "20260131T120000Z"


def test_a_training_that_is_repeated_changes_nothing(begin, promote, snapshot):
    promote(begin())
    before = snapshot()

    promote(begin())

    assert snapshot() == before


def test_a_version_that_was_promoted_during_the_training_stays_live(registry, begin, promote, noon):
    promote(begin())
    challenge = begin(noon + 2 * HOUR)
    promote(begin(noon + HOUR))

    with pytest.raises(Conflict, match="country/th"):
        promote(challenge)

    assert live(registry).manifest.version == "20260131T130000Z"


def test_a_training_that_is_delivered_again_undoes_no_rollback(registry, begin, promote, noon):
    promote(begin())
    promote(begin(noon + HOUR))
    registry.promote("country", "th", "20260131T120000Z", instead_of="20260131T130000Z", at=noon + 2 * HOUR, by="ana")

    with pytest.raises(Conflict, match="20260131T130000Z was live already, and was replaced"):
        promote(begin(noon + HOUR))

    assert live(registry).manifest.version == "20260131T120000Z"


def test_a_version_that_was_promoted_during_the_training_is_not_given_up(registry, begin, promote, noon):
    promote(begin())
    challenge = begin(noon + 2 * HOUR)
    promote(begin(noon + HOUR))

    with pytest.raises(Conflict, match="country/th"):
        challenge.give_up("us")

    assert live(registry).manifest.version == "20260131T130000Z"


@pytest.fixture
def frozen(registry):
    return FrozenModels(registry.database)


@pytest.fixture
def freeze(frozen, noon):
    return lambda: frozen.freeze(FrozenModel("country", "th", "engagement fell", "ana@example.org", noon))


def test_while_a_key_is_frozen_a_challenger_is_kept_and_not_live(registry, begin, promote, freeze, noon):
    promote(begin())
    freeze()

    assert promote(begin(noon + HOUR)) is False

    assert live(registry).manifest.version == "20260131T120000Z"
    candidate = registry.database.artifactVersions.find_one({"version": "20260131T130000Z"})
    assert candidate["account"] == "th"
    assert "promotedAt" not in candidate


def test_a_frozen_key_does_not_become_an_alias(registry, begin, promote, freeze, frozen, noon):
    promote(begin())
    freeze()

    assert begin(noon + HOUR).give_up("us") is False
    assert registry.alias_of("country", "th") is None

    frozen.unfreeze("country", "th")
    assert begin(noon + HOUR).give_up("us") is True
    assert registry.alias_of("country", "th") == "us"


def test_a_freezing_that_cannot_be_read_is_one(registry, begin, promote, noon):
    registry.database.frozenModels.insert_one({"_id": {"family": "country", "key": "th"}, "by": 7})

    assert promote(begin()) is False


def test_freezing_begins_and_ends_once(freeze, frozen, noon):
    freeze()

    with pytest.raises(Conflict, match="country/th: is frozen already"):
        frozen.freeze(FrozenModel("country", "th", "again", "kit@example.org", noon))

    assert [(model.key, model.reason) for model in frozen.all(10)] == [("th", "engagement fell")]
    frozen.unfreeze("country", "th")
    with pytest.raises(Conflict, match="country/th: is not frozen"):
        frozen.unfreeze("country", "th")
    assert frozen.find("country", "th") is None


def test_trainings_make_models_live_by_challenges_alone():
    """So that none of them passes a freezing by. An alias for a country without a model of its own replaces none."""
    direct = re.compile(r"registry\.(promote|write_alias|replace|remove)\(")
    calls = {
        f"{path.parent.name}/{path.stem} {name}"
        for path in (ROOT / "functions").rglob("*.py")
        for name in direct.findall(path.read_text())
    }

    assert calls == {
        "artifacts/promote_artifact promote",
        "coldstart/country_models write_alias",
        "feed/train_personal remove",
        "feed/train_personal replace",
    }
