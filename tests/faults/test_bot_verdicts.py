"""Reading features and verdicts where changes repeat or arrive late, clocks are wrong, and the primary steps down."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from threading import Barrier, Event, Thread
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from pymongo import MongoClient, ReadPreference
from pymongo.errors import AutoReconnect, PyMongoError

from functions.bots import apply_verdicts, extract_reading_features, sweep_verdicts
from functions.bots.detector import KEY
from functions.bots.reading_features import FEATURES
from local.mongod import mongo_server
from shared.change import Change
from shared.config import load
from shared.errors import AppError
from shared.store import connect, schema
from tests.bots.conftest import (
    DAY,
    HOUR,
    MINUTE,
    NOON,
    QUICK,
    extract,
    is_bot,
    like_a_bot,
    like_a_person,
    names,
    read,
    readings,
    suspect,
    train,
)
from tests.factories import an_id
from tests.waiting import allowed

# The same change many times, at once


@pytest.mark.parametrize("times", [2, 10, 1_000])
def test_a_verdict_that_is_delivered_many_times_at_once_counts_once(store, config, times):
    rng = np.random.default_rng(1)
    read(store, "b1", *like_a_bot(rng))
    extract(store)
    row = suspect(store, "b1", verificationStatus=True, verifiedAt=NOON)
    store.app.suspiciouscredentials.insert_one(row)
    change = Change("suspiciouscredentials", row["_id"], "update")
    threads = min(times, 8)
    stores = [connect(config) for _ in range(threads)]

    def deliver(number):
        report = apply_verdicts.run(stores[number % threads], QUICK, [change] * (times // threads), now=NOON)
        return report.details.get("labelled", 0)

    with ThreadPoolExecutor(threads) as pool:
        n_labelled = sum(pool.map(deliver, range(threads)))
    for own in stores:
        own.client.close()

    assert n_labelled == 1
    [features] = store.analytics.credentialfeatures.find()
    assert (features["verificationStatus"], features["verifiedAt"]) == (True, NOON)
    assert store.app.suspiciouscredentials.count_documents({}) == 0


# Changes in any order


@pytest.mark.parametrize("seed", range(3))
def test_exposures_and_verdicts_in_any_order_lead_to_the_same_labels(store, seed):
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
        return sorted((tuple(row[name] for name in shown) for row in rows), key=str)

    exposures = world()
    verdicts = [
        {"_id": an_id(f"{name} {number}"), "seenCredential": an_id(name), "firstSeenAt": rows[-60]["seenAt"],
         "lastSeenAt": rows[-1]["seenAt"], "createdAt": NOON, "verificationStatus": status,
         "verifiedAt": NOON + at * MINUTE}
        for name, rows in exposures.items()
        for number, (status, at) in enumerate([(True, 1), (False, 2), (True, 3)])
    ]  # fmt: skip
    writes: list[Any] = [
        *((store.app.feeditems, rows) for rows in exposures.values()),
        *(("verdict", verdict) for verdict in verdicts),
    ]
    for number in np.random.default_rng(seed).permutation(len(writes)):
        target, written = writes[number]
        if target == "verdict":
            store.app.suspiciouscredentials.insert_one(written)
            change = Change("suspiciouscredentials", written["_id"], "insert")
            apply_verdicts.run(store, QUICK, [change], now=NOON + HOUR)
        else:
            target.insert_many(written)
            extract(store, now=NOON + int(number) * MINUTE)
    extract(store, now=NOON + DAY)

    rows = labels()
    assert [(row[3], row[4]) for row in rows] == [(True, NOON + 3 * MINUTE)] * 3
    assert all(row[5] == 60 for row in rows)


def test_a_deletion_that_arrives_before_the_verdict_does_nothing(store, snapshot):
    before = snapshot()

    report = apply_verdicts.run(store, QUICK, [Change("suspiciouscredentials", an_id("x"), "delete")], now=NOON)

    assert report.as_dict() == {"read": 0, "written": 0}
    assert snapshot() == before


# The primary steps down


@pytest.fixture(scope="module")
def three_nodes():
    with mongo_server(private=True, cache_gb=0.25, nodes=3) as uri:
        yield uri


def test_jobs_go_on_while_the_primary_steps_down(three_nodes, environment):
    """Extraction, labels and suspects end the same as without step-downs, and no document is there twice."""
    store = connect(load(environment | {"MONGO_URI": three_nodes}))
    schema.apply(store.app, store.analytics)
    rng, everybody = np.random.default_rng(3), names(12, 20)
    for name in everybody:
        store.app.feeditems.insert_many(readings(name, *(like_a_bot if is_bot(name) else like_a_person)(rng)))
    stop = Event()

    def step_down():
        """The next step-down comes a while after there is a primary again, longer on a busy machine: a job may need
        that long."""
        with MongoClient[dict[str, Any]](three_nodes) as admin:
            while not stop.wait(allowed(1.0)):
                with suppress(AutoReconnect):
                    admin.admin.command("replSetStepDown", 3, secondaryCatchUpPeriodSecs=1, force=True)
                with suppress(AutoReconnect):
                    admin.admin.command("ping", read_preference=ReadPreference.PRIMARY)

    thread = Thread(target=step_down)
    thread.start()
    try:
        for number in range(6):
            retried(lambda number=number: extract(store, now=NOON + number * DAY))
            if number == 2:
                rows = [suspect(store, name, verificationStatus=is_bot(name), verifiedAt=NOON) for name in everybody]
                retried(lambda rows=rows: [_put(store, row) for row in rows])
            retried(lambda number=number: sweep_verdicts.run(store, QUICK, now=NOON + number * DAY))
    finally:
        stop.set()
        thread.join(allowed(30))

    features = list(store.analytics.credentialfeatures.find())
    assert len(features) == len(everybody)
    by_id = {an_id(name): name for name in everybody}
    assert all(row["verificationStatus"] is is_bot(by_id[row["seenCredential"]]) for row in features)
    assert store.app.suspiciouscredentials.count_documents({}) == 0
    store.client.close()


def _put(store, row):
    store.app.suspiciouscredentials.replace_one({"seenCredential": row["seenCredential"]}, row, upsert=True)


def retried(work):
    """The result of a call that is repeated where the database did not answer in time, as a scheduler does."""
    for _ in range(20):
        with suppress(PyMongoError, AppError):
            return work()
    return work()


# Wrong clocks


@pytest.mark.parametrize("ahead", [timedelta(hours=-1), timedelta(hours=1)], ids=str)
def test_a_phone_whose_clock_is_an_hour_wrong_has_the_same_features(store, ahead):
    rng = np.random.default_rng(1)
    gaps, seconds = like_a_person(rng)
    read(store, "right", gaps, seconds)
    read(store, "wrong", gaps, seconds, until=NOON + ahead)

    extract(store)

    compared = [name for name in FEATURES.names if name != "hourSpread"]
    right, wrong = (features_of(store, name) for name in ("right", "wrong"))
    assert [wrong[name] for name in compared] == pytest.approx([right[name] for name in compared])


def features_of(store, name):
    return store.analytics.credentialfeatures.find_one({"seenCredential": an_id(name)})


def test_a_clock_that_jumps_back_and_forth_leaves_finite_features(store):
    rng = np.random.default_rng(1)
    exposures = readings("jumps", *like_a_person(rng))
    for number, exposure in enumerate(exposures):
        jump = timedelta(hours=[0, 1, -1][number % 3])
        exposure["seenAt"] += jump
        if number % 5 == 0:
            exposure["offScreenAt"] = exposure["seenAt"] - HOUR
    store.app.feeditems.insert_many(exposures)

    extract(store, replace(QUICK, min_readings=20))

    row = features_of(store, "jumps")
    assert row["count"] >= 20
    assert all(np.isfinite(row[name]) and row[name] >= 0 for name in FEATURES.names)


# A reviewer decides twice, and a verdict is appealed


def live(town):
    return town.store.analytics.frauddetectionmlartifacts.find_one({"account": KEY})


def first_label(town, name):
    return town.store.analytics.credentialfeatures.find_one({"seenCredential": an_id(name)}, sort=[("lastSeenAt", 1)])


def test_a_second_decision_and_an_appeal_reach_the_training_set(labelled):
    store = labelled.store
    before = live(labelled)
    row = first_label(labelled, "p3")
    window = {name: row[name] for name in ("seenCredential", "firstSeenAt", "lastSeenAt")}

    def decide(status, at):
        verdict = {
            "_id": an_id(f"{status} {at}"),
            **window,
            "createdAt": NOON,
            "verificationStatus": status,
            "verifiedAt": at,
        }
        for _ in range(2):  # delivered twice
            store.app.suspiciouscredentials.replace_one({"_id": verdict["_id"]}, verdict, upsert=True)
            sweep_verdicts.run(store, QUICK, now=at)

    decide(True, NOON + HOUR)
    train(labelled, now=NOON + HOUR)
    between = live(labelled)
    decide(False, NOON + 2 * HOUR)
    train(labelled, now=NOON + 2 * HOUR)

    assert first_label(labelled, "p3")["verificationStatus"] is False
    assert row["_id"] in before["dataset"]
    counts = [artifact["metrics"]["bots"] for artifact in (before, live(labelled))]
    assert counts == [12, 12]
    assert live(labelled)["artifact"] == before["artifact"], "as if the first verdict had never been given"
    assert between["metrics"]["bots"] in (12, 13), "one that learnt from the wrong verdict may have been live"


def test_a_verdict_that_arrives_while_features_are_rewritten_is_kept(store, config):
    """Verdicts and extraction of the same windows, at once, many times."""
    rng = np.random.default_rng(1)
    everybody = [f"b{number}" for number in range(20)]
    for name in everybody:
        read(store, name, *like_a_bot(rng))
    extract(store)
    rows = [suspect(store, name, verificationStatus=True, verifiedAt=NOON) for name in everybody]
    start, other = Barrier(2), connect(config)

    def rewrite():
        start.wait()
        for number in range(1, 8):  # a day each, so that every run rewrites everything
            extract_reading_features.run(other, QUICK, now=NOON + number * DAY)

    def give():
        start.wait()
        for row in rows:
            store.app.suspiciouscredentials.insert_one(row)
            change = Change("suspiciouscredentials", row["_id"], "insert")
            apply_verdicts.run(store, QUICK, [change], now=NOON + MINUTE)

    with ThreadPoolExecutor(2) as threads:
        for task in [threads.submit(rewrite), threads.submit(give)]:
            task.result()
    other.client.close()

    features = list(store.analytics.credentialfeatures.find())
    assert len(features) == 20
    for row in features:
        assert row["verificationStatus"] is True
        assert "expiresAt" not in row
        assert "current" not in row
    assert all(row["count"] == 60 for row in features)
