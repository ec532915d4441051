"""Deletion of old versions: the newest stay, as many that may be used, the live one, and what readers fall back on."""

from datetime import timedelta
from typing import Any

import pytest

from functions.artifacts import prune_artifacts
from functions.artifacts.options import Artifacts
from shared.artifacts import Artifact, Manifest, Registry, version_at
from shared.errors import Conflict
from tests.conftest import SIGNING_KEY

RIGHT_KEY = SIGNING_KEY.encode()
WRONG_KEY = b"the key of something else, by mistake"


def kept(databases):
    return sorted(f"{row['account']} {row['version']}" for row in databases.analytics.artifactVersions.find())


@pytest.mark.parametrize(
    ("keep", "stay"),
    [
        (0, ["th v2"]),
        (1, ["th v2", "th v5"]),
        (2, ["th v2", "th v4", "th v5"]),
        (4, ["th v2", "th v3", "th v4", "th v5"]),
        (9, ["th v1", "th v2", "th v3", "th v4", "th v5"]),
    ],
)
def test_the_newest_stay_and_always_the_live_one(store, versions, databases, keep, stay, noon):
    report = prune_artifacts.run(store, versions, Artifacts(keep=keep), now=noon)

    assert kept(databases) == [*stay, "us v1"]
    assert report.removed == 5 - len(stay)


def test_a_second_run_removes_nothing(store, versions, snapshot, noon):
    prune_artifacts.run(store, versions, Artifacts(keep=1), now=noon)
    before = snapshot()

    report = prune_artifacts.run(store, versions, Artifacts(keep=1), now=noon)

    assert report.as_dict() == {"read": 0, "written": 0}
    assert snapshot() == before


def test_the_live_model_is_never_changed(store, versions, databases, noon):
    before = list(databases.analytics.mlArtifacts_country.find())

    prune_artifacts.run(store, versions, Artifacts(keep=0), now=noon)

    assert list(databases.analytics.mlArtifacts_country.find()) == before


def test_a_version_of_a_family_that_nobody_knows_stops_nothing(store, versions, databases, noon):
    databases.analytics.artifactVersions.insert_one({"family": "strange", "account": "th", "version": "v1"})

    prune_artifacts.run(store, versions, Artifacts(keep=0), now=noon)

    assert kept(databases) == ["th v1", "th v2", "us v1"]


def test_without_versions_there_is_nothing_to_do(store, registry, noon):
    assert prune_artifacts.run(store, registry, Artifacts(), now=noon).as_dict() == {"read": 0, "written": 0}


def test_two_runs_never_mix(store, versions, snapshot, noon):
    before = snapshot()

    with store.leases.hold(prune_artifacts.NAME), pytest.raises(Conflict):
        prune_artifacts.run(store, versions, Artifacts(keep=0), now=noon)

    assert snapshot() == before


# Versions that nobody can use


@pytest.fixture
def promoted(store, noon):
    """Promotes a model of topics, `days` ago, signed with this key; returns its version."""

    def promote(days, key=RIGHT_KEY):
        at = noon - timedelta(days=days)
        registry, version = Registry(store.analytics, [key]), version_at(at)
        registry.add(Artifact(Manifest("topics", "all", version, at, (at, at), ("f",), "fp"), b"%d" % days))
        registry.promote("topics", "all", version, instead_of=registry.live_version("topics", "all"), at=at)
        return version

    return promote


@pytest.fixture
def loaded(registry):
    """What a reader gets: the bytes of the model."""
    return lambda: registry.load("topics", "all", "fp", lambda artifact: artifact.model)[0]


def of_topics(databases):
    return sorted(row["version"] for row in databases.analytics.artifactVersions.find({"family": "topics"}))


@pytest.mark.parametrize("keep", [0, 1, 4])
def test_what_readers_fall_back_on_stays_however_many_wrongly_signed_ones_are_newer(
    store, registry, promoted, loaded, noon, keep
):
    for days in (9, 8):
        promoted(days)
    for days in (6, 5, 4, 3, 2, 1):
        promoted(days, WRONG_KEY)
    assert loaded() == b"8"

    for _ in range(2):
        prune_artifacts.run(store, registry, Artifacts(keep=keep), now=noon)
        assert loaded() == b"8"


def test_wrongly_signed_ones_take_no_places_and_do_not_pile_up(store, registry, promoted, databases, noon):
    good = [promoted(days) for days in (20, 19, 18)]
    wrong = [promoted(days, WRONG_KEY) for days in range(9, 0, -1)]

    prune_artifacts.run(store, registry, Artifacts(keep=2), now=noon)

    assert of_topics(databases) == [*good[-2:], *wrong[-2:]]


def test_those_dated_ahead_take_no_places(store, registry, promoted, databases, noon):
    good = [promoted(days) for days in (9, 8, 7)]
    ahead = [promoted(days) for days in (-365, -366, -367)]

    prune_artifacts.run(store, registry, Artifacts(keep=2), now=noon)

    assert of_topics(databases) == [*good[-2:], *ahead[-2:]]


def test_those_without_their_bytes_take_no_places(store, registry, promoted, loaded, databases, noon):
    good, cut = promoted(9), [promoted(days) for days in (4, 3, 2, 1)]
    databases.analytics.artifactVersions.update_many({"version": {"$in": cut}}, {"$set": {"artifact": b"cut"}})
    databases.analytics.mlArtifacts_topics.update_one({}, {"$set": {"artifact": b"cut"}})

    prune_artifacts.run(store, registry, Artifacts(keep=1), now=noon)

    assert of_topics(databases) == [good, cut[-1]]
    assert loaded() == b"9"


def test_a_candidate_that_was_never_live_is_no_fallback(store, registry, promoted, loaded, noon):
    promoted(9)
    for days in (8, 7):
        at = noon - timedelta(days=days)
        registry.add(Artifact(Manifest("topics", "all", version_at(at), at, (at, at), ("f",), "fp"), b"never live"))
    promoted(1, WRONG_KEY)

    prune_artifacts.run(store, registry, Artifacts(keep=1), now=noon)

    assert loaded() == b"9"


def test_a_wrong_key_of_its_own_deletes_no_more_than_the_right_one(store, promoted, loaded, noon, databases):
    names = [promoted(days) for days in range(9, 0, -1)]

    prune_artifacts.run(store, Registry(store.analytics, [WRONG_KEY]), Artifacts(keep=4), now=noon)

    assert of_topics(databases) == names[-4:]
    assert loaded() == b"1"


@pytest.mark.parametrize(("keep", "checked"), [(4, 0), (3, 3), (1, 1)])
def test_no_more_models_are_read_than_the_choice_needs(store, registry, promoted, noon, monkeypatch, keep, checked):
    for days in (9, 8, 7, 6):
        promoted(days)
    read, unseal = list[Any](), Artifact.unseal

    def counted(document, keys):
        read.append(document["version"])
        return unseal(document, keys)

    monkeypatch.setattr(Artifact, "unseal", counted)

    prune_artifacts.run(store, registry, Artifacts(keep=keep), now=noon)

    assert len(read) == checked
