"""A training that challenges the live model."""

from datetime import timedelta

import pytest

from shared.artifacts import Challenge
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
        challenge.promote(
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
