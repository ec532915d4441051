"""Rows of creatorStats: totals, weights, window, and full and incremental runs."""

from datetime import timedelta
from unittest.mock import ANY

import pytest

from functions.stats import refresh_creator_stats
from functions.stats.options import CreatorStats
from shared.config import Weights
from tests.factories import account, an_id, post, user, write_users

OPTIONS = CreatorStats()
HOUR = timedelta(hours=1)


def refresh(store, now, options=OPTIONS):
    return refresh_creator_stats.run(store, options, now=now)


def creator(databases, name="ann"):
    return databases.analytics.creatorStats.find_one({"_id": an_id(name)})


@pytest.fixture
def ann(databases, noon):
    """A creator with ten followers, who follows four."""
    databases.app.users.insert_one(user("ann", now=noon, followerCount=10, followedCount=4))
    databases.app.accounts.insert_one(account("account of ann", now=noon))


def test_a_row_is_what_other_programs_read(store, databases, ann, noon):
    databases.app.contents.insert_many(
        [
            post("a", now=noon, age_hours=24, likes=3, comments=1),
            post("b", now=noon, age_hours=48, recasts=2),
            post("c", now=noon, age_hours=72, quotes=6, type="image"),
        ]
    )

    refresh(store, noon)

    followed = 0.01 * 10
    assert creator(databases) == {
        "_id": an_id("ann"),
        "creatorId": an_id("ann"),
        "ownerAccount": an_id("account of ann"),
        "displayId": "ann",
        "userCreatedAt": noon - timedelta(days=100),
        "geolocation": {"countryCode": "th", "continentCode": "as"},
        "followerCount": 10,
        "followedCount": 4,
        "contentCount": 3,
        "creatorLikedCount": 3,
        "creatorCommentedCount": 1,
        "creatorRecastedCount": 2,
        "creatorQuotedCount": 6,
        "lastContentCreatedAt": noon - 24 * HOUR,
        "lastContentUpdatedAt": noon - 24 * HOUR,
        "contentFingerprint": ANY,
        "points": 12.0,
        "aggregator": {"ageScore": 0.5, "engagementScore": 12.0, "followedScore": pytest.approx(followed)},
        "score": pytest.approx(0.5 * 12 / 3 + followed + 1),
        "scoredAt": noon,
        "summary": [
            {
                "type": "image",
                "typeCount": 1,
                "points": 6.0,
                "lastContentCreatedAt": noon - 72 * HOUR,
                "lastContentUpdatedAt": noon - 72 * HOUR,
                "typeWeight": pytest.approx(1 / 3),
                "aggregator": {"ageScore": 0.125, "engagementScore": 6.0, "followedScore": pytest.approx(followed)},
                "score": pytest.approx(1 / 3 * 0.125 * 6 / 12 + followed),
            },
            {
                "type": "short",
                "typeCount": 2,
                "points": 6.0,
                "lastContentCreatedAt": noon - 24 * HOUR,
                "lastContentUpdatedAt": noon - 24 * HOUR,
                "typeWeight": pytest.approx(2 / 3),
                "aggregator": {"ageScore": 0.5, "engagementScore": 6.0, "followedScore": pytest.approx(followed)},
                "score": pytest.approx(2 / 3 * 0.5 * 6 / 12 + followed),
            },
        ],
    }


def test_creator_totals_sum_the_real_counters(store, databases, ann, noon):
    databases.app.contents.insert_many(
        post(f"{kind} {i}", now=noon, type=kind, likes=1, comments=2, recasts=3, quotes=4)
        for kind in ("short", "image", "blog")
        for i in range(2)
    )

    refresh(store, noon)

    totals = [creator(databases)[f"creator{done}Count"] for done in ("Liked", "Commented", "Recasted", "Quoted")]
    assert totals == [6, 12, 18, 24], "once per post, however many types there are"


def test_each_kind_counts_with_its_own_weight(store, databases, ann, noon):
    databases.app.contents.insert_one(post("a", now=noon, age_hours=0, likes=1, comments=1, recasts=1, quotes=1))

    refresh(store, noon, CreatorStats(weights=Weights(like=1.0, comment=10.0, recast=100.0, quote=1000.0)))

    row = creator(databases)
    assert row["aggregator"]["engagementScore"] == row["summary"][0]["aggregator"]["engagementScore"] == 1111.0


def test_the_bias_is_added_once(store, databases, ann, noon):
    databases.app.contents.insert_one(post("a", now=noon, age_hours=0))

    refresh(store, noon, CreatorStats(bias=7.0))

    assert creator(databases)["score"] == pytest.approx(7.0 + 0.1)
    assert creator(databases)["aggregator"]["engagementScore"] == 0


def test_following_many_people_earns_nothing(store, databases, noon):
    databases.app.users.insert_many(
        [user("ann", now=noon, followedCount=9000, followerCount=1), user("bob", now=noon, followerCount=2)]
    )
    databases.app.accounts.insert_many([account(f"account of {name}", now=noon) for name in ("ann", "bob")])
    databases.app.contents.insert_many([post("a", now=noon), post("b", now=noon, author="bob")])

    refresh(store, noon)

    assert creator(databases, "ann")["aggregator"]["followedScore"] == 0.01
    assert creator(databases, "ann")["score"] < creator(databases, "bob")["score"]


