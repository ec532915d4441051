"""Keeping, promoting, aliasing and loading versions of models."""

from dataclasses import replace
from datetime import timedelta
from threading import Barrier, Thread

import pytest

from shared.artifacts import Artifact, Manifest, Registry
from shared.errors import BadConfig, Conflict, NotFound, StaleModel
from tests.conftest import SIGNING_KEY

HOUR = timedelta(hours=1)
FEATURES = "0123456789ab"


@pytest.fixture
def artifact(noon):
    """Make the artifact of a version, whose model names the version."""

    def make(version, *, key="th", model=None, **fields):
        manifest = Manifest("country", key, version, noon, (noon - 24 * HOUR, noon), ("likes",), FEATURES)
        return Artifact(replace(manifest, **fields), model or f"model {version}".encode())

    return make


@pytest.fixture
def versions(registry, artifact, noon):
    """Three versions, of which the third is live and the first two were live before."""
    for previous, version in ((None, "v1"), ("v1", "v2"), ("v2", "v3")):
        registry.add(artifact(version))
        registry.promote("country", "th", version, instead_of=previous, at=noon)
    return registry


def live(registry, key="th", family="country"):
    return registry.load(family, key, FEATURES, lambda artifact: artifact.model)


def test_a_candidate_is_not_live(registry, artifact):
    registry.add(artifact("v1"))

    assert registry.live_version("country", "th") is None
    assert live(registry) == (None, [])


def test_a_promoted_version_is_what_readers_get(registry, artifact, databases, noon):
    registry.add(artifact("v1"))
    registry.promote("country", "th", "v1", instead_of=None, at=noon)

    assert live(registry) == (b"model v1", [])
    document = databases.analytics.mlArtifacts_country.find_one({"account": "th"})
    assert (document["model"], document["features"], document["trainedAt"]) == ("xgboost", ["likes"], noon)
    assert document["promotedAt"] == noon


def test_what_comes_back_from_the_database_is_what_was_sealed(versions, artifact):
    loaded, _ = versions.load("country", "th", FEATURES, lambda artifact: artifact)

    assert loaded == artifact("v3")


def test_adding_a_version_again_changes_nothing(versions, artifact, snapshot):
    before = snapshot()

    versions.add(artifact("v2"))

    assert snapshot() == before


def test_another_model_under_the_same_version_replaces_the_candidate(registry, artifact, databases, noon):
    registry.add(artifact("v1"))
    registry.add(artifact("v1", model=b"better"))
    registry.promote("country", "th", "v1", instead_of=None, at=noon)

    assert databases.analytics.artifactVersions.count_documents({}) == 1
    assert live(registry)[0] == b"better"


def test_promoting_twice_is_safe(versions, snapshot, noon):
    versions.promote("country", "th", "v3", instead_of="v2", at=noon)

    assert live(versions) == (b"model v3", [])


def test_a_version_that_is_not_kept_cannot_be_promoted(versions, snapshot, noon):
    before = snapshot()

    with pytest.raises(NotFound, match="country/th v9"):
        versions.promote("country", "th", "v9", instead_of="v3", at=noon)
    with pytest.raises(NotFound, match="no robots"):
        versions.live_version("robots", "th")

    assert snapshot() == before


def test_a_damaged_candidate_cannot_be_promoted(versions, artifact, databases, snapshot, noon):
    versions.add(artifact("v4"))
    databases.analytics.artifactVersions.update_one({"version": "v4"}, {"$set": {"artifact": b"damaged"}})
    before = snapshot()

    with pytest.raises(StaleModel, match="not those that were stored"):
        versions.promote("country", "th", "v4", instead_of="v3", at=noon)

    assert snapshot() == before


def test_who_promotes_over_a_version_that_is_not_live_any_more_is_told(versions, artifact, noon):
    versions.add(artifact("v4"))

    with pytest.raises(Conflict, match="another version is live than v2"):
        versions.promote("country", "th", "v4", instead_of="v2", at=noon)
    with pytest.raises(Conflict, match="another version is live than None"):
        versions.promote("country", "th", "v4", instead_of=None, at=noon)

    assert versions.live_version("country", "th") == "v3"


