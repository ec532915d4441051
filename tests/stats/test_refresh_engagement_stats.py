"""Rows of userEngagementStats: topics and kinds, and full and incremental runs."""

from datetime import timedelta

import pytest
from bson import DBRef

from functions.stats import refresh_engagement_stats
from functions.stats.options import EngagementStats
from tests.factories import an_id, engagement, topic, topics_of

OPTIONS = EngagementStats()
HOUR = timedelta(hours=1)
KINDS = ("Like", "Comment", "Recast", "Quote", "Report")


def refresh(store, now, options=OPTIONS):
    return refresh_engagement_stats.run(store, options, now=now)


@pytest.fixture
def topics(databases, noon):
    """Two posts: a match (football, below sports) and a song (music)."""
    databases.analytics.topics.insert_many([topic("sports"), topic("football", "sports"), topic("music")])
    old = noon - 48 * HOUR
    databases.app.contentinfo.insert_many(
        [topics_of("match", "sports", "football", at=old), topics_of("song", "music", at=old)]
    )


def counts(databases, who="cat"):
    """{kind: {topic: number}} of one user, without empty ones; None when there is no row."""
    row = databases.analytics.userEngagementStats.find_one({"userId": an_id(who)})
    names = {str(an_id(f"topic {name}")): name for name in ("sports", "football", "music", "opera")}
    return row and {
        kind: {names[key]: number for key, number in row[f"count{kind}ContentTopic"].items()}
        for kind in KINDS
        if row[f"count{kind}ContentTopic"]
    }


def engage(databases, *engagements):
    databases.app.engagements.insert_many(engagements)


def test_a_row_is_what_other_programs_read(store, databases, topics, noon):
    engage(
        databases, engagement("cat", "song", at=noon - HOUR), engagement("cat", "song", at=noon - HOUR, kind="quote")
    )

    refresh(store, noon)

    row = databases.analytics.userEngagementStats.find_one({}, {"_id": 0})
    music = str(an_id("topic music"))
    assert row == {
        "userId": an_id("cat"),
        "countLikeContentTopic": {music: 1},
        "countCommentContentTopic": {},
        "countRecastContentTopic": {},
        "countQuoteContentTopic": {music: 1},
        "countReportContentTopic": {},
        "timestamp": "01/31/2026, 12:00:00",
        "computedAt": noon,
        "fresh": {},
    }


def test_every_kind_is_counted_apart(store, databases, topics, noon):
    kinds = ("like", "like", "comment", "recast", "quote", "report")
    engage(databases, *(engagement("cat", "song", at=noon - i * HOUR, kind=kind) for i, kind in enumerate(kinds)))

    refresh(store, noon)

    ones = {kind: {"music": 1} for kind in ("Comment", "Recast", "Quote", "Report")}
    assert counts(databases) == {"Like": {"music": 2}} | ones


def test_parent_topics_are_not_counted_twice(store, databases, topics, noon):
    engage(databases, engagement("cat", "match", at=noon - HOUR))

    refresh(store, noon)

    assert counts(databases) == {"Like": {"football": 1}}


def test_a_parent_topic_alone_counts(store, databases, topics, noon):
    databases.app.contentinfo.insert_one(topics_of("race", "sports", "music", at=noon))
    engage(databases, engagement("cat", "race", at=noon - HOUR))

    refresh(store, noon)

    assert counts(databases) == {"Like": {"sports": 1, "music": 1}}


def test_topics_that_are_each_others_parents_do_not_hang_the_run(store, databases, topics, noon):
    sports, football = an_id("topic sports"), {"_id": an_id("topic football"), "slug": "football"}
    databases.analytics.topics.update_one({"_id": sports}, {"$set": {"parents": [football]}})
    engage(databases, engagement("cat", "song", at=noon - HOUR), engagement("cat", "match", at=noon - HOUR))

    refresh(store, noon)

    assert counts(databases) == {"Like": {"music": 1}}


@pytest.mark.parametrize("kind", ["seen", "farm", "something new"])
def test_unknown_engagement_kinds_are_ignored(store, databases, topics, noon, kind):
    engage(databases, engagement("cat", "song", at=noon, kind=kind), engagement("cat", "song", at=noon))

    refresh(store, noon)

    assert counts(databases) == {"Like": {"music": 1}}


def test_engagement_on_comments_does_not_count(store, databases, topics, noon):
    engage(databases, engagement("cat", "song", at=noon, targetRef=DBRef("comment", an_id("song"))))

    refresh(store, noon)

    assert counts(databases) is None


def test_unlikes_do_not_count(store, databases, topics, noon):
    engage(databases, engagement("cat", "song", at=noon, visibility="deleted"), engagement("cat", "match", at=noon))

    refresh(store, noon)

    assert counts(databases) == {"Like": {"football": 1}}


