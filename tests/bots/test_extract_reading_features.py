"""Reading features of credentials: which exposures count, and which credentials a run reads again."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import numpy as np
import pytest
from bson import ObjectId
from msgspec.structs import replace

from functions.bots.reading_features import FEATURES
from shared.store import Store, connect, schema
from shared.store.options import ExposureFields
from tests.bots.conftest import (
    DAY,
    HOUR,
    MINUTE,
    NOON,
    QUICK,
    extract,
    judge,
    like_a_bot,
    like_a_person,
    read,
    readings,
)
from tests.conftest import Databases
from tests.factories import an_id, reading, user

FIVE = 5 * MINUTE


def rows(store, *who):
    """Every stored window of these credentials, or of all, with its features."""
    query = {"seenCredential": {"$in": [an_id(name) for name in who]}} if who else {}
    return list(store.analytics.credentialfeatures.find(query).sort([("seenCredential", 1), ("lastSeenAt", 1)]))


def newest(store, who):
    return rows(store, who)[-1]


def test_the_latest_readings_of_a_credential_become_features(store):
    rng = np.random.default_rng(1)
    read(store, "ann", *like_a_person(rng))

    report = extract(store)

    assert report.as_dict() == {"read": 60, "written": 1, "credentials": 1}
    [row] = rows(store)
    seen_at = [exposure["seenAt"] for exposure in store.app.feeditems.find().sort("seenAt", 1)]
    assert (row["seenCredential"], row["count"]) == (an_id("ann"), 60)
    assert (row["firstSeenAt"], row["lastSeenAt"], row["precededAt"]) == (seen_at[-60], seen_at[-1], seen_at[-61])
    assert row.keys() >= set(FEATURES.names)
    assert (row["createdAt"], row["updatedAt"], row["expiresAt"]) == (NOON, NOON, NOON + QUICK.kept)
    assert row["current"] is True


def test_the_same_moment_again_changes_nothing(store, snapshot):
    rng = np.random.default_rng(1)
    read(store, "ann", *like_a_person(rng))
    extract(store)
    before = snapshot()

    extract(store)

    assert snapshot() == before


def test_without_exposures_there_is_nothing_to_do(store):
    assert extract(store).as_dict() == {"read": 0, "written": 0}


def test_who_has_read_too_little_is_not_described_and_fewer_than_the_limit_are_enough(store):
    rng = np.random.default_rng(1)
    read(store, "few", *like_a_person(rng, 40))  # the first one has none before it
    read(store, "enough", *like_a_person(rng, 41))

    extract(store)

    assert [(row["seenCredential"], row["count"]) for row in rows(store)] == [(an_id("enough"), 40)]


def test_only_those_who_have_something_new_are_looked_at_again(store):
    rng = np.random.default_rng(1)
    for name in ("ann", "bob"):
        read(store, name, *like_a_person(rng), until=NOON - HOUR)
    extract(store)
    read(store, "bob", [1] * 5, [2] * 5, until=NOON + 2 * FIVE)

    report = extract(store, now=NOON + 2 * FIVE)

    assert report.as_dict() == {"read": 60, "written": 2, "credentials": 1}
    assert len(rows(store, "ann")) == 1
    old, new = rows(store, "bob")
    assert new["lastSeenAt"] == NOON + 9 * MINUTE
    assert (old.get("current"), old["expiresAt"]) == (None, NOON + 2 * FIVE + QUICK.superseded)
    assert (new["current"], new["expiresAt"]) == (True, NOON + 2 * FIVE + QUICK.kept)


def test_a_full_window_is_all_that_is_read_of_a_long_history(store):
    rng = np.random.default_rng(1)
    read(store, "ann", *like_a_person(rng, 3_000))
    extract(store)
    read(store, "ann", [1] * 2, [2] * 2, until=NOON + FIVE)
    store.app.command("profile", 2)

    extract(store, now=NOON + FIVE)

    store.app.command("profile", 0)
    commands = store.app["system.profile"].find({"ns": f"{store.app.name}.feeditems"})
    keys_examined = [command["keysExamined"] for command in commands]
    assert keys_examined
    assert max(keys_examined) < 100
    store.app["system.profile"].drop()


def newest_windows(store):
    """The newest windows without the moments when they were computed."""
    fields = ("seenCredential", "firstSeenAt", "lastSeenAt", "precededAt", "count", *FEATURES.names)
    return sorted(
        (tuple(row[name] for name in fields) for row in rows(store) if row.get("current")), key=lambda row: str(row[0])
    )


@pytest.mark.parametrize("seed", range(4))
def test_run_by_run_it_comes_to_what_one_run_over_everything_says(store, databases: Databases, client, config, seed):
    """Late ends, late exposures, missing ends, clocks that jump, several credentials, in any order."""
    rng = np.random.default_rng(seed)
    whole = []
    for who in range(8):
        gaps, seconds = (like_a_bot if who % 2 else like_a_person)(rng, int(rng.integers(50, 160)))
        for exposure in readings(f"c{who}", gaps, seconds, until=NOON - HOUR * rng.random()):
            if rng.random() < 0.05:
                del exposure["offScreenAt"]
            elif rng.random() < 0.05:
                exposure["offScreenAt"] = exposure["seenAt"] - timedelta(seconds=3)
            whole.append(exposure)
    rng.shuffle(whole)
    steps = np.array_split(np.arange(len(whole)), 6)
    for number, step in enumerate(steps):
        at = NOON + number * FIVE
        for row in step:
            late = rng.random() < 0.1 and number < len(steps) - 1
            exposure = {name: value for name, value in whole[row].items() if not (late and name == "offScreenAt")}
            store.app.feeditems.insert_one(exposure | {"updatedAt": at - MINUTE})
        for exposure in [whole[row] for row in (steps[number - 1] if number else [])]:
            if "offScreenAt" in exposure:  # ends that were late are reported now
                ended = {"$set": {"offScreenAt": exposure["offScreenAt"], "updatedAt": at - MINUTE}}
                store.app.feeditems.update_one({"_id": exposure["_id"], "offScreenAt": {"$exists": False}}, ended)
        extract(store, now=at)
    run_by_run = newest_windows(store)

    store.analytics.credentialfeatures.delete_many({})
    store.analytics.watermarks.delete_many({})
    extract(store, now=NOON + 5 * FIVE)

    assert len(run_by_run) == 8
    assert run_by_run == newest_windows(store)


STRANGE: dict[str, Any] = {
    "constant": ([4.0] * 70, [2.0] * 70),
    "zero": ([1.0] * 70, [0.0] * 70),
    "never ends": ([5.0] * 70, [None] * 70),
    "ends before it begins": ([5.0] * 70, [-3.0] * 70),
    "all at one moment": ([0.0] * 70, [1.0] * 70),
    "left for years": ([5.0] * 70, [1e8] * 70),
}


@pytest.mark.parametrize("strange", STRANGE)
def test_a_strange_credential_never_stops_the_others(store, strange):
    rng = np.random.default_rng(1)
    gaps, seconds = STRANGE[strange]
    starts = NOON - HOUR + np.cumsum(gaps) * timedelta(seconds=1)
    made = [
        reading("odd", at=at, seconds=s, _id=ObjectId(), content=an_id(f"post {n}"))
        for n, (at, s) in enumerate(zip(starts.tolist(), seconds, strict=True))
    ]
    store.app.feeditems.insert_many(made)
    read(store, "ann", *like_a_person(rng))

    extract(store)

    assert len(rows(store, "ann")) == 1
    for row in rows(store, "odd"):
        assert all(np.isfinite(row[name]) and row[name] >= 0 for name in FEATURES.names)
    assert bool(rows(store, "odd")) == (strange not in ("never ends", "ends before it begins"))


@pytest.mark.parametrize(
    "fields",
    [
        {"seenCredential": None},
        {"seenCredential": 7},
        {"seenCredential": {"$ne": None}},
        {"seenCredential": [an_id("ann")]},
        {"seenCredential": "x" * 500},
        {"seenCredential": ""},
        {"seenAt": "yesterday"},
        {"seenAt": None},
        {"offScreenAt": 17},
        {"offScreenAt": float("nan")},
    ],
    ids=str,
)
def test_exposures_of_the_wrong_types_are_left_out(store, fields):
    rng = np.random.default_rng(1)
    made = readings("odd", *like_a_person(rng))
    store.app.feeditems.insert_many([exposure | fields for exposure in made])
    read(store, "ann", *like_a_person(rng))

    extract(store)
    extract(store, now=NOON + FIVE)

    assert [row["seenCredential"] for row in rows(store)] == [an_id("ann")]


def test_clocks_an_hour_ahead_count_and_others_do_not(store):
    rng = np.random.default_rng(1)
    gaps, seconds = like_a_bot(rng)
    read(store, "ahead", gaps, seconds, until=NOON + 59 * MINUTE)
    store.app.feeditems.insert_many(
        [
            reading("ahead", at=NOON + 400 * DAY, seconds=5),
            reading("ahead", at=NOON - 20_000 * DAY, seconds=5),
        ]
    )

    extract(store)

    [row] = rows(store, "ahead")
    assert row["lastSeenAt"] == NOON + 58 * MINUTE
    assert row["count"] == 60


def test_what_a_person_has_judged_keeps_its_label_and_stays(store):
    rng = np.random.default_rng(1)
    read(store, "b1", *like_a_bot(rng))
    extract(store)
    judge(store, "b1", at=NOON + MINUTE)

    extract(store, replace(QUICK, overlap=HOUR), now=NOON + FIVE)  # everything anew, the same window among it
    read(store, "b1", [4] * 3, [2] * 3, until=NOON + 2 * FIVE)
    extract(store, now=NOON + 2 * FIVE)

    judged, new = rows(store, "b1")
    assert (judged["verificationStatus"], "expiresAt" in judged, "current" in judged) == (True, False, False)
    assert judged["updatedAt"] == NOON + FIVE
    assert (new.get("verificationStatus"), new["current"]) == (None, True)


def test_a_late_run_does_nothing(store):
    rng = np.random.default_rng(1)
    read(store, "ann", *like_a_person(rng))
    extract(store, now=NOON + FIVE)

    assert extract(store, now=NOON).as_dict() == {"read": 0, "written": 0, "skipped": "a later run is done"}


def test_the_newer_fields_of_the_application_work_by_options_alone(store):
    names = ExposureFields(collection="feeditemv2s", off_screen="offViewAt", credential="seenUUID")
    newer = Store(store.client, store.app.name, store.analytics.name, names)
    schema.apply(newer.app, newer.analytics, names)
    rng = np.random.default_rng(1)
    renamed = {"seenCredential": "seenUUID", "offScreenAt": "offViewAt"}
    for who, uuid in (("ann", "8f1c2d3e-0000-4000-8000-0123456789ab"), ("bob", "ขวัญ-1")):
        made = readings(who, *like_a_person(rng))
        newer.app.feeditemv2s.insert_many(
            {renamed.get(name, name): value for name, value in exposure.items()} | {"seenUUID": uuid}
            for exposure in made
        )

    extract(newer)
    read_again = extract(newer, now=NOON + FIVE)

    assert {row["seenCredential"] for row in rows(store)} == {"8f1c2d3e-0000-4000-8000-0123456789ab", "ขวัญ-1"}
    assert read_again.details.get("credentials", 0) == 2, "their last exposures lie within the overlap"
    newer.app.feeditemv2s.drop()


def test_two_at_once_make_the_same_as_one(store, config):
    rng = np.random.default_rng(1)
    for who in range(40):
        read(store, f"c{who}", *like_a_person(rng))
    start, stores = Barrier(2), [connect(config) for _ in range(2)]

    def work(own):
        start.wait()
        return extract(own)

    with ThreadPoolExecutor(2) as threads:
        reports = list(threads.map(work, stores))
    for own in stores:
        own.client.close()
    together = [{name: value for name, value in row.items() if name != "_id"} for row in rows(store)]

    store.analytics.credentialfeatures.delete_many({})
    store.analytics.watermarks.delete_many({})
    extract(store)

    assert [report.details["credentials"] for report in reports] == [40, 40]
    assert together == [{name: value for name, value in row.items() if name != "_id"} for row in rows(store)]
    assert len(together) == 40


def as_id(digits):
    return ObjectId(digits)


def as_capitals(digits):
    return digits.upper()


FORMS = {
    "text": (str,),
    "capitals": (as_capitals,),
    "id and text": (as_id, str),
    "id and capitals": (as_id, as_capitals),
    "all": (as_id, str, as_capitals),
}


@pytest.mark.parametrize("field", ["seenCredential", "content", "viewer"])
@pytest.mark.parametrize("forms", FORMS.values(), ids=FORMS)
def test_an_id_is_the_same_in_every_form_that_exposures_hold_it_in(store, forms, field):
    rng = np.random.default_rng(1)
    made = readings("ann", *like_a_person(rng, 90))
    # Two posts at each moment, and every record sent again: nothing but the order of ids tells them apart.
    beside = [exposure | {"_id": ObjectId(), "content": ObjectId()} for exposure in made]
    pairs = zip(made, beside, strict=True)
    made = [exposure | {"viewer": an_id("ann herself")} for pair in pairs for exposure in pair]
    others = readings("bob", *like_a_bot(rng))
    others += [exposure | {"seenCredential": "8f1c"} for exposure in readings("a device", *like_a_bot(rng))]
    again = [exposure | {"_id": ObjectId()} for exposure in made]
    first, then = made[:160] + again[:160], made[160:] + again[160:]

    def windows_of(rewritten):
        for collection in (store.app.feeditems, store.analytics.credentialfeatures, store.analytics.watermarks):
            collection.delete_many({})
        store.app.feeditems.insert_many([*rewritten(first), *others])
        extract(store)
        store.app.feeditems.insert_many([exposure | {"updatedAt": NOON + FIVE} for exposure in rewritten(then)])
        extract(store, now=NOON + FIVE)
        return [{name: value for name, value in row.items() if name != "_id"} for row in rows(store)]

    def in_forms(records):
        return [record | {field: forms[n % len(forms)](str(record[field]))} for n, record in enumerate(records)]

    expected = windows_of(list)
    assert {row["seenCredential"] for row in expected} == {an_id("ann"), an_id("bob"), "8f1c"}
    assert windows_of(in_forms) == expected


def test_the_form_that_a_credential_was_first_used_in_says_whose_it_is(store):
    for hours, form, viewer in ((3, str, None), (2, as_id, "first"), (1, str, "second")):
        named = {"viewer": viewer and an_id(viewer)}
        exposure = reading("ann", at=NOON - hours * HOUR, seconds=5)
        store.app.feeditems.insert_one(exposure | {"seenCredential": form(str(an_id("ann")))} | named)

    assert store.exposures.viewers([an_id("ann")]) == {an_id("ann"): an_id("first")}


@pytest.mark.parametrize("credentials", [None, [an_id("c1"), an_id("c2")]], ids=["all", "some"])
def test_readings_come_out_of_the_index_and_forms_are_looked_for_from_place_to_place(store, credentials):
    rng = np.random.default_rng(1)
    store.app.feeditems.drop()  # an index that has ever held an array serves no such plan
    schema.apply(store.app, store.analytics)
    for who in range(5):
        read(store, f"c{who}", *like_a_person(rng))
    store.app["system.profile"].drop()
    store.app.command("profile", 2)
    try:
        assert sum(len(batch["at"]) for batch in store.exposures.readings(credentials, NOON - DAY, NOON)) > 0
    finally:
        store.app.command("profile", 0)

    commands = store.app["system.profile"].find({"command.aggregate": "feeditems"}).sort("ts", 1)
    plans = [(command["planSummary"].split(" ")[0], command.get("hasSortStage", False)) for command in commands]
    assert plans == [("DISTINCT_SCAN", False), ("IXSCAN", False)]


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_everybody_who_used_a_described_device_is_linked_to_it(store, size):
    """Whatever batches the exposures come in; who reads on a device that nothing is kept of is not."""
    rng = np.random.default_rng(5)
    store.exposures = type(store.exposures)(store.app, ExposureFields(), batch_size=size)
    store.app.users.insert_one(user("ann's page", now=NOON, account="ann"))
    viewers: dict[str, list[str | None]] = {"shared": ["ann's page", "bob", None], "own": ["cat"], "seldom used": ["d"]}
    for device, people in viewers.items():
        made = readings(device, *like_a_person(rng, 20 if device == "seldom used" else 150), until=NOON - HOUR)
        for number, row in enumerate(made):
            whose = people[number * len(people) // len(made)]
            row["viewer"] = None if whose is None else an_id(whose)
        store.app.feeditems.insert_many(made)

    extract(store)

    links = store.analytics.accountLinks.find({"credential": {"$exists": True}})
    pairs = {(link["account"], link["credential"]) for link in links}
    linked = [("ann", "shared"), ("bob", "shared"), ("cat", "own")]
    assert pairs == {(an_id(whose), an_id(device)) for whose, device in linked}


def test_who_used_a_device_before_anything_was_kept_of_it_is_linked_too(store):
    rng = np.random.default_rng(5)
    for whose, number, hours in (("ann", 20, 2), ("bob", 200, 1), ("cat", 5, 0)):
        made = readings("shared", *like_a_person(rng, number), until=NOON - hours * HOUR)
        written = {"viewer": an_id(whose), "updatedAt": NOON - hours * HOUR}
        store.app.feeditems.insert_many([row | written for row in made])
        extract(store, now=NOON - hours * HOUR)

    links = store.analytics.accountLinks.distinct("account", {"credential": an_id("shared")})
    assert set(links) == {an_id("ann"), an_id("bob"), an_id("cat")}
