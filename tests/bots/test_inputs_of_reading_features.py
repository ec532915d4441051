"""What reading features are made from: a change computes anew what it changes and nothing else, and features that
cannot be computed anew are neither scored nor learnt from."""

from datetime import timedelta

import numpy as np
import pytest
from msgspec.structs import replace

from functions.bots.reading_features import FEATURES
from functions.bots.store import credential_features
from functions.bots.store.credential_features import CredentialFeatures
from shared.columns import to_bson
from shared.ml.features import FeatureSet
from tests.bots.conftest import DAY, HOUR, MINUTE, NOON, QUICK, extract, judge, like_a_person, read
from tests.factories import an_id

LATER = NOON + 2 * HOUR
NAMES = ("ann", "bob", "cat", "silent", "unread")


@pytest.fixture
def readers(store):
    """Ann and Bob read now; Cat had a verdict on an earlier window; the exposures of `silent` and of `unread`, who had
    a verdict too, are gone."""
    rng = np.random.default_rng(1)
    for name in ("cat", "unread", "silent"):
        read(store, name, *like_a_person(rng, 130), until=NOON - DAY)
    extract(store, now=NOON - DAY)
    judge(store, "cat", "unread", at=NOON - DAY)
    for name in ("ann", "bob", "cat"):
        read(store, name, *like_a_person(rng, 130), until=NOON - 10 * MINUTE)
    store.app.feeditems.delete_many({"seenCredential": {"$in": [an_id("silent"), an_id("unread")]}})
    extract(store, now=NOON)
    return store


def one_reads(store, monkeypatch):
    read(store, "bob", [1] * 5, [2] * 5, until=LATER - 10 * MINUTE)


def another_layout(store, monkeypatch):
    monkeypatch.setattr(credential_features, "LAYOUT", "of tomorrow")


def other_features(store, monkeypatch):
    monkeypatch.setattr(credential_features, "FEATURES", FeatureSet(FEATURES.features[:-1]))


def an_earlier_version(store, monkeypatch):
    """Rows that do not say what they were made from, and the mark of a version that wrote such rows."""
    store.analytics.credentialfeatures.update_many({}, {"$unset": {"madeFrom": ""}})
    store.analytics.watermarks.update_many({}, {"$set": {"madeFrom.layout": "2"}})


def nothing(store, monkeypatch):
    pass


EVERYTHING = {("ann", False), ("bob", False), ("cat", False), ("cat", True)}
# What each change computes anew: credentials, and whether it is a window with a verdict.
CHANGES = {
    nothing: set(),
    one_reads: {("bob", False)},
    another_layout: EVERYTHING,
    other_features: EVERYTHING,
    an_earlier_version: EVERYTHING,
}


def windows(store, query):
    called = {an_id(name): name for name in NAMES}
    rows = store.analytics.credentialfeatures.find(query)
    return {(called[row["seenCredential"]], "verifiedAt" in row) for row in rows}


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_change_computes_anew_what_it_changes_and_nothing_else(readers, monkeypatch, change):
    change(readers, monkeypatch)

    extract(readers, now=LATER)
    again = extract(readers, now=LATER + 10 * MINUTE)

    assert windows(readers, {"updatedAt": {"$gte": LATER}}) == CHANGES[change]
    assert (again.read, again.written) == (0, 0)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_what_cannot_be_computed_anew_is_neither_scored_nor_learnt_from(readers, monkeypatch, change):
    is_outdated = CHANGES[change] is EVERYTHING
    stored = CredentialFeatures(readers)
    before = stored.labels(FEATURES.names, now=NOON)
    change(readers, monkeypatch)

    report = extract(readers, now=LATER)

    scored = set(to_bson(stored.unjudged(FEATURES.names, QUICK)["credential"]))
    _, _, learnt_from = stored.labelled(FEATURES.names, 10, now=LATER)
    known = stored.newest(map(an_id, NAMES))
    judged = {"cat"} if is_outdated else {"cat", "unread"}
    current = {"ann", "bob", "cat"} if is_outdated else {"ann", "bob", "cat", "silent"}
    assert scored == set(map(an_id, current))
    assert set(to_bson(learnt_from["credential"])) == set(map(an_id, judged))
    assert known.keys() == set(map(an_id, current | judged))
    assert report.details.get("outdated_labels", 0) == int(is_outdated)
    assert (stored.labels(FEATURES.names, now=LATER) == before) is not is_outdated


@pytest.mark.parametrize(
    ("options", "scored"),
    [
        (QUICK, {"few", "many", "gone"}),
        (replace(QUICK, min_readings=50), {"many", "gone"}),
        (replace(QUICK, min_readings=500), {"many", "gone"}),  # which no window holds: all that a full one can have
        (replace(QUICK, min_readings=50, limit=80), {"many", "gone"}),
        (replace(QUICK, limit=50), {"many", "few", "gone"}),
    ],
)
def test_only_windows_with_as_many_readings_as_the_options_demand_now_are_scored_and_every_label_is_learnt_from(
    store, options, scored
):
    """Also windows that cannot be computed anew, and those with more readings than one of now would have."""
    rng = np.random.default_rng(1)
    for name, number in (("few", 45), ("judged", 45), ("many", 130), ("gone", 130)):
        read(store, name, *like_a_person(rng, number), until=NOON - HOUR)
    extract(store, now=NOON)
    judge(store, "judged", at=NOON)
    store.app.feeditems.delete_many({"seenCredential": an_id("gone")})

    extract(store, options, now=LATER)

    stored = CredentialFeatures(store)
    assert set(to_bson(stored.unjudged(FEATURES.names, options)["credential"])) == set(map(an_id, scored))
    assert to_bson(stored.labelled(FEATURES.names, 10, now=LATER)[2]["credential"]) == [an_id("judged")]


def test_a_verdict_on_outdated_features_is_learnt_from_once_they_are_computed_anew(readers, monkeypatch):
    another_layout(readers, monkeypatch)
    judge(readers, "ann", at=NOON + HOUR)
    stored = CredentialFeatures(readers)
    assert stored.labels(FEATURES.names, now=LATER).count == 0

    extract(readers, now=LATER)

    assert stored.labels(FEATURES.names, now=LATER).count == 2
    assert extract(readers, now=LATER + timedelta(days=1)).details["outdated_labels"] == 1
