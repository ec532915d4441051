"""Impressions of a day, the engagements that followed them, and what is left out."""

from datetime import timedelta
from typing import Any

import pytest

from functions.monitor import measure_feed
from functions.monitor.options import MeasureFeed
from local.world import WorldOptions, build_world, write_world
from tests.factories import account, an_id, engagement, exposure, user
from tests.networks import HOUR, NOON

OPTIONS = MeasureFeed()
DAY = timedelta(days=1)
SEEN_AT = NOON - 1.5 * DAY  # in the middle of the day that is measured


@pytest.fixture
def people(store, databases):
    databases.app.accounts.insert_many([account(f"account of {who}", now=NOON) for who in ("cat", "dog", "eve")])
    databases.app.users.insert_many([user(who, now=NOON) for who in ("cat", "dog", "eve")])
    return store


def measure(store, now=NOON, options=OPTIONS):
    measure_feed.run(store, options, now=now)
    return store.analytics.feedperformances.find_one({"calculatedAt": now})


def show(app, who, name, at=SEEN_AT, source="personal", **fields):
    analytics = {"analytics": {"source": source, "score": -0.5}}
    app.feeditems.insert_one(exposure(who, name, at=at, **(analytics | fields)))


def engage(app, who, name, at=SEEN_AT + HOUR, **fields):
    app.engagements.insert_one(engagement(who, name, at=at, **fields))


def counts(day):
    return day["overall"]["seen"], day["overall"]["engaged"]


def test_the_part_that_was_engaged_with_is_told_in_all_and_by_source(people, databases):
    for who, name, source in (("cat", "p1", "personal"), ("cat", "p2", "personal"), ("dog", "p1", "global")):
        show(databases.app, who, name, source=source)
    show(databases.app, "eve", "p3", source=None)
    engage(databases.app, "cat", "p1")

    day = measure(people)

    assert counts(day) == (4, 1)
    assert day["overall_feed_score_in_percent"] == 25.0
    assert day["personalize_content_feed_score_in_percent"] == 50.0
    assert day["coldstart_feed_score_in_percent"] == 0.0
    assert [(row["name"], row["seen"], row["engaged"]) for row in day["sources"]] == [
        ("personal", 2, 1),
        ("global", 1, 0),
        ("unknown", 1, 0),
    ]
    assert day["overall"]["from"] < 0.25 < day["overall"]["to"]


def test_several_engagements_and_several_exposures_of_one_post_are_one(people, databases):
    for minute in range(3):
        show(databases.app, "cat", "p1", at=SEEN_AT + timedelta(minutes=minute))
    for kind in ("like", "comment", "quote"):
        engage(databases.app, "cat", "p1", kind=kind)

    day = measure(people)

    assert counts(day) == (1, 1)
    assert day["leftOut"]["repeated"] == 2


NO_ENGAGEMENT = {
    "before it was seen": {"at": SEEN_AT - HOUR},
    "after the time that counts": {"at": SEEN_AT + 25 * HOUR},
    "taken back": {"visibility": "deleted"},
    "a report": {"kind": "report"},
    "of a kind that we do not know": {"kind": "farm"},
    "by another": {"who": "dog"},
    "with another post": {"name": "p2"},
}


@pytest.mark.parametrize("fields", NO_ENGAGEMENT.values(), ids=NO_ENGAGEMENT)
def test_what_is_no_engagement_with_what_was_seen(people, databases, fields):
    show(databases.app, "cat", "p1")
    engage(databases.app, **({"who": "cat", "name": "p1"} | fields))

    assert counts(measure(people)) == (1, 0)