def test_a_prolific_creator_with_equally_good_posts_is_not_punished(store, databases, noon):
    write_users(databases.app, "ann", "bob", now=noon)
    databases.app.contents.insert_many(
        [post("b", now=noon, likes=5, author="bob"), *(post(f"a{i}", now=noon, likes=5) for i in range(10))]
    )

    refresh(store, noon)

    assert creator(databases, "ann")["score"] == pytest.approx(creator(databases, "bob")["score"])


def test_each_type_has_its_own_last_moment(store, databases, ann, noon):
    databases.app.contents.insert_many(
        [post("a", now=noon, age_hours=1), post("b", now=noon, age_hours=24, type="image")]
    )

    refresh(store, noon)

    last = {one["type"]: one["lastContentUpdatedAt"] for one in creator(databases)["summary"]}
    assert last == {"short": noon - HOUR, "image": noon - 24 * HOUR}


def test_a_creator_without_recent_posts_leaves(store, databases, ann, noon):
    databases.app.contents.insert_one(post("a", now=noon, age_hours=30 * 24 - 1))
    refresh(store, noon)
    assert creator(databases) is not None

    report = refresh(store, noon + 2 * HOUR)

    assert creator(databases) is None
    assert report.removed == 1


def test_a_post_that_leaves_the_window_no_longer_counts(store, databases, ann, noon):
    databases.app.contents.insert_many(
        [post("old", now=noon, age_hours=30 * 24 - 1, likes=9), post("new", now=noon, likes=1)]
    )
    refresh(store, noon)

    refresh(store, noon + 2 * HOUR)

    assert (creator(databases)["contentCount"], creator(databases)["creatorLikedCount"]) == (1, 1)


@pytest.mark.parametrize("act", ["hide", "hide without a trace", "delete"])
def test_a_post_that_is_gone_no_longer_counts_in_the_same_run(store, databases, ann, noon, act):
    databases.app.contents.insert_many([post("gone", now=noon, likes=9), post("stays", now=noon, likes=1)])
    refresh(store, noon + 9 * HOUR)
    contents = databases.app.contents
    if act == "delete":
        contents.delete_one({"_id": an_id("gone")})
    else:
        touched = {"updatedAt": noon + 9 * HOUR} if act == "hide" else {}
        contents.update_one({"_id": an_id("gone")}, {"$set": {"visibility": "hidden"} | touched})

    refresh(store, noon + 10 * HOUR)

    assert (creator(databases)["contentCount"], creator(databases)["creatorLikedCount"]) == (1, 1)


@pytest.mark.parametrize("collection", ["users", "accounts"])
def test_a_creator_whose_user_or_account_is_withdrawn_leaves_in_the_same_run(store, databases, ann, noon, collection):
    databases.app.contents.insert_one(post("a", now=noon))
    refresh(store, noon)
    databases.app[collection].update_many({}, {"$set": {"visibility": "deleted", "updatedAt": noon + HOUR}})

    report = refresh(store, noon + HOUR)

    assert creator(databases) is None
    assert report.removed == 1


def test_a_creator_without_an_account_stays_and_one_whose_account_is_gone_does_not(store, databases, noon):
    databases.app.users.insert_many([user("ann", now=noon, ownerAccount=None), user("bob", now=noon)])
    databases.app.contents.insert_many([post("a", now=noon), post("b", now=noon, author="bob")])

    refresh(store, noon)

    assert creator(databases)["geolocation"] is None
    assert creator(databases, "bob") is None


def test_a_creator_without_a_user_is_none(store, databases, noon):
    databases.app.contents.insert_one(post("a", now=noon))

    assert refresh(store, noon).written == 0


def test_new_followers_count_though_no_post_changed(store, databases, ann, noon):
    databases.app.contents.insert_one(post("a", now=noon))
    refresh(store, noon)
    databases.app.users.update_one({}, {"$set": {"followerCount": 500, "updatedAt": noon + HOUR}})

    refresh(store, noon + HOUR)

    assert creator(databases)["aggregator"]["followedScore"] == 5.0


def test_a_new_country_of_the_account_is_taken_over(store, databases, ann, noon):
    databases.app.contents.insert_one(post("a", now=noon))
    refresh(store, noon)
    databases.app.accounts.update_one({}, {"$set": {"geolocation.countryCode": "us", "updatedAt": noon + HOUR}})

    refresh(store, noon + HOUR)

    assert creator(databases)["geolocation"]["countryCode"] == "us"


def test_time_passes_for_creators_whom_nothing_touched(store, databases, ann, noon):
    databases.app.contents.insert_one(post("a", now=noon, age_hours=12, likes=4))
    refresh(store, noon)

    report = refresh(store, noon + 12 * HOUR)

    row = creator(databases)
    assert row["score"] == pytest.approx(4 * 0.5 + 0.1 + 1)
    assert row["summary"][0]["aggregator"]["ageScore"] == pytest.approx(0.5)
    assert (report.read, report.written) == (0, 1)


def test_posts_that_name_their_author_in_hex_digits_count_in_every_run(store, databases, ann, noon):
    databases.app.contents.insert_many(
        [post("a", now=noon, likes=1), post("b", now=noon, likes=2) | {"author": {"id": str(an_id("ann"))}}]
    )
    refresh(store, noon)
    changed = {"engagements.like.count": 5, "updatedAt": noon + HOUR}
    databases.app.contents.update_one({"_id": an_id("b")}, {"$set": changed})

    refresh(store, noon + HOUR)

    assert (creator(databases)["contentCount"], creator(databases)["creatorLikedCount"]) == (2, 6)
