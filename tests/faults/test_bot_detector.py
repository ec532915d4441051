"""Detectors of bots where labels are missing or damaged, numbers are impossible, or bots imitate people."""

import numpy as np
import pytest
from bson import Decimal128

from functions.bots import flag_suspects, train_bot_detector
from functions.bots.detector import FAMILY, FINGERPRINT, KEY, Detector
from functions.bots.reading_features import FEATURES
from functions.bots.store.credential_features import CredentialFeatures
from tests.bots.conftest import (
    HOUR,
    MINUTE,
    NOON,
    QUICK,
    READINGS,
    extract,
    is_bot,
    judge,
    like_a_bot,
    like_a_person,
    read,
    train,
)
from tests.factories import an_id


def live(town):
    return town.store.analytics.frauddetectionmlartifacts.find_one({"account": KEY})


# Labels with too few numbers, or impossible ones


@pytest.mark.parametrize("spoiled", [float("nan"), float("inf"), None, "many"], ids=str)
def test_a_detector_of_spoiled_labels_is_refused_and_the_old_one_stays(labelled, spoiled):
    before = live(labelled)
    labels = labelled.store.analytics.credentialfeatures
    labels.update_many({}, {"$set": {"pauseRatio": spoiled, "labelledAt": NOON + HOUR}})

    report = train(labelled, now=NOON + 2 * HOUR)

    assert report.details["skipped"] == "0 bots are judged, 10 are needed and 0 people are judged, 10 are needed"
    assert live(labelled) == before


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), float("-inf"), -0.0, 10**18, Decimal128("1e6000"), True, "1"], ids=str
)
def test_an_impossible_number_never_reaches_a_score(labelled, value):
    rng = np.random.default_rng(8)
    for name in ("b100", "p100"):
        read(labelled.store, name, *(like_a_bot if is_bot(name) else like_a_person)(rng))
    extract(labelled.store, now=NOON + 10 * MINUTE)
    current = labelled.store.analytics.credentialfeatures
    current.update_one({"seenCredential": an_id("p100")}, {"$set": dict.fromkeys(FEATURES.names, value)})

    flag_suspects.run(labelled.store, labelled.registry, QUICK, now=NOON + HOUR)

    suspects = list(labelled.store.app.suspiciouscredentials.find())
    assert an_id("b100") in [row["seenCredential"] for row in suspects]
    assert all(0 <= row["score"] <= 1 for row in suspects)


# Labels that teach nothing


@pytest.mark.parametrize("data", ["nothing", "bots only", "people only", "constant", "all missing"])
def test_with_nothing_to_learn_from_training_says_why_and_the_old_detector_stays(labelled, data):
    labels, before = labelled.store.analytics.credentialfeatures, live(labelled)
    if data == "nothing":
        labels.delete_many({})
    elif data in ("bots only", "people only"):
        labels.delete_many({"verificationStatus": data == "people only"})
    elif data == "constant":
        labels.update_many({}, {"$set": dict.fromkeys(FEATURES.names, 1.0) | {"labelledAt": NOON + HOUR}})
    else:
        labels.update_many({}, {"$unset": dict.fromkeys(FEATURES.names, ""), "$set": {"labelledAt": NOON + HOUR}})

    report = train(labelled, now=NOON + 2 * HOUR)

    assert live(labelled) == before
    if data == "constant":
        assert (report.written, report.details["promoted"]) == (0, 0), "it separates nobody, so it is worse"
    else:
        assert "are needed" in str(report.details["skipped"])


# Bots that imitate one habit of people


def faked(rng, habit):
    """(gaps, seconds), each (n,) [s], of a bot with one habit of people."""
    gaps, seconds = like_a_bot(rng)
    people_gaps, people_seconds = like_a_person(rng)
    if habit == "lingers now and then":
        seconds[rng.choice(READINGS, 3, replace=False)] *= 40
    elif habit == "pauses as people do":
        gaps[rng.choice(READINGS, 5, replace=False)] += rng.uniform(1_900, 20_000, 5)
    elif habit == "is awake all day":
        gaps += 500
    elif habit == "never for exactly as long":
        seconds += rng.uniform(0, 0.5, READINGS)
    assert len(people_gaps) == len(people_seconds) == READINGS
    return gaps, seconds


@pytest.mark.parametrize("habit", ["lingers now and then", "is awake all day", "never for exactly as long"])
def test_a_bot_that_reads_like_people_in_one_respect_only_is_still_detected(labelled, habit):
    rng = np.random.default_rng(21)
    for number in range(10):
        read(labelled.store, f"b{200 + number}", *faked(rng, habit))
        read(labelled.store, f"p{200 + number}", *like_a_person(rng))
    extract(labelled.store, now=NOON + 10 * MINUTE)
    detector, _ = labelled.registry.load(FAMILY, KEY, FINGERPRINT, Detector.read)
    rows = flag_suspects.newest_of_each(CredentialFeatures(labelled.store).unjudged(FEATURES.names, QUICK))
    scores = detector.scores(flag_suspects.features_of(rows))
    bots = {b"o" + str(an_id(f"b{200 + number}")).encode() for number in range(10)}
    are_bots = np.array([key in bots for key in rows["credential"].tolist()])

    assert are_bots.sum() == 10
    assert np.quantile(scores[are_bots], 0.2) > scores[~are_bots].max(), "above everybody who is a person"


def test_bots_that_have_fooled_the_detector_are_detected_after_a_few_verdicts(labelled):
    """Pauses change all features of the pace; no detector expects them that was never trained on a bot that pauses."""
    rng = np.random.default_rng(22)
    for number in range(16):
        read(labelled.store, f"b{300 + number}", *faked(rng, "pauses as people do"))
    extract(labelled.store, now=NOON + 10 * MINUTE)

    def detected():
        detector, _ = labelled.registry.load(FAMILY, KEY, FINGERPRINT, Detector.read)
        rows = flag_suspects.newest_of_each(CredentialFeatures(labelled.store).unjudged(FEATURES.names, QUICK))
        return detector.scores(flag_suspects.features_of(rows)) >= detector.limit

    assert detected().sum() == 0
    judge(labelled.store, *(f"b{300 + number}" for number in range(6)), at=NOON + HOUR)
    assert train(labelled, now=NOON + 2 * HOUR).written == 1
    assert (detected().sum(), len(detected())) >= (6, 10)


def test_training_that_is_killed_before_its_detector_is_live_is_done_by_the_next_run(labelled, monkeypatch):
    before = live(labelled)
    read(labelled.store, "b50", *like_a_bot(np.random.default_rng(4)))
    extract(labelled.store, now=NOON + 10 * MINUTE)
    judge(labelled.store, "b50", at=NOON + HOUR)

    class Killed(BaseException):
        pass

    def die(*arguments, **named):
        raise Killed

    monkeypatch.setattr(labelled.registry, "promote", die)
    with pytest.raises(Killed):
        train_bot_detector.run(labelled.store, labelled.registry, QUICK, now=NOON + 2 * HOUR)
    monkeypatch.undo()

    assert live(labelled) == before
    assert train(labelled, now=NOON + 3 * HOUR).written == 1
