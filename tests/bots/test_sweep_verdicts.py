"""Verdicts whose change event was missed, and those that cannot be applied."""

import numpy as np

from functions.bots import sweep_verdicts
from tests.bots.conftest import MINUTE, NOON, QUICK, extract, like_a_bot, read, suspect
from tests.factories import an_id


def sweep(store, now=NOON):
    return sweep_verdicts.run(store, QUICK, now=now).as_dict()


def test_verdicts_that_no_change_told_of_are_taken_over(store):
    rng = np.random.default_rng(1)
    for name in ("b1", "b2"):
        read(store, name, *like_a_bot(rng))
    extract(store)
    rows = [suspect(store, name, verificationStatus=True, verifiedAt=NOON - MINUTE) for name in ("b1", "b2")]
    store.app.suspiciouscredentials.insert_many(rows)

    assert sweep(store) == {
        "read": 2, "written": 2, "removed": 2, "labelled": 2, "incomplete": 0, "without_features": 0
    }  # fmt: skip
    assert sweep(store) == {"read": 0, "written": 0, "incomplete": 0, "without_features": 0}


def test_what_nobody_can_take_over_is_reported_and_kept(store):
    half = {"_id": an_id("half"), "seenCredential": an_id("half"), "verificationStatus": True, "createdAt": NOON}
    lost = {"_id": an_id("lost"), "seenCredential": an_id("lost"), "firstSeenAt": NOON, "lastSeenAt": NOON}
    lost |= {"createdAt": NOON, "verificationStatus": False, "verifiedAt": NOON}
    store.app.suspiciouscredentials.insert_many([half, lost])

    assert sweep(store) == {
        "read": 1, "written": 1, "removed": 1, "malformed": 1, "unmatched": 1, "incomplete": 1, "without_features": 1,
    }  # fmt: skip
    assert [row["_id"] for row in store.app.suspiciouscredentials.find()] == [an_id("half")]
    [label] = store.analytics.credentialfeatures.find()
    assert (label["seenCredential"], label["verificationStatus"]) == (an_id("lost"), False)


def test_the_report_names_half_a_verdict_and_repeats_it(store):
    store.app.suspiciouscredentials.insert_one({"seenCredential": an_id("a"), "verifiedAt": NOON, "createdAt": NOON})

    assert [sweep(store)["incomplete"] for _ in range(2)] == [1, 1]


def test_nothing_to_do_is_a_quiet_success(store):
    assert sweep(store) == {"read": 0, "written": 0, "incomplete": 0, "without_features": 0}
