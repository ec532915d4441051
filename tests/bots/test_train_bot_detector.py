"""When the detector is trained, what its artifact holds, and when it is promoted."""

import numpy as np
import pytest
from msgspec.structs import replace

from functions.bots import evaluation
from functions.bots.detector import FAMILY, FINGERPRINT, KEY, Detector
from functions.bots.labels import LabelledSet
from functions.bots.reading_features import FEATURES
from functions.bots.train_bot_detector import NAME
from shared.artifacts import FrozenModel, FrozenModels
from shared.errors import Conflict
from tests.bots.conftest import HOUR, MINUTE, NOON, QUICK, judge, train
from tests.factories import an_id


def live(town):
    return town.store.analytics.frauddetectionmlartifacts.find_one({"account": KEY})


def test_a_detector_comes_of_what_people_have_judged(town):
    report = train(town)

    assert report.as_dict() | {"roc_auc": 0, "average_precision": 0, "threshold": 0} == {
        "read": 54, "written": 1, "bots": 14, "people": 40, "roc_auc": 0, "average_precision": 0, "budget": 14.0,
        "precision_at_budget": 1.0, "threshold": 0, "promoted": 1, "refused": 0,
    }  # fmt: skip
    assert report.details["roc_auc"] > 0.98


def test_the_document_has_the_fields_of_the_contract_and_ours(town):
    train(town)

    document = live(town)

    assert document["model"] == "one-class classifier based on PCA"
    assert document["features"] == list(FEATURES.names)
    assert document["model_classes"] == [[0, "bot_class"], [1, "human_class"]]
    assert document["trainedAt"] == NOON
    features = town.store.analytics.credentialfeatures
    assert set(document["dataset"]) == set(features.distinct("_id", {"verifiedAt": {"$exists": True}}))
    assert document["evaluationReport"]["bot_class_support"] == 14
    assert document["evaluationReport"]["human_class_support"] == 40
    assert document["metrics"]["others"].keys() == {"supervised"}
    assert {"roc_auc", "average_precision", "precision_at_budget", "budget"} == document["metrics"]["ours"].keys()
    assert isinstance(document["artifact"], bytes)
    assert len(document["artifact"]) < 10_000


def test_no_label_changed_means_no_training(guarded, snapshot):
    before = snapshot()

    assert train(guarded, now=NOON + HOUR).as_dict() == {"read": 0, "written": 0, "skipped": "no label changed"}
    assert snapshot() == before


def test_a_new_label_or_another_option_is_learnt_from(guarded):
    judge(guarded.store, "b20", at=NOON + MINUTE)

    report = train(guarded, now=NOON + HOUR)

    assert (report.details["bots"], report.written) == (15, 1)
    assert "auc_difference" in live(guarded)["metrics"]
    assert train(guarded, replace(QUICK, explained_ratio=0.9), now=NOON + 2 * HOUR).read == 55


def test_the_same_labels_make_the_same_detector(guarded):
    first = live(guarded)
    for name in ("frauddetectionmlartifacts", "artifactVersions"):
        guarded.store.analytics[name].delete_many({})

    train(guarded)

    names = ("artifact", "evaluationReport", "signature", "metrics", "dataset")
    assert {name: live(guarded)[name] for name in names} == {name: first[name] for name in names}


@pytest.mark.parametrize(
    ("bots", "people", "lacking"),
    [
        (0, 0, "0 bots are judged, 10 are needed and 0 people are judged, 10 are needed"),
        (9, 40, "9 bots are judged, 10 are needed"),
        (14, 1, "1 people are judged, 10 are needed"),
        (0, 40, "0 bots are judged, 10 are needed"),
    ],
)
def test_too_few_of_either_kind_are_a_reason_and_no_failure(town, bots, people, lacking):
    labels = town.store.analytics.credentialfeatures
    spared = [an_id(f"b{n}") for n in range(bots, 14)] + [an_id(f"p{n}") for n in range(people, 40)]
    labels.delete_many({"verifiedAt": {"$exists": True}, "seenCredential": {"$in": spared}})

    report = train(town)

    assert (report.written, report.details["skipped"]) == (0, lacking)
    assert live(town) is None


def test_while_it_is_frozen_the_live_one_stays_and_the_new_one_is_kept(guarded):
    before = live(guarded)
    frozen = FrozenModel(FAMILY, KEY, "fewer suspects", "ana@example.org", NOON)
    FrozenModels(guarded.store.analytics).freeze(frozen)
    judge(guarded.store, "b20", at=NOON + MINUTE)

    report = train(guarded, now=NOON + HOUR)

    assert (report.written, report.details["promoted"], report.details["frozen"]) == (0, 0, KEY)
    assert live(guarded) == before
    assert guarded.store.analytics.artifactVersions.count_documents({"promotedAt": {"$exists": False}}) == 1