@pytest.mark.parametrize("hours_after_the_full_run", [-2, 1], ids=["settled", "fresh"])
def test_a_like_that_is_taken_back_is_uncounted_in_the_next_run(
    store, databases, topics, noon, hours_after_the_full_run
):
    at = noon + hours_after_the_full_run * HOUR
    engage(databases, engagement("cat", "song", at=noon - 3 * HOUR))
    refresh(store, noon)
    taken_back = engagement("cat", "song", at=at)
    engage(databases, taken_back)
    databases.app.engagements.update_one({"_id": taken_back["_id"]}, {"$set": {"updatedAt": noon + HOUR}})
    refresh(store, noon + HOUR)
    assert counts(databases) == {"Like": {"music": 2}}
    gone = {"visibility": "deleted", "updatedAt": noon + 2 * HOUR}
    databases.app.engagements.update_one({"_id": taken_back["_id"]}, {"$set": gone})

    refresh(store, noon + 2 * HOUR)

    assert counts(databases) == {"Like": {"music": 1}}


def test_who_takes_everything_back_leaves(store, databases, topics, noon):
    engage(databases, engagement("cat", "song", at=noon - HOUR), engagement("ann", "song", at=noon - HOUR))
    refresh(store, noon)
    gone = {"visibility": "deleted", "updatedAt": noon + HOUR}
    databases.app.engagements.update_one({"user": an_id("cat")}, {"$set": gone})

    report = refresh(store, noon + HOUR)

    assert counts(databases, "cat") is None
    assert counts(databases, "ann") == {"Like": {"music": 1}}
    assert report.removed == 1


def test_a_new_topic_of_an_old_post_is_counted(store, databases, topics, noon):
    engage(databases, engagement("cat", "song", at=noon - 3 * HOUR))
    refresh(store, noon)
    databases.app.contentinfo.update_one(
        {"contentId": an_id("song")}, {"$set": {"topics": [an_id("topic opera")], "updatedAt": noon + HOUR}}
    )

    refresh(store, noon + HOUR)

    assert counts(databases) == {"Like": {"opera": 1}}


def test_a_post_that_is_classified_later_counts_from_then_on(store, databases, topics, noon):
    engage(databases, engagement("cat", "news", at=noon - 3 * HOUR))
    refresh(store, noon)
    assert counts(databases) is None
    databases.app.contentinfo.insert_one(topics_of("news", "opera", at=noon + HOUR))

    refresh(store, noon + HOUR)

    assert counts(databases) == {"Like": {"opera": 1}}


def test_users_whom_nothing_touched_are_not_written_again(store, databases, topics, noon):
    engage(databases, engagement("ann", "song", at=noon - HOUR), engagement("cat", "song", at=noon - HOUR))
    refresh(store, noon)
    engage(databases, engagement("cat", "match", at=noon + HOUR))

    report = refresh(store, noon + HOUR)

    assert report.written == 1
    assert counts(databases, "cat") == {"Like": {"music": 1, "football": 1}}


def test_an_act_dated_ahead_of_its_record_is_not_lost(store, databases, topics, noon):
    ahead = engagement("cat", "song", at=noon + 1000 * HOUR, updatedAt=noon - HOUR)
    engage(databases, ahead)
    refresh(store, noon)
    engage(databases, engagement("cat", "match", at=noon + HOUR))

    refresh(store, noon + HOUR)

    assert counts(databases) == {"Like": {"music": 1, "football": 1}}


def test_another_hierarchy_of_topics_counts_everybody_anew(store, databases, topics, noon):
    engage(databases, engagement("cat", "match", at=noon - HOUR))
    refresh(store, noon)
    assert counts(databases) == {"Like": {"football": 1}}

    databases.analytics.topics.update_one({"slug": "football"}, {"$set": {"parents": []}})
    refresh(store, noon + HOUR)

    assert counts(databases) == {"Like": {"football": 1, "sports": 1}}


def test_an_act_that_is_recorded_twice_counts_once_in_full_runs_and_in_between(store, databases, topics, noon):
    like = engagement("cat", "song", at=noon - HOUR)
    engage(databases, like, like | {"_id": an_id("again")})
    refresh(store, noon)
    assert counts(databases) == {"Like": {"music": 1}}

    engage(databases, like | {"_id": an_id("late"), "updatedAt": noon + HOUR / 2})
    other = engagement("cat", "match", at=noon + HOUR / 2)
    engage(databases, other, other | {"_id": an_id("other again")})
    refresh(store, noon + HOUR)

    assert counts(databases) == {"Like": {"music": 1, "football": 1}}
