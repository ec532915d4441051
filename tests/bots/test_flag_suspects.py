"""Suspects before the reviewers: budget, random sample, updates and cool-down."""

import numpy as np
import pytest
from msgspec.structs import replace

from functions.bots import flag_suspects
from functions.bots.detector import REASON_TEXTS
from functions.bots.store.suspects import Suspects
from shared.errors import Conflict
from tests.bots.conftest import (
    DAY,
    HOUR,
    MINUTE,
    NOON,
    QUICK,
    extract,
    is_bot,
    judge,
    like_a_bot,
    read,
    suspect,
    train,
)  # fmt: skip
from tests.factories import an_id


def flag(town, options=QUICK, *, now=NOON + MINUTE):
    return flag_suspects.run(town.store, town.registry, options, now=now)


def suspects(town, **query):
    return list(town.store.app.suspiciouscredentials.find(query).sort([("score", -1), ("_id", 1)]))


def who(town, rows):
    called = {an_id(name): name for name in [*town.judged, *town.unjudged]}
    return [called[row["seenCredential"]] for row in rows]


def test_bots_that_nobody_has_judged_are_flagged_with_score_reasons_and_model(guarded):
    report = flag(guarded)

    rows = suspects(guarded, sampled=False)
    assert rows
    assert all(is_bot(name) and name in guarded.unjudged for name in who(guarded, rows))
    assert (report.details["flagged"], report.written) == (len(rows) + 5, len(rows) + 5)
    first = rows[0]
    newest = guarded.store.analytics.credentialfeatures.find_one({"seenCredential": first["seenCredential"]})
    assert {name: first[name] for name in ("firstSeenAt", "lastSeenAt")} == {
        name: newest[name] for name in ("firstSeenAt", "lastSeenAt")
    }
    assert (first["createdAt"], first["model"]) == (NOON + MINUTE, guarded.registry.live_version("bots", "credentials"))
    assert 0.5 < first["score"] <= 1
    assert [reason["says"] for reason in first["reasons"]] == [
        REASON_TEXTS[reason["feature"]] for reason in first["reasons"]
    ]
    assert len(first["reasons"]) == 3
    low, high = first["reasons"][0]["people"]
    assert not low <= first["reasons"][0]["value"] <= high
    assert "verificationStatus" not in first


def test_the_same_moment_again_changes_nothing(guarded, snapshot):
    flag(guarded)
    before = snapshot()

    flag(guarded)

    assert snapshot() == before


def test_a_day_takes_no_more_than_its_budget_and_the_most_suspicious_first(guarded):
    everybody = {row["seenCredential"]: row["score"] for row in _all_above(guarded)}
    options = replace(QUICK, daily_budget=3, daily_sample=0)

    flag(guarded, options)
    flag(guarded, options, now=NOON + 2 * MINUTE)
    first = {row["seenCredential"] for row in suspects(guarded)}
    flag(guarded, options, now=NOON + DAY)
    second = {row["seenCredential"] for row in suspects(guarded)} - first

    ranked = sorted(everybody.values(), reverse=True)
    assert sorted((everybody[credential] for credential in first), reverse=True) == ranked[:3]
    assert sorted((everybody[credential] for credential in second), reverse=True) == ranked[3:6]


def _all_above(town):
    flag(town, replace(QUICK, daily_sample=0))
    rows = suspects(town)
    town.store.app.suspiciouscredentials.delete_many({})
    return rows


def test_what_is_judged_meanwhile_counts_in_the_budget(guarded):
    options = replace(QUICK, daily_budget=2, daily_sample=0)
    flag(guarded, options)
    for row in suspects(guarded):
        Suspects(guarded.store).judge(row["seenCredential"], True, at=NOON + 2 * MINUTE)
    judge(guarded.store, at=NOON + 3 * MINUTE)  # the sweep takes them over
    assert suspects(guarded) == []

    assert flag(guarded, options, now=NOON + 4 * MINUTE).details["flagged"] == 0
    assert flag(guarded, options, now=NOON + DAY).details["flagged"] == 2


def test_suspects_that_the_application_brought_itself_do_not_use_up_the_budget(guarded):
    rows = [suspect(guarded.store, name) for name in guarded.unjudged if not is_bot(name)]
    guarded.store.app.suspiciouscredentials.insert_many(rows)

    assert flag(guarded, replace(QUICK, daily_budget=2, daily_sample=0)).details["flagged"] == 2


def test_a_few_below_the_threshold_are_drawn_by_lot_and_marked(guarded):
    options = replace(QUICK, daily_budget=0, daily_sample=3)

    flag(guarded, options)
    flag(guarded, options, now=NOON + 2 * MINUTE)
    first = suspects(guarded)
    flag(guarded, options, now=NOON + DAY)

    threshold = guarded.store.analytics.frauddetectionmlartifacts.find_one()["metrics"]["threshold"]
    assert [row["sampled"] for row in first] == [True] * 3
    assert all(row["score"] < threshold for row in first)
    assert len(suspects(guarded)) == 6


