"""Rows of contentStats: scores, window, and full and incremental runs."""

from datetime import timedelta

import pytest
from bson import ObjectId

from functions.stats import refresh_content_stats
from functions.stats.options import ContentStats
from shared.config import Weights
from tests.factories import an_id, post

OPTIONS = ContentStats()
MINUTES = timedelta(minutes=1)


def refresh(store, now, options=OPTIONS, **named):
    return refresh_content_stats.run(store, options, now=now, **named)


def row_of(databases, name):
    return databases.analytics.contentStats.find_one({"_id": an_id(name)})


def change(databases, name, at, **fields):
    databases.app.contents.update_one({"_id": an_id(name)}, {"$set": {"updatedAt": at} | fields})


def test_of_two_posts_with_equal_likes_the_newer_ranks_first(store, databases, noon):
    databases.app.contents.insert_many(
        [post("old", now=noon, age_hours=48, likes=10), post("new", now=noon, age_hours=1, likes=10)]
    )

    report = refresh(store, noon)

    ranked = [row["_id"] for row in databases.analytics.contentStats.find().sort("score", -1)]
    assert ranked == [an_id("new"), an_id("old")]
    assert report.as_dict() == {"read": 2, "written": 2}


def test_a_row_is_what_other_programs_read(store, databases, noon):
    photos = {"contents": [{"image": "1"}, {"image": "2"}]}
    payload = {"message": "สวัสดี 👋", "photo": photos}
    databases.app.contents.insert_one(
        post("one", now=noon, age_hours=24, likes=3, comments=1, recasts=2, quotes=1, payload=payload)
    )

    refresh(store, noon)

    assert row_of(databases, "one") == {
        "_id": an_id("one"),
        "contentId": an_id("one"),
        "authorId": an_id("ann"),
        "createdAt": noon - timedelta(hours=24),
        "updatedAt": noon - timedelta(hours=24),
        "likeCount": 3,
        "commentCount": 1,
        "recastCount": 2,
        "quoteCount": 1,
        "photoCount": 2,
        "characterLength": 8,
        "aggregator": {"ageScore": 0.5, "engagementScore": 7.0},
        "score": (7 + 1) * 0.5,
        "scoredAt": noon,
    }


def test_weights_and_bias_are_options(store, databases, noon):
    databases.app.contents.insert_one(post("one", now=noon, age_hours=12, likes=2, comments=1, recasts=1, quotes=1))
    options = ContentStats(
        weights=Weights(like=1.0, comment=10.0, recast=100.0, quote=1000.0), bias=0.0, half_life_hours=12
    )

    refresh(store, noon, options)

    assert row_of(databases, "one")["score"] == pytest.approx(1112 * 0.5)


def test_a_like_does_not_make_a_post_young_again(store, databases, noon):
    databases.app.contents.insert_one(post("one", now=noon, age_hours=48, likes=1, updatedAt=noon))

    refresh(store, noon)

    assert row_of(databases, "one")["aggregator"]["ageScore"] == 0.25


def test_the_age_may_be_that_of_the_last_touch(store, databases, noon):
    databases.app.contents.insert_one(post("one", now=noon, age_hours=48, updatedAt=noon - timedelta(hours=24)))

    refresh(store, noon, ContentStats(age_from="updatedAt"))

    assert row_of(databases, "one")["aggregator"]["ageScore"] == 0.5


def test_a_post_that_is_dated_ahead_counts_from_that_date_on_and_never_as_newer_than_now(store, databases, noon):
    databases.app.contents.insert_many(
        [post("early", now=noon, age_hours=-500, likes=2), post("skewed", now=noon, age_hours=-0.01, likes=2)]
    )

    assert refresh(store, noon).malformed == [an_id("early")]

    assert row_of(databases, "early") is None
    assert (row_of(databases, "skewed")["score"], row_of(databases, "skewed")["createdAt"]) == (3.0, noon)
    refresh(store, noon + timedelta(hours=500))
    assert row_of(databases, "early")["score"] == 3.0