@pytest.mark.parametrize("previous", [None, "v0"])
def test_of_many_promotions_at_once_one_wins(registry, artifact, databases, noon, previous):
    if previous:
        registry.add(artifact(previous))
        registry.promote("country", "th", previous, instead_of=None, at=noon)
    names = [f"v{number}" for number in range(1, 7)]
    for name in names:
        registry.add(artifact(name))
    barrier, outcomes = Barrier(len(names)), {}

    def promote(name):
        barrier.wait()
        try:
            registry.promote("country", "th", name, instead_of=previous, at=noon)
            outcomes[name] = "won"
        except Conflict:
            outcomes[name] = "lost"

    threads = [Thread(target=promote, args=[name]) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    winners = [name for name, outcome in outcomes.items() if outcome == "won"]
    assert len(outcomes) == len(names)
    assert winners == [registry.live_version("country", "th")]
    assert databases.analytics.mlArtifacts_country.count_documents({}) == 1


def test_a_rollback_brings_back_the_same_bytes(versions, noon):
    versions.promote("country", "th", "v1", instead_of="v3", at=noon + HOUR)

    assert live(versions) == (b"model v1", [])


def test_the_newest_is_told_from_the_live_one_after_a_rollback(versions, artifact, noon):
    versions.promote("country", "th", "v1", instead_of="v3", at=noon + HOUR)
    versions.add(artifact("v4"))  # never live

    assert versions.newest("country", "th") == artifact("v3").manifest
    assert versions.newest("country", "us") is None


def test_a_damaged_newest_is_none(versions, databases):
    databases.analytics.artifactVersions.update_one({"version": "v3"}, {"$set": {"metrics": {"model": 1.0}}})

    assert versions.newest("country", "th") is None


def test_each_family_has_its_kind_and_its_collection(registry, artifact, databases, noon):
    kinds = {"country": "xgboost", "global": "xgboost", "members": "xgboost", "topics": "linear"}
    for family in kinds:
        registry.add(artifact("v1", family=family))
        registry.promote(family, "th", "v1", instead_of=None, at=noon)

    documents = {family: databases.analytics[f"mlArtifacts_{family}"].find_one({"account": "th"}) for family in kinds}
    assert {family: document["model"] for family, document in documents.items()} == kinds


def test_an_artifact_of_an_unknown_family_is_not_kept(registry, artifact, snapshot):
    before = snapshot()

    with pytest.raises(
        NotFound, match="family: no robots, only bots, country, global, members, personal, snapshot, topics"
    ):
        registry.add(artifact("v1", family="robots"))

    assert snapshot() == before


def test_a_key_without_a_model_of_its_own_is_an_alias_of_another_key(registry, databases, noon):
    assert registry.write_alias("country", ["ad", "fr"], "us", at=noon) == 2

    assert registry.alias_of("country", "ad") == "us"
    assert registry.owners("country") == set()
    document = databases.analytics.mlArtifacts_country.find_one({"account": "ad"}, {"_id": 0})
    assert document == {"account": "ad", "model": "xgboost", "aliasOf": "us", "trainedAt": noon}


def test_writing_the_same_alias_again_keeps_its_date(registry, snapshot, noon):
    registry.write_alias("country", ["ad", "fr"], "us", at=noon)
    before = snapshot()

    assert registry.write_alias("country", ["ad", "fr"], "us", at=noon + HOUR) == 0

    assert snapshot() == before


def test_an_alias_of_another_key_is_written_with_its_date(registry, databases, noon):
    registry.write_alias("country", ["ad", "fr"], "us", at=noon)

    assert registry.write_alias("country", ["ad"], "es", at=noon + HOUR) == 1

    document = databases.analytics.mlArtifacts_country.find_one({"account": "ad"})
    assert (document["aliasOf"], document["trainedAt"]) == ("es", noon + HOUR)


def test_a_model_of_its_own_replaces_an_alias_and_the_other_way_round(registry, artifact, databases, noon):
    registry.write_alias("country", ["th"], "us", at=noon)
    registry.add(artifact("v1"))

    registry.promote("country", "th", "v1", instead_of=None, at=noon)
    assert (registry.owners("country"), registry.alias_of("country", "th")) == ({"th"}, None)

    assert registry.write_alias("country", ["th"], "us", at=noon) == 0  # it has a model of its own
    assert registry.owners("country") == {"th"}
    with pytest.raises(Conflict, match="country/th"):
        registry.give_up("country", "th", "us", instead_of="v0", at=noon)
    registry.give_up("country", "th", "us", instead_of="v1", at=noon)
    registry.give_up("country", "th", "us", instead_of="v1", at=noon)  # delivered twice
    assert (registry.owners("country"), registry.alias_of("country", "th")) == (set(), "us")
    assert live(registry) == (None, [])
    assert databases.analytics.mlArtifacts_country.count_documents({}) == 1
    assert "artifact" not in databases.analytics.mlArtifacts_country.find_one({"account": "th"})


@pytest.mark.parametrize(
    "damage",
    [
        {"$set": {"artifact": b"damaged"}},
        {"$set": {"signature": "é"}},
        {"$set": {"fingerprint": "ba9876543210"}},
        {"$set": {"layout": 0}},
        {"$unset": {"sha256": ""}},
        {"$set": {"metrics": {"model": 1.0}}},
    ],
    ids=["bytes", "signature", "features", "layout", "digest", "metrics"],
)
def test_where_the_live_model_is_refused_its_copy_or_the_last_good_one_is_loaded(versions, databases, damage):
    databases.analytics.mlArtifacts_country.update_one({"account": "th"}, damage)
    assert live(versions)[0] == b"model v3"
    databases.analytics.artifactVersions.update_many({"version": {"$in": ["v2", "v3"]}}, damage)

    model, refused = live(versions)

    assert model == b"model v1"
    assert len(refused) == 3
    assert all("country/th" in reason for reason in refused)


def test_a_candidate_that_was_never_live_does_not_replace_a_damaged_model(versions, artifact, databases):
    versions.add(artifact("v9"))
    databases.analytics.mlArtifacts_country.update_one({"account": "th"}, {"$set": {"artifact": b"damaged"}})

    databases.analytics.artifactVersions.update_one({"version": "v3"}, {"$set": {"artifact": b"damaged"}})

    assert live(versions)[0] == b"model v2"


def test_after_a_rollback_the_copy_of_what_is_live_comes_first(versions, databases, noon):
    versions.promote("country", "th", "v1", instead_of="v3", at=noon + HOUR)
    databases.analytics.mlArtifacts_country.update_one({"account": "th"}, {"$set": {"artifact": b"damaged"}})

    assert live(versions)[0] == b"model v1"


def test_in_place_of_a_model_that_its_reader_cannot_use_the_last_good_one_is_loaded(versions):
    def read(artifact):
        if artifact.manifest.version == "v3":
            raise StaleModel("no trees")
        return artifact.model

    assert versions.load("country", "th", FEATURES, read) == (b"model v2", ["no trees", "no trees"])


def test_without_a_good_version_there_is_no_model(versions, databases):
    for collection in (databases.analytics.mlArtifacts_country, databases.analytics.artifactVersions):
        collection.update_many({}, {"$set": {"artifact": b"damaged"}})

    model, refused = live(versions)

    assert model is None
    assert len(refused) == 4


def test_a_model_of_another_family_is_refused(registry, artifact, databases, noon):
    registry.add(artifact("v1", family="global"))
    registry.promote("global", "th", "v1", instead_of=None, at=noon)
    moved = databases.analytics.mlArtifacts_global.find_one({})
    databases.analytics.mlArtifacts_country.insert_one(moved)

    model, refused = live(registry)

    assert model is None
    assert "family global" in refused[0]


def test_a_new_signing_key_leaves_old_models_usable(versions, databases, artifact, noon):
    rotated = Registry(databases.analytics, [b"a key that came later", SIGNING_KEY.encode()])
    rotated.add(artifact("v4"))

    assert live(rotated) == (b"model v3", [])
    rotated.promote("country", "th", "v4", instead_of="v3", at=noon)
    assert live(rotated) == (b"model v4", [])

    refusing = Registry(databases.analytics, [b"a key that came later"])
    databases.analytics.mlArtifacts_country.delete_many({})
    refusing.promote("country", "th", "v4", instead_of=None, at=noon)
    with pytest.raises(StaleModel, match="signature"):
        refusing.promote("country", "th", "v3", instead_of="v4", at=noon)


def test_without_a_key_nothing_is_signed_or_read(store):
    with pytest.raises(BadConfig, match="ARTIFACT_KEYS"):
        Registry(store.analytics, [])