def test_a_finding_is_kept_up_to_date_while_it_waits(guarded):
    flag(guarded)
    before = suspects(guarded, sampled=False)[-1]
    name = who(guarded, [before])[0]
    read(guarded.store, name, *like_a_bot(np.random.default_rng(9)), until=NOON + HOUR)
    extract(guarded.store, now=NOON + HOUR)

    report = flag(guarded, now=NOON + HOUR)

    after = guarded.store.app.suspiciouscredentials.find_one({"_id": before["_id"]})
    assert report.details["refreshed"] == 1
    assert after["lastSeenAt"] == NOON + HOUR - MINUTE
    assert (after["createdAt"], after["updatedAt"]) == (before["createdAt"], NOON + HOUR)


@pytest.mark.parametrize("verdict", [True, False], ids=["bot", "person"])
def test_after_a_verdict_a_credential_is_left_alone_for_a_while(guarded, verdict):
    flag(guarded)
    flagged = suspects(guarded, sampled=False)[0]
    name = who(guarded, [flagged])[0]
    Suspects(guarded.store).judge(flagged["seenCredential"], verdict, at=NOON + 2 * MINUTE)

    def comes_back(at):
        read(guarded.store, name, *like_a_bot(np.random.default_rng(9)), until=at)
        extract(guarded.store, now=at)
        flag(guarded, now=at)
        return bool(suspects(guarded, seenCredential=flagged["seenCredential"], verifiedAt={"$exists": False}))

    assert not comes_back(NOON + HOUR), "the verdict has not been taken over yet"
    judge(guarded.store, at=NOON + HOUR)
    assert not comes_back(NOON + QUICK.cool_down)
    assert comes_back(NOON + QUICK.cool_down + HOUR)


def test_whose_newest_features_are_judged_is_never_flagged(guarded):
    flag(guarded, now=NOON + 2 * QUICK.cool_down)

    assert not set(who(guarded, suspects(guarded))) & set(guarded.judged)


def test_without_a_detector_nobody_is_flagged(town):
    assert flag(town).as_dict() == {
        "read": 0, "written": 0, "skipped": "there is no detector yet", "refused": 0
    }  # fmt: skip


def test_a_detector_that_fails_its_checks_flags_nobody_and_the_last_good_one_goes_on(guarded):
    judge(guarded.store, "b20", at=NOON + MINUTE)
    train(guarded, now=NOON + HOUR)
    live = {"account": "credentials"}
    broken = {"$set": {"artifact": b"\x80\x04cos\nsystem\n"}}
    guarded.store.analytics.frauddetectionmlartifacts.update_one(live, broken)

    report = flag(guarded, now=NOON + HOUR + MINUTE)

    assert report.details["refused"] == 1
    assert report.details["flagged"] > 5
    guarded.store.analytics.artifactVersions.update_many({}, broken)
    guarded.store.app.suspiciouscredentials.delete_many({})
    assert flag(guarded, now=NOON + HOUR + 2 * MINUTE).details["refused"] == 3
    assert suspects(guarded) == []


def test_spoiled_features_never_reach_the_reviewers(guarded):
    features = guarded.store.analytics.credentialfeatures
    open_ones = [row["_id"] for row in features.find({"current": True})]
    for number, value in enumerate([float("nan"), float("inf"), "fast", None, -5]):
        features.update_one({"_id": open_ones[number]}, {"$set": {"viewsPerHour": value}})

    report = flag(guarded)

    assert report.read == len(open_ones) - 5
    assert all(np.isfinite(row["score"]) for row in suspects(guarded))


def test_of_two_windows_that_were_left_current_the_newer_one_counts(guarded):
    features = guarded.store.analytics.credentialfeatures
    newest = features.find_one({"current": True}, {"_id": 0})
    features.insert_one(newest | {"firstSeenAt": NOON - 9 * DAY, "lastSeenAt": NOON - 8 * DAY})

    before = features.count_documents({"current": True})

    assert flag(guarded).read == before - 1
    [row] = suspects(guarded, seenCredential=newest["seenCredential"]) or [newest]
    assert row["lastSeenAt"] == newest["lastSeenAt"]


def test_two_do_not_flag_at_once(guarded):
    with guarded.store.leases.hold(flag_suspects.NAME), pytest.raises(Conflict):
        flag(guarded)


def test_a_verdict_that_comes_while_suspects_are_refreshed_stays(guarded, monkeypatch):
    flag(guarded)
    flagged = suspects(guarded, sampled=False)[0]
    name = who(guarded, [flagged])[0]
    read(guarded.store, name, *like_a_bot(np.random.default_rng(9)), until=NOON + HOUR)
    extract(guarded.store, now=NOON + HOUR)
    waiting = Suspects.waiting

    def a_moment_too_late(repository):
        listed = waiting(repository)
        repository.judge(flagged["seenCredential"], True, at=NOON + HOUR)
        return listed

    monkeypatch.setattr(Suspects, "waiting", a_moment_too_late)
    flag(guarded, now=NOON + HOUR)

    after = guarded.store.app.suspiciouscredentials.find_one({"_id": flagged["_id"]})
    assert after["verificationStatus"] is True
    assert after["lastSeenAt"] == flagged["lastSeenAt"], "the window that was judged"