def test_a_message_less_post_has_length_zero(store, databases, noon):
    databases.app.contents.insert_many([post("recast", now=noon, payload={}), post("bare", now=noon, payload=None)])

    refresh(store, noon)

    assert [row_of(databases, name)["characterLength"] for name in ("recast", "bare")] == [0, 0]


def test_missing_counters_are_zeros_not_missing_fields(store, databases, noon):
    document = post("one", now=noon)
    del document["engagements"]
    databases.app.contents.insert_one(document)

    refresh(store, noon)

    row = row_of(databases, "one")
    assert [row[f"{kind}Count"] for kind in ("like", "comment", "recast", "quote")] == [0, 0, 0, 0]
    assert row["score"] == pytest.approx(0.5 ** (1 / 24))


def test_a_photo_field_that_is_no_array_does_not_stop_the_others(store, databases, noon):
    odd = post("odd", now=noon, payload={"photo": {"contents": "one.jpg"}})
    databases.app.contents.insert_many([odd, post("good", now=noon)])

    report = refresh(store, noon)

    assert row_of(databases, "odd")["photoCount"] == 0
    assert row_of(databases, "good") is not None
    assert report.malformed == [an_id("odd")]


@pytest.mark.parametrize("visibility", ["hidden", "deleted", "illegal", None])
def test_a_post_that_is_no_longer_published_leaves_in_the_same_run(store, databases, noon, visibility):
    databases.app.contents.insert_many([post("gone", now=noon), post("stays", now=noon)])
    refresh(store, noon)
    change(databases, "gone", noon + MINUTES, visibility=visibility)

    report = refresh(store, noon + 5 * MINUTES)

    assert row_of(databases, "gone") is None
    assert row_of(databases, "stays") is not None
    assert report.removed == 1


def test_a_post_that_was_hidden_without_a_trace_leaves_too(store, databases, noon):
    databases.app.contents.insert_many([post("gone", now=noon, age_hours=9), post("stays", now=noon, age_hours=9)])
    refresh(store, noon)
    databases.app.contents.update_one({"_id": an_id("gone")}, {"$set": {"visibility": "hidden"}})

    assert refresh(store, noon + 5 * MINUTES).removed == 1
    assert row_of(databases, "gone") is None


def test_a_post_that_vanished_from_the_database_leaves(store, databases, noon):
    databases.app.contents.insert_many([post("gone", now=noon), post("stays", now=noon)])
    refresh(store, noon)
    databases.app.contents.delete_one({"_id": an_id("gone")})

    assert refresh(store, noon + 5 * MINUTES).removed == 1
    assert row_of(databases, "gone") is None


def test_a_post_that_is_published_again_comes_back(store, databases, noon):
    databases.app.contents.insert_one(post("one", now=noon, visibility="hidden"))
    refresh(store, noon)
    change(databases, "one", noon + MINUTES, visibility="publish")

    refresh(store, noon + 5 * MINUTES)

    assert row_of(databases, "one") is not None


def test_a_post_that_arrived_with_an_old_date_is_found(store, databases, noon):
    databases.app.contents.insert_one(post("one", now=noon))
    refresh(store, noon)
    databases.app.contents.insert_one(post("restored", now=noon, age_hours=100))

    refresh(store, noon + 5 * MINUTES)

    assert row_of(databases, "restored") is not None


def test_an_old_post_leaves_though_it_is_still_touched(store, databases, noon):
    databases.app.contents.insert_one(post("old", now=noon, age_hours=30 * 24 - 1))
    refresh(store, noon)
    assert row_of(databases, "old") is not None
    later = noon + timedelta(hours=2)
    change(databases, "old", later, **{"engagements.like.count": 5})

    report = refresh(store, later)

    assert row_of(databases, "old") is None
    assert report.as_dict() == {"read": 0, "written": 0, "removed": 1}