def test_one_that_is_worse_than_what_is_live_stays_out(guarded, monkeypatch):
    before = live(guarded)
    judge(guarded.store, "b20", at=NOON + HOUR)
    # Its score falls where it should rise.
    monkeypatch.setattr(evaluation, "calibration", lambda scores, bot: (1.5, -5.0))

    report = train(guarded, now=NOON + 2 * HOUR)

    assert (report.written, report.details["promoted"]) == (0, 0)
    assert live(guarded) == before
    monkeypatch.undo()
    assert train(guarded, now=NOON + 3 * HOUR).details == {"skipped": "no label changed"}, "not made over and over"


def test_one_label_gone_and_another_there_is_noticed_though_their_number_and_date_are_the_same(guarded, store):
    query = {"verifiedAt": {"$exists": True}}
    gone = store.analytics.credentialfeatures.find_one(query)
    store.analytics.credentialfeatures.delete_one({"_id": gone["_id"]})
    other = gone | {"_id": an_id("other"), "seenCredential": an_id("other")}
    store.analytics.credentialfeatures.insert_one(other)

    assert "skipped" not in train(guarded, now=NOON + HOUR).details


def test_an_older_detector_that_was_brought_back_stays_until_a_label_changes(guarded):
    judge(guarded.store, "b20", at=NOON + MINUTE)
    train(guarded, now=NOON + HOUR)
    first, second = sorted(row["version"] for row in guarded.store.analytics.artifactVersions.find())
    guarded.registry.promote(FAMILY, KEY, first, instead_of=second, at=NOON + 2 * HOUR)

    assert train(guarded, now=NOON + 3 * HOUR).details == {"skipped": "no label changed"}
    assert live(guarded)["version"] == first
    judge(guarded.store, "b21", at=NOON + 4 * HOUR)
    assert train(guarded, now=NOON + 5 * HOUR).written == 1


def test_labels_in_the_other_sense_make_the_same_detector(guarded, store):
    ours = live(guarded)["artifact"]
    for row in store.analytics.credentialfeatures.find({"verifiedAt": {"$exists": True}}):
        flipped = {"$set": {"verificationStatus": not row["verificationStatus"]}}
        store.analytics.credentialfeatures.update_one({"_id": row["_id"]}, flipped)
    for name in ("frauddetectionmlartifacts", "artifactVersions"):
        store.analytics[name].delete_many({})

    train(guarded, replace(QUICK, verdict_true_means="person"))

    assert live(guarded)["artifact"] == ours


def test_a_credential_that_was_judged_twice_counts_once_by_its_latest_verdict(guarded, store):
    older = store.analytics.credentialfeatures.find_one({"seenCredential": an_id("b0")}, {"_id": 0})
    other = {"firstSeenAt": NOON - 9 * HOUR, "lastSeenAt": NOON - 8 * HOUR, "verifiedAt": NOON - 7 * HOUR}
    store.analytics.credentialfeatures.insert_one(older | other | {"verificationStatus": False})

    labelled = LabelledSet.read(store, QUICK, now=NOON)

    assert labelled.counts() == {"bots": 14, "people": 40}


def test_labels_without_features_or_with_spoiled_ones_are_left_out(guarded, store):
    labels = store.analytics.credentialfeatures
    spoiled = ["viewsPerHour", "pauseRatio", "gapLogStd", "hourSpread", "gapBurstiness"]
    for number, value in enumerate([float("nan"), float("inf"), "many", None, -5]):
        labels.update_one(
            {"seenCredential": an_id(f"p{number}"), "verifiedAt": {"$exists": True}},
            {"$set": {spoiled[number]: value}},
        )
    labels.insert_one(
        {"seenCredential": an_id("x"), "firstSeenAt": NOON, "lastSeenAt": NOON, "verificationStatus": True,
         "verifiedAt": NOON}
    )  # fmt: skip

    labelled = LabelledSet.read(store, QUICK, now=NOON)

    assert labelled.counts() == {"bots": 14, "people": 35}
    assert np.isfinite(labelled.features).all()


@pytest.mark.parametrize("field", ["artifact", "signature", "fingerprint"])
def test_a_live_detector_that_fails_its_checks_is_replaced(guarded, field):
    changed = {"artifact": b"\x80\x04pickle", "signature": "0" * 64, "fingerprint": "others"}[field]
    for name in ("frauddetectionmlartifacts", "artifactVersions"):
        guarded.store.analytics[name].update_many({}, {"$set": {field: changed}})

    report = train(guarded, now=NOON + HOUR)

    assert (report.written, report.details["refused"]) == (1, 2)
    loaded, refused = guarded.registry.load(FAMILY, KEY, FINGERPRINT, Detector.read)
    assert (loaded is not None, refused) == (True, [])


def test_two_do_not_train_at_once(town):
    with town.store.leases.hold(NAME), pytest.raises(Conflict, match=NAME):
        train(town)


def test_artifacts_of_the_original_are_left_alone(town):
    theirs = [
        {"model": "one-class classifier based on PCA", "trainedAt": NOON, "artifact": b"pickle"} for _ in range(3)
    ]
    town.store.analytics.frauddetectionmlartifacts.insert_many(theirs)

    assert train(town).written == 1
    assert town.store.analytics.frauddetectionmlartifacts.count_documents({}) == 4
