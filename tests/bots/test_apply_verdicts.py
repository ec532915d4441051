"""Verdicts that become labels as their changes arrive, in any order and repeatedly."""

from datetime import timedelta
from itertools import permutations

import numpy as np
import pytest

from functions.bots import apply_verdicts
from functions.bots.store.suspects import Suspects
from functions.bots.store.verdicts import Verdicts
from shared.change import Change
from shared.errors import Conflict, NotFound
from tests.bots.conftest import DAY, HOUR, MINUTE, NOON, QUICK, extract, like_a_bot, read, readings, suspect
from tests.factories import an_id


def changed(row, kind="update"):
    return Change("suspiciouscredentials", row["_id"], kind)


def apply(store, *changes, now=NOON):
    return apply_verdicts.run(store, QUICK, changes, now=now)


def labels(store, who="b1"):
    return [
        (row.get("verificationStatus"), row.get("verifiedAt"))
        for row in store.analytics.credentialfeatures.find({"seenCredential": an_id(who)}).sort("lastSeenAt", 1)
    ]


@pytest.fixture
def flagged(store):
    """The row of a bot among the suspects, with a verdict."""
    read(store, "b1", *like_a_bot(np.random.default_rng(1)))
    extract(store)
    row = suspect(store, "b1", verificationStatus=True, verifiedAt=NOON - MINUTE, model="v1", sampled=False)
    store.app.suspiciouscredentials.insert_one(row)
    return row


def test_a_verdict_becomes_a_label_and_the_row_goes(store, flagged):
    report = apply(store, changed(flagged))

    assert report.as_dict() == {"read": 1, "written": 1, "removed": 1, "labelled": 1}
    [row] = store.analytics.credentialfeatures.find()
    assert (row["verificationStatus"], row["verifiedAt"], row["labelledAt"]) == (True, NOON - MINUTE, NOON)
    assert (row["flaggedAt"], row["sampled"]) == (flagged["createdAt"], False)
    assert "expiresAt" not in row
    assert "current" not in row
    assert store.app.suspiciouscredentials.count_documents({}) == 0


def test_the_same_change_again_and_a_deletion_do_nothing_more(store, flagged, snapshot):
    apply(store, changed(flagged))
    before = snapshot()

    report = apply(store, changed(flagged), changed(flagged, "insert"), changed(flagged, "delete"), now=NOON + HOUR)

    assert report.as_dict() == {"read": 0, "written": 0}
    assert snapshot() == before


@pytest.mark.parametrize(
    "fields",
    [
        {"verificationStatus": None},
        {"verificationStatus": "true"},
        {"verifiedAt": None},
        {"verifiedAt": "yesterday"},
        {"verificationStatus": {"$ne": None}},
        {"seenCredential": {"$gt": ""}},
        {"firstSeenAt": {"$ne": None}},
        {"lastSeenAt": None},
    ],
    ids=str,
)
def test_half_a_verdict_is_none(store, flagged, fields):
    store.app.suspiciouscredentials.update_one({}, {"$set": fields})

    assert apply(store, changed(flagged)).as_dict() == {"read": 0, "written": 0}
    assert labels(store) == [(None, None)]
    assert store.app.suspiciouscredentials.count_documents({}) == 1


def write_verdict(store, flagged, status, at, number):
    """The application writes another verdict on the same window."""
    row = flagged | {"_id": an_id(f"again {number}"), "verificationStatus": status, "verifiedAt": at}
    store.app.suspiciouscredentials.delete_many({})
    store.app.suspiciouscredentials.insert_one(row)
    return row


VERDICTS = [(True, NOON - 3 * MINUTE), (False, NOON - 2 * MINUTE), (True, NOON - MINUTE), (False, NOON - MINUTE)]


@pytest.mark.parametrize("order", list(permutations(range(4))), ids=str)
def test_of_contradicting_verdicts_the_latest_counts_whatever_the_order(store, flagged, order):
    for number in order:
        status, at = VERDICTS[number]
        apply(store, changed(write_verdict(store, flagged, status, at, number)))

    # Of two at the same moment, the one in favour of the account.
    assert labels(store) == [(False, NOON - MINUTE)]
    assert store.app.suspiciouscredentials.count_documents({}) == 0