def test_a_new_like_is_counted_without_reading_the_other_posts(store, databases, noon):
    databases.app.contents.insert_many([post(f"post {i}", now=noon, age_hours=10) for i in range(20)])
    refresh(store, noon)
    change(databases, "post 7", noon + MINUTES, **{"engagements.like.count": 5})

    report = refresh(store, noon + 2 * MINUTES)

    assert row_of(databases, "post 7")["likeCount"] == 5
    assert report.read == 1


def test_time_passes_for_posts_that_nobody_touches(store, databases, noon):
    databases.app.contents.insert_one(post("quiet", now=noon, age_hours=0, likes=1))
    refresh(store, noon)
    just_late_enough = noon + timedelta(hours=12)

    refresh(store, just_late_enough)

    row = row_of(databases, "quiet")
    assert row["score"] == pytest.approx(2 * 0.5**0.5)
    assert row["scoredAt"] == just_late_enough


def test_a_score_lags_behind_by_no_more_than_it_may(store, databases, noon):
    databases.app.contents.insert_many([post(f"post {i}", now=noon, age_hours=10 * i) for i in range(6)])
    options = ContentStats(lag_ratio=0.05)
    for minutes in range(0, 300, 25):
        now = noon + minutes * MINUTES
        refresh(store, now, options)
        for row in databases.analytics.contentStats.find():
            true = 0.5 ** ((now - row["createdAt"]) / timedelta(hours=24))
            assert true <= row["score"] * (1 + 1e-9)
            assert row["score"] * (1 - 0.05) <= true * (1 + 1e-9)


def test_a_post_of_almost_no_score_waits_for_the_full_run(store, databases, noon):
    databases.app.contents.insert_one(post("faint", now=noon, age_hours=29 * 24))
    refresh(store, noon)

    assert refresh(store, noon + timedelta(hours=5)).written == 0
    assert row_of(databases, "faint")["scoredAt"] == noon


def test_indexes_survive_the_replacement_of_the_collection(store, databases, noon):
    before = databases.analytics.contentStats.index_information().keys()
    databases.app.contents.insert_one(post("one", now=noon))

    refresh(store, noon)

    assert len(before) > 1
    assert databases.analytics.contentStats.index_information().keys() == before


def test_a_post_with_a_strange_id_does_not_stop_the_comparison(store, databases, noon):
    strange = post("x", now=noon) | {"_id": "not an object id"}
    databases.app.contents.insert_many([strange, post("gone", now=noon), post("stays", now=noon)])
    assert refresh(store, noon).malformed == ["not an object id"]
    databases.app.contents.delete_one({"_id": an_id("gone")})

    report = refresh(store, noon + 5 * MINUTES)

    assert [row["_id"] for row in databases.analytics.contentStats.find()] == [an_id("stays")]
    assert report.removed == 1


def test_an_author_id_in_hex_digits_is_the_author(store, databases, noon):
    databases.app.contents.insert_one(post("one", now=noon) | {"author": {"id": str(an_id("ann"))}})

    report = refresh(store, noon)

    assert row_of(databases, "one")["authorId"] == an_id("ann")
    assert isinstance(row_of(databases, "one")["authorId"], ObjectId)
    assert report.malformed == []


@pytest.mark.parametrize("gone", range(7))
def test_one_post_gone_and_another_there_is_noticed_though_the_number_is_the_same(store, databases, noon, gone):
    """Part by part where there are many, also where several were made at the same moment."""
    ages = (1, 5, 5, 5, 5, 30, 80)
    databases.app.contents.insert_many([post(f"p{n}", now=noon, age_hours=age) for n, age in enumerate(ages)])
    refresh(store, noon, compared_a_run=3)
    databases.app.contents.delete_one({"_id": an_id(f"p{gone}")})
    databases.app.contents.insert_one(post("there", now=noon, age_hours=200))

    for run in range(1, 5):
        refresh(store, noon + run * 5 * MINUTES, compared_a_run=3)

    posts = {one["_id"] for one in databases.app.contents.find()}
    assert {row["_id"] for row in databases.analytics.contentStats.find()} == posts
    assert databases.analytics.watermarks.find_one({"_id": refresh_content_stats.NAME})["fullAt"] == noon
