"""Deletion of old versions: the newest stay, and always the live one."""

import pytest

from functions.artifacts import prune_artifacts
from functions.artifacts.options import Artifacts
from shared.errors import Conflict


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
def test_the_newest_stay_and_always_the_live_one(store, versions, databases, keep, stay):
    report = prune_artifacts.run(store, versions, Artifacts(keep=keep))

    assert kept(databases) == [*stay, "us v1"]
    assert report.removed == 5 - len(stay)


def test_a_second_run_removes_nothing(store, versions, snapshot):
    prune_artifacts.run(store, versions, Artifacts(keep=1))
    before = snapshot()

    report = prune_artifacts.run(store, versions, Artifacts(keep=1))

    assert report.as_dict() == {"read": 0, "written": 0}
    assert snapshot() == before


def test_the_live_model_is_never_changed(store, versions, databases):
    before = list(databases.analytics.mlArtifacts_country.find())

    prune_artifacts.run(store, versions, Artifacts(keep=0))

    assert list(databases.analytics.mlArtifacts_country.find()) == before


def test_a_version_of_a_family_that_nobody_knows_stops_nothing(store, versions, databases):
    databases.analytics.artifactVersions.insert_one({"family": "strange", "account": "th", "version": "v1"})

    prune_artifacts.run(store, versions, Artifacts(keep=0))

    assert kept(databases) == ["th v1", "th v2", "us v1"]


def test_without_versions_there_is_nothing_to_do(store, registry):
    assert prune_artifacts.run(store, registry, Artifacts()).as_dict() == {"read": 0, "written": 0}


def test_two_runs_never_mix(store, versions, snapshot):
    before = snapshot()

    with store.leases.hold(prune_artifacts.NAME), pytest.raises(Conflict):
        prune_artifacts.run(store, versions, Artifacts(keep=0))

    assert snapshot() == before