def test_what_was_never_seen_or_only_glimpsed_is_left_out(people, databases):
    item = exposure("cat", "p1", at=SEEN_AT)
    del item["seenAt"]
    databases.app.feeditems.insert_one(item)
    show(databases.app, "cat", "p2", offScreenAt=SEEN_AT + timedelta(seconds=0.5))
    show(databases.app, "cat", "p3", offScreenAt=SEEN_AT + timedelta(seconds=1.5))
    show(databases.app, "cat", "p4", offScreenAt=SEEN_AT - timedelta(seconds=9))

    day = measure(people)

    assert counts(day) == (2, 0), "a clock that jumped back says nothing"
    assert day["leftOut"]["tooShort"] == 1


def test_a_viewer_may_be_an_account_or_a_user_and_an_unknown_one_is_left_out(people, databases):
    show(databases.app, "cat", "p1", viewer=an_id("cat"))
    engage(databases.app, "cat", "p1")
    show(databases.app, "a stranger", "p1")

    day = measure(people)

    assert counts(day) == (1, 1)
    assert day["leftOut"]["unknownViewer"] == 1


def test_each_model_is_told_apart(people, databases):
    strange = ("$", "$$oops", "$author")  # texts, and no variable or path
    for who, model in (("cat", "personal v1"), ("dog", "country v2"), *(("dog", model) for model in strange)):
        post = "p1" if model not in strange else f"p{2 + strange.index(model)}"
        show(databases.app, who, post, analytics={"source": "personal", "model": model})
    engage(databases.app, "dog", "p1")

    models = {row["name"]: (row["seen"], row["engaged"]) for row in measure(people)["models"]}

    assert models == {"personal v1": (1, 0), "country v2": (1, 1)} | dict.fromkeys(strange, (1, 0))


def test_an_engagement_at_the_end_of_its_time_is_not_lost_by_measuring_early(people, databases):
    show(databases.app, "cat", "p1", at=NOON - DAY - HOUR)
    engage(databases.app, "cat", "p1", at=NOON - 2 * HOUR)

    assert counts(measure(people)) == (1, 1)


def test_days_follow_one_another_without_a_gap_and_without_counting_twice(people, databases):
    for hour in range(72):
        show(databases.app, "cat", f"p{hour}", at=NOON - 3 * DAY + hour * HOUR)

    days = [counts(measure(people, NOON + number * DAY))[0] for number in (-1, 0, 1)]

    assert days == [24, 24, 24]


def test_measuring_a_day_again_changes_nothing(people, databases, snapshot):
    show(databases.app, "cat", "p1")
    measure(people)
    before = snapshot()

    measure(people)

    assert snapshot() == before


def test_a_day_without_anything_is_a_row_of_zeros(people):
    day = measure(people)

    assert counts(day) == (0, 0)
    assert (day["overall_feed_score_in_percent"], day["overall"]["from"], day["overall"]["to"]) == (0, 0, 1)


def test_a_world_is_measured_as_a_slow_and_plain_count_measures_it(people, databases):
    for name in ("accounts", "users"):
        databases.app[name].delete_many({})
    options = WorldOptions(users=200, contents=1_000, engagements=8_000, feed_items=8_000, countries=3, seed=13)
    write_world(build_world(options, now=NOON), databases.app, databases.analytics, databases.truth)
    first_seen: dict[Any, Any] = {}
    engaged = 0
    items = databases.app.feeditems.find({"seenAt": {"$gte": NOON - 2 * DAY, "$lt": NOON - DAY}}).sort("seenAt", 1)
    for item in items:
        end = item.get("offScreenAt")
        if end is None or not 0 <= (end - item["seenAt"]).total_seconds() < 1:
            first_seen.setdefault((item["viewer"], item["content"]), item["seenAt"])
    for (viewer, content), at in first_seen.items():
        rows = databases.app.engagements.find({"account": viewer, "targetRef.$id": content, "visibility": "publish"})
        engaged += any(
            row["type"] in ("like", "comment", "recast", "quote") and at <= row["createdAt"] < at + DAY for row in rows
        )

    assert counts(measure(people)) == (len(first_seen), engaged)
    assert engaged > 0
