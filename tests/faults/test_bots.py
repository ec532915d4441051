"""F3 to F5, F9, F14, F15, F20, F24 and F25 of reading times, detectors and verdicts, on a real server."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from threading import Barrier, Event, Thread
from typing import Any

import numpy as np
import pytest
from bson import Decimal128
from pymongo import MongoClient, ReadPreference
from pymongo.errors import AutoReconnect, PyMongoError

from functions.bots import apply_verdicts, extract_reading_features, flag_suspects, sweep_verdicts, train_bot_detector
from functions.bots.detector import FAMILY, FINGERPRINT, KEY, Detector
from functions.bots.reading_features import FEATURES
from local.mongod import mongo_server
from shared.artifacts import Registry
from shared.change import Change
from shared.errors import AppError
from shared.store import connect
from tests.bots.conftest import (
    DAY,
    HOUR,
    MINUTE,
    NOON,
    QUICK,
    READINGS,
    Town,
    extract,
    is_bot,
    judge,
    like_a_bot,
    like_a_person,
    names,
    read,
    readings,
    suspect,
    train,
)  # fmt: skip
from tests.conftest import SIGNING_KEY
from tests.factories import an_id
from tests.waiting import allowed

LIVE = {"account": KEY}


@pytest.fixture
def judged(store):
    """12 bots and 20 people, all judged, and a detector."""
    rng = np.random.default_rng(3)
    everybody = names(12, 20)
    for name in everybody:
        store.app.feeditems.insert_many(readings(name, *(like_a_bot if is_bot(name) else like_a_person)(rng)))
    extract(store)
    judge(store, *everybody)
    town = Town(store, Registry(store.analytics, [SIGNING_KEY.encode()]), everybody)
    assert train(town).written == 1
    return town


def live(town):
    return town.store.analytics.frauddetectionmlartifacts.find_one(LIVE)


def one_label(town, name):
    return town.store.analytics.credentialfeatures.find_one({"seenCredential": an_id(name)}, sort=[("lastSeenAt", 1)])


# F3: a detector from nothing, from too little or from numbers that are none


@pytest.mark.parametrize("spoiled", [float("nan"), float("inf"), None, "many"], ids=str)
def test_f3_a_detector_of_spoiled_labels_is_refused_and_the_old_one_stays(judged, spoiled):
    before = live(judged)
    labels = judged.store.analytics.credentialfeatures
    labels.update_many({}, {"$set": {"pauseRatio": spoiled, "labelledAt": NOON + HOUR}})

    report = train(judged, now=NOON + 2 * HOUR)

    assert report.details["skipped"] == "0 bots are judged, 10 are needed and 0 people are judged, 10 are needed"
    assert live(judged) == before


# F4: the same change many times, at once


@pytest.mark.parametrize("times", [2, 10, 1_000])
def test_f4_a_verdict_that_is_told_many_times_at_once_counts_once(store, chosen, times):
    rng = np.random.default_rng(1)
    read(store, "b1", *like_a_bot(rng))
    extract(store)
    row = suspect(store, "b1", verificationStatus=True, verifiedAt=NOON)
    store.app.suspiciouscredentials.insert_one(row)
    change = Change("suspiciouscredentials", row["_id"], "update")
    threads = min(times, 8)
    stores = [connect(chosen) for _ in range(threads)]

    def deliver(number):
        report = apply_verdicts.run(stores[number % threads], QUICK, [change] * (times // threads), now=NOON)
        return report.details.get("labelled", 0)

    with ThreadPoolExecutor(threads) as pool:
        labelled = sum(pool.map(deliver, range(threads)))
    for own in stores:
        own.client.close()

    assert labelled == 1
    [found] = store.analytics.credentialfeatures.find()
    assert (found["verificationStatus"], found["verifiedAt"]) == (True, NOON)
    assert store.app.suspiciouscredentials.count_documents({}) == 0


# F5: what is shuffled comes to what a full run says


@pytest.mark.parametrize("seed", range(3))
def test_f5_exposures_and_verdicts_in_any_order_come_to_the_same(store, seed):
    def world():
        rng = np.random.default_rng(9)
        return {name: readings(name, *like_a_bot(rng)) for name in ("b1", "b2", "b3")}

    def labels():
        rows = store.analytics.credentialfeatures.find({"verifiedAt": {"$exists": True}})
        shown = (
            "seenCredential",
            "firstSeenAt",
            "lastSeenAt",
            "verificationStatus",
            "verifiedAt",
            "count",
            *FEATURES.names,
        )
        return sorted((tuple(row[one] for one in shown) for row in rows), key=str)

    made = world()
    verdicts = [
        {"_id": an_id(f"{name} {number}"), "seenCredential": an_id(name), "firstSeenAt": rows[-60]["seenAt"],
         "lastSeenAt": rows[-1]["seenAt"], "createdAt": NOON, "verificationStatus": status,
         "verifiedAt": NOON + at * MINUTE}
        for name, rows in made.items()
        for number, (status, at) in enumerate([(True, 1), (False, 2), (True, 3)])
    ]  # fmt: skip
    acts: list[Any] = [
        *((store.app.feeditems, rows) for rows in made.values()),
        *(("verdict", one) for one in verdicts),
    ]
    for number in np.random.default_rng(seed).permutation(len(acts)):
        where, what = acts[number]
        if where == "verdict":
            store.app.suspiciouscredentials.insert_one(what)
            apply_verdicts.run(store, QUICK, [Change("suspiciouscredentials", what["_id"], "insert")], now=NOON + HOUR)
        else:
            where.insert_many(what)
            extract(store, now=NOON + int(number) * MINUTE)
    extract(store, now=NOON + DAY)

    rows = labels()
    assert [(row[3], row[4]) for row in rows] == [(True, NOON + 3 * MINUTE)] * 3
    assert all(row[5] == 60 for row in rows)


def test_f5_a_deletion_that_is_told_before_the_verdict_does_nothing(store, snapshot):
    before = snapshot()

    report = apply_verdicts.run(store, QUICK, [Change("suspiciouscredentials", an_id("x"), "delete")], now=NOON)

    assert report.as_dict() == {"read": 0, "written": 0}
    assert snapshot() == before


# F9: the primary steps down


@pytest.fixture(scope="module")
def three_nodes():
    with mongo_server(cache_gb=0.25, nodes=3) as uri:
        yield uri


def test_f9_jobs_go_on_while_the_primary_steps_down(three_nodes, environment):
    """Extraction, labels and suspects come to the same as without it, and nothing stands there twice."""
    from shared.config import load
    from shared.store import schema

    store = connect(load(environment | {"MONGO_URI": three_nodes}))
    schema.apply(store.app, store.analytics)
    rng, everybody = np.random.default_rng(3), names(12, 20)
    for name in everybody:
        store.app.feeditems.insert_many(readings(name, *(like_a_bot if is_bot(name) else like_a_person)(rng)))
    stop = Event()

    def unrest():
        """The next step-down comes a while after there is a primary again, longer on a busy machine: a job may need
        that long."""
        with MongoClient[dict[str, Any]](three_nodes) as admin:
            while not stop.wait(allowed(1.0)):
                with suppress(AutoReconnect):
                    admin.admin.command("replSetStepDown", 3, secondaryCatchUpPeriodSecs=1, force=True)
                with suppress(AutoReconnect):
                    admin.admin.command("ping", read_preference=ReadPreference.PRIMARY)

    thread = Thread(target=unrest)
    thread.start()
    try:
        for number in range(6):
            insist(lambda number=number: extract(store, now=NOON + number * DAY))
            if number == 2:
                rows = [suspect(store, name, verificationStatus=is_bot(name), verifiedAt=NOON) for name in everybody]
                insist(lambda rows=rows: [_put(store, one) for one in rows])
            insist(lambda number=number: sweep_verdicts.run(store, QUICK, now=NOON + number * DAY))
    finally:
        stop.set()
        thread.join(allowed(30))

    features = list(store.analytics.credentialfeatures.find())
    assert len(features) == len(everybody)
    called = {an_id(name): name for name in everybody}
    assert all(row["verificationStatus"] is is_bot(called[row["seenCredential"]]) for row in features)
    assert store.app.suspiciouscredentials.count_documents({}) == 0
    store.client.close()


def _put(store, row):
    store.app.suspiciouscredentials.replace_one({"seenCredential": row["seenCredential"]}, row, upsert=True)


def insist(work):
    """As a scheduler does: again at the next tick, where the database did not answer in time."""
    for _ in range(20):
        with suppress(PyMongoError, AppError):
            return work()
    return work()


# F14: clocks


@pytest.mark.parametrize("ahead", [timedelta(hours=-1), timedelta(hours=1)], ids=str)
def test_f14_a_phone_whose_clock_is_an_hour_off_reads_as_it_does(store, ahead):
    rng = np.random.default_rng(1)
    gaps, seconds = like_a_person(rng)
    read(store, "right", gaps, seconds)
    read(store, "wrong", gaps, seconds, until=NOON + ahead)

    extract(store)

    shown = [name for name in FEATURES.names if name != "hourSpread"]
    right, wrong = (one_row(store, who) for who in ("right", "wrong"))
    assert [wrong[name] for name in shown] == pytest.approx([right[name] for name in shown])


def one_row(store, who):
    return store.analytics.credentialfeatures.find_one({"seenCredential": an_id(who)})


def test_f14_a_clock_that_jumps_back_and_forth_leaves_finite_features(store):
    rng = np.random.default_rng(1)
    made = readings("jumps", *like_a_person(rng))
    for number, one in enumerate(made):
        jump = timedelta(hours=[0, 1, -1][number % 3])
        one["seenAt"] += jump
        if number % 5 == 0:
            one["offScreenAt"] = one["seenAt"] - HOUR
    store.app.feeditems.insert_many(made)

    extract(store, replace(QUICK, least_readings=20))

    row = one_row(store, "jumps")
    assert row["count"] >= 20
    assert all(np.isfinite(row[name]) and row[name] >= 0 for name in FEATURES.names)


# F15: numbers that are none


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), float("-inf"), -0.0, 10**18, Decimal128("1e6000"), True, "1"], ids=str
)
def test_f15_a_number_that_is_none_never_reaches_a_score(judged, value):
    rng = np.random.default_rng(8)
    for name in ("b100", "p100"):
        read(judged.store, name, *(like_a_bot if is_bot(name) else like_a_person)(rng))
    extract(judged.store, now=NOON + 10 * MINUTE)
    current = judged.store.analytics.credentialfeatures
    current.update_one({"seenCredential": an_id("p100")}, {"$set": dict.fromkeys(FEATURES.names, value)})

    flag_suspects.run(judged.store, judged.registry, QUICK, now=NOON + HOUR)

    found = list(judged.store.app.suspiciouscredentials.find())
    assert an_id("b100") in [row["seenCredential"] for row in found]
    assert all(0 <= row["score"] <= 1 for row in found)


# F20: nothing to learn from


@pytest.mark.parametrize("which", ["nothing", "bots only", "people only", "constant", "all missing"])
def test_f20_with_nothing_to_learn_from_training_says_why_and_the_old_detector_goes_on(judged, which):
    labels, before = judged.store.analytics.credentialfeatures, live(judged)
    if which == "nothing":
        labels.delete_many({})
    elif which in ("bots only", "people only"):
        labels.delete_many({"verificationStatus": which == "people only"})
    elif which == "constant":
        labels.update_many({}, {"$set": dict.fromkeys(FEATURES.names, 1.0) | {"labelledAt": NOON + HOUR}})
    else:
        labels.update_many({}, {"$unset": dict.fromkeys(FEATURES.names, ""), "$set": {"labelledAt": NOON + HOUR}})

    report = train(judged, now=NOON + 2 * HOUR)

    assert live(judged) == before
    if which == "constant":
        assert (report.written, report.details["promoted"]) == (0, 0), "it tells nobody apart, so it is worse"
    else:
        assert "are needed" in str(report.details["skipped"])


# F24 in spirit: one feature faked


def faked(rng, how):
    """A bot that does one thing as people do."""
    gaps, seconds = like_a_bot(rng)
    people_gaps, people_seconds = like_a_person(rng)
    if how == "lingers now and then":
        seconds[rng.choice(READINGS, 3, replace=False)] *= 40
    elif how == "pauses as people do":
        gaps[rng.choice(READINGS, 5, replace=False)] += rng.uniform(1_900, 20_000, 5)
    elif how == "is awake all day":
        gaps += 500
    elif how == "never for exactly as long":
        seconds += rng.uniform(0, 0.5, READINGS)
    assert len(people_gaps) == len(people_seconds) == READINGS
    return gaps, seconds


@pytest.mark.parametrize("how", ["lingers now and then", "is awake all day", "never for exactly as long"])
def test_f24_a_bot_that_reads_like_people_in_one_respect_only_is_still_found(judged, how):
    rng = np.random.default_rng(21)
    for number in range(10):
        read(judged.store, f"b{200 + number}", *faked(rng, how))
        read(judged.store, f"p{200 + number}", *like_a_person(rng))
    extract(judged.store, now=NOON + 10 * MINUTE)
    detector, _ = judged.registry.load(FAMILY, KEY, FINGERPRINT, Detector.read)
    rows = flag_suspects.newest_of_each(judged.store.credential_features.unjudged(FEATURES.names))
    scores = detector.scores(flag_suspects.features_of(rows))
    bots = {b"o" + str(an_id(f"b{200 + number}")).encode() for number in range(10)}
    is_one = np.array([key in bots for key in rows["credential"].tolist()])

    assert is_one.sum() == 10
    assert np.quantile(scores[is_one], 0.2) > scores[~is_one].max(), "above everybody who is a person"


def test_f24_what_has_fooled_the_detector_once_is_found_after_a_few_verdicts(judged):
    """Pauses change everything that tells the pace; no detector that has never seen a bot pause expects it."""
    rng = np.random.default_rng(22)
    for number in range(16):
        read(judged.store, f"b{300 + number}", *faked(rng, "pauses as people do"))
    extract(judged.store, now=NOON + 10 * MINUTE)

    def found():
        detector, _ = judged.registry.load(FAMILY, KEY, FINGERPRINT, Detector.read)
        rows = flag_suspects.newest_of_each(judged.store.credential_features.unjudged(FEATURES.names))
        return detector.scores(flag_suspects.features_of(rows)) >= detector.limit

    assert found().sum() == 0
    judge(judged.store, *(f"b{300 + number}" for number in range(6)), at=NOON + HOUR)
    assert train(judged, now=NOON + 2 * HOUR).written == 1
    assert (found().sum(), len(found())) >= (6, 10)


# F25: a reviewer decides twice, and an appeal is heard


def test_f25_a_second_decision_and_an_appeal_reach_the_training_set(judged):
    store = judged.store
    before = live(judged)
    row = one_label(judged, "p3")
    appealed = {name: row[name] for name in ("seenCredential", "firstSeenAt", "lastSeenAt")}

    def say(status, at):
        one = {
            "_id": an_id(f"{status} {at}"),
            **appealed,
            "createdAt": NOON,
            "verificationStatus": status,
            "verifiedAt": at,
        }
        for _ in range(2):  # delivered twice
            store.app.suspiciouscredentials.replace_one({"_id": one["_id"]}, one, upsert=True)
            sweep_verdicts.run(store, QUICK, now=at)

    say(True, NOON + HOUR)
    train(judged, now=NOON + HOUR)
    wrongly = live(judged)
    say(False, NOON + 2 * HOUR)
    train(judged, now=NOON + 2 * HOUR)

    assert one_label(judged, "p3")["verificationStatus"] is False
    assert row["_id"] in before["dataset"]
    counts = [one["metrics"]["bots"] for one in (before, live(judged))]
    assert counts == [12, 12]
    assert live(judged)["artifact"] == before["artifact"], "as if it had never been said"
    assert wrongly["metrics"]["bots"] in (12, 13), "one that learnt from the wrong verdict may have been live"


def test_a_verdict_that_arrives_while_features_are_rewritten_is_kept(store, chosen):
    """Verdicts and extraction of the same windows, at once, many times."""
    rng = np.random.default_rng(1)
    everybody = [f"b{number}" for number in range(20)]
    for name in everybody:
        read(store, name, *like_a_bot(rng))
    extract(store)
    rows = [suspect(store, name, verificationStatus=True, verifiedAt=NOON) for name in everybody]
    start, others = Barrier(2), connect(chosen)

    def rewrite():
        start.wait()
        for number in range(1, 8):  # a day each, so that every run rewrites everything
            extract_reading_features.run(others, QUICK, now=NOON + number * DAY)

    def give():
        start.wait()
        for row in rows:
            store.app.suspiciouscredentials.insert_one(row)
            change = Change("suspiciouscredentials", row["_id"], "insert")
            apply_verdicts.run(store, QUICK, [change], now=NOON + MINUTE)

    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(rewrite), threads.submit(give)]:
            done.result()
    others.client.close()

    found = list(store.analytics.credentialfeatures.find())
    assert len(found) == 20
    assert all(row["verificationStatus"] is True and "expiresAt" not in row and "current" not in row for row in found)
    assert all(row["count"] == 60 for row in found)


def test_training_that_is_killed_before_its_detector_is_live_is_done_by_the_next_run(judged, monkeypatch):
    before = live(judged)
    read(judged.store, "b50", *like_a_bot(np.random.default_rng(4)))
    extract(judged.store, now=NOON + 10 * MINUTE)
    judge(judged.store, "b50", at=NOON + HOUR)

    class Killed(BaseException):
        pass

    def die(*args, **kwargs):
        raise Killed

    monkeypatch.setattr(judged.registry, "promote", die)
    with pytest.raises(Killed):
        train_bot_detector.run(judged.store, judged.registry, QUICK, now=NOON + 2 * HOUR)
    monkeypatch.undo()

    assert live(judged) == before
    assert train(judged, now=NOON + 3 * HOUR).written == 1