def test_what_became_of_each_verdict_is_told(store, flagged):
    outcomes = []
    for number, (status, at) in enumerate([(True, 2), (True, 2), (False, 1), (False, 3)]):
        row = write_verdict(store, flagged, status, NOON - HOUR + at * MINUTE, number)
        outcomes += apply(store, changed(row)).details

    assert outcomes == ["labelled", "repeated", "older", "changed"]


def test_a_verdict_from_a_clock_that_is_ahead_counts_from_now(store, flagged):
    store.app.suspiciouscredentials.update_one({}, {"$set": {"verifiedAt": NOON + 100 * DAY}})

    apply(store, changed(flagged))

    assert labels(store) == [(True, NOON)]
    assert store.app.suspiciouscredentials.count_documents({}) == 0
    apply(store, changed(write_verdict(store, flagged, False, NOON + MINUTE, 1)), now=NOON + HOUR)
    assert labels(store) == [(False, NOON + MINUTE)]


def test_a_verdict_on_features_that_were_superseded_labels_those(store, flagged):
    read(store, "b1", [4] * 3, [2] * 3, until=NOON + HOUR)
    extract(store, now=NOON + HOUR)

    apply(store, changed(flagged), now=NOON + HOUR)

    assert labels(store) == [(True, NOON - MINUTE), (None, None)]
    judged, newest = store.analytics.credentialfeatures.find().sort("lastSeenAt", 1)
    assert ("expiresAt" in judged, newest["current"]) == (False, True)


def test_a_label_without_features_is_kept_and_gets_them_when_they_come(store):
    rng = np.random.default_rng(1)
    made = readings("b1", *like_a_bot(rng))
    key = {"seenCredential": an_id("b1"), "firstSeenAt": made[-60]["seenAt"], "lastSeenAt": made[-1]["seenAt"]}
    row = {"_id": an_id("x"), **key, "createdAt": NOON, "verificationStatus": True, "verifiedAt": NOON}
    store.app.suspiciouscredentials.insert_one(row)

    report = apply(store, changed(row))
    waiting = Verdicts(store).without_features()
    store.app.feeditems.insert_many(made)
    extract(store, now=NOON + MINUTE)

    assert report.as_dict() == {"read": 1, "written": 1, "removed": 1, "unmatched": 1}
    assert (waiting, Verdicts(store).without_features()) == (1, 0)
    [label] = store.analytics.credentialfeatures.find()
    assert (label["verificationStatus"], label["count"], "current" in label) == (True, 60, False)
    assert store.app.suspiciouscredentials.count_documents({}) == 0


def test_a_verdict_that_is_changed_while_it_is_taken_over_comes_again(store, flagged):
    [first] = Verdicts(store).given()
    store.app.suspiciouscredentials.update_one({}, {"$set": {"verificationStatus": False, "verifiedAt": NOON}})
    Verdicts(store).take_over(first, person=False, now=NOON)

    assert store.app.suspiciouscredentials.count_documents({}) == 1, "the other verdict waits"
    apply(store, changed(flagged))
    assert labels(store) == [(False, NOON)]


def test_a_reviewer_gives_a_verdict_once(store, flagged):
    store.app.suspiciouscredentials.update_one({}, {"$unset": {"verificationStatus": "", "verifiedAt": ""}})
    judge = Suspects(store).judge

    judge(an_id("b1"), True, at=NOON)
    judge(an_id("b1"), True, at=NOON + timedelta(seconds=1))

    with pytest.raises(Conflict, match="another verdict was given first"):
        judge(an_id("b1"), False, at=NOON)
    with pytest.raises(NotFound, match="does not wait for a verdict"):
        judge(an_id("nobody"), False, at=NOON)
    assert store.app.suspiciouscredentials.find_one()["verifiedAt"] == NOON
    assert Suspects(store).waiting() == []
