"""Promotion of stored versions, backwards and forwards, and what is refused."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from functions.artifacts import promote_artifact
from shared.errors import Conflict, NotFound, StaleModel


def model(registry, key):
    return registry.load("country", key, "0123456789ab", lambda sealed: sealed.model)[0]


@pytest.mark.parametrize("version", ["v1", "v5"])
def test_an_older_or_a_newer_version_becomes_live(versions, noon, version):
    report = promote_artifact.run(versions, "country", "th", version, now=noon)

    assert report.as_dict() == {"read": 1, "written": 1, "instead_of": "v2"}
    assert model(versions, "th") == f"th {version}".encode()
    assert model(versions, "us") == b"us v1"


def test_there_and_back_again_is_the_same_model(versions, noon):
    promote_artifact.run(versions, "country", "th", "v5", now=noon)
    promote_artifact.run(versions, "country", "th", "v2", now=noon)

    assert model(versions, "th") == b"th v2"


def test_a_repeated_call_changes_nothing(versions, noon):
    for _ in range(2):
        promote_artifact.run(versions, "country", "th", "v5", now=noon)

    assert versions.live_version("country", "th") == "v5"
    assert model(versions, "th") == b"th v5"


def test_a_damaged_live_model_is_mended_by_promoting_it_again(versions, databases, noon):
    databases.analytics.mlArtifacts_country.update_one({"account": "th"}, {"$set": {"artifact": b"damaged"}})

    promote_artifact.run(versions, "country", "th", "v2", now=noon)

    assert versions.load("country", "th", "0123456789ab", lambda sealed: sealed.model) == (b"th v2", [])


@pytest.mark.parametrize("names", [("country", "th", "v9"), ("country", "zz", "v1"), ("bots", "th", "v1")])
def test_a_version_that_is_not_stored_is_not_found(versions, snapshot, noon, names):
    before = snapshot()

    with pytest.raises(NotFound):
        promote_artifact.run(versions, *names, now=noon)

    assert snapshot() == before


def test_a_version_that_fails_its_checks_stays_a_candidate(versions, databases, snapshot, noon):
    databases.analytics.artifactVersions.update_one({"account": "th", "version": "v5"}, {"$set": {"sha256": "0" * 64}})
    before = snapshot()

    with pytest.raises(StaleModel, match="v5"):
        promote_artifact.run(versions, "country", "th", "v5", now=noon)

    assert snapshot() == before


def test_exactly_one_of_many_who_saw_the_same_version_live_succeeds(versions, noon):
    def promote(version):
        try:
            promote_artifact.run(versions, "country", "th", version, instead_of="v2", now=noon)
        except Conflict:
            return None
        return version

    wanted = ["v1", "v3", "v5", "v3", "v1", "v5"]
    with ThreadPoolExecutor(len(wanted)) as threads:
        done = [version for version in threads.map(promote, wanted) if version]

    assert done == [versions.live_version("country", "th")]


def test_the_version_that_is_live_is_not_made_live_instead_of_itself(versions, noon):
    with pytest.raises(Conflict, match="country/th: v2 is live already"):
        promote_artifact.run(versions, "country", "th", "v2", instead_of="v2", now=noon)


def test_the_first_model_of_a_key_is_made_live_instead_of_none(versions, databases, noon):
    databases.analytics.mlArtifacts_country.delete_one({"account": "us"})

    with pytest.raises(Conflict, match="country/us: none is live, instead of v2"):
        promote_artifact.run(versions, "country", "us", "v1", instead_of="v2", now=noon)
    promote_artifact.run(versions, "country", "us", "v1", instead_of="none", now=noon)

    assert model(versions, "us") == b"us v1"


def test_who_comes_second_at_the_same_moment_is_told(versions, noon, monkeypatch):
    live_version = versions.live_version

    def overtaken(family, key):
        live = live_version(family, key)
        monkeypatch.setattr(type(versions), "live_version", lambda _, *names: live_version(*names))
        versions.promote(family, key, "v4", instead_of=live, at=noon)
        return live

    monkeypatch.setattr(type(versions), "live_version", lambda _, *names: overtaken(*names))

    with pytest.raises(Conflict):
        promote_artifact.run(versions, "country", "th", "v5", now=noon)

    assert model(versions, "th") == b"th v4"
