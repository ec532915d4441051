"""Between two full runs, nothing of the application is read from end to end."""

from contextlib import contextmanager
from datetime import timedelta

import pytest

from functions.stats.options import ContentStats, CreatorStats, HashtagStats
from functions.stats.store.content_stats import ContentStatistics
from functions.stats.store.creator_stats import CreatorStatistics
from functions.stats.store.hashtag_stats import HashtagStatistics
from shared.store import schema
from tests.factories import engagement, post, topics_of

MINUTES = timedelta(minutes=1)
MONTH = timedelta(days=30)


@pytest.fixture
def profiled(databases):
    """The plans by which the server runs commands on the application's collections inside a `with`."""

    @contextmanager
    def watch():
        plans: set[tuple[str, str]] = set()
        databases.app.drop_collection("system.profile")  # of an earlier test
        databases.app.command("profile", 2)
        try:
            yield plans
        finally:
            databases.app.command("profile", 0)
            for command in databases.app["system.profile"].find({"planSummary": {"$exists": True}}):
                plans.add((command["ns"].rpartition(".")[2], command["planSummary"]))

    return watch


def test_the_profiler_sees_a_scan(store, network, profiled):
    with profiled() as plans:
        list(store.app.contents.find({"payload.message": "x"}))

    assert plans == {("contents", "COLLSCAN")}


def test_a_run_in_between_scans_no_collection_of_the_application(store, job, network, noon, profiled):
    ages_ago = noon - timedelta(days=20)
    network.app.contents.insert_many([post(f"old {i}", now=noon, age_hours=480) for i in range(200)])
    network.app.contentinfo.insert_many([topics_of(f"old {i}", "music", at=ages_ago) for i in range(200)])
    network.app.engagements.insert_many([engagement(f"user {i}", f"old {i}", at=ages_ago) for i in range(200)])
    job.run(store, now=noon)
    fresh = noon + 10 * MINUTES
    network.app.contents.insert_one(post("new", now=fresh, age_hours=0, payload={"message": "#new"}))
    network.app.contents.update_one({}, {"$set": {"visibility": "hidden", "updatedAt": fresh}})
    network.app.engagements.insert_one(engagement("cat", "new", at=fresh))
    network.app.contentinfo.insert_one(topics_of("new", "music", at=fresh))
    for collection in (network.app.contentinfo, network.app.users, network.app.accounts):
        collection.update_one({}, {"$set": {"updatedAt": fresh}})

    with profiled() as plans:
        report = job.run(store, now=fresh)

    assert report.read > 0
    assert plans
    assert [(collection, plan) for collection, plan in plans if "COLLSCAN" in plan] == []


WINDOW_READS = {
    "rows of contents": lambda store, now: ContentStatistics(store).rebuild(ContentStats(), now=now),
    "comparison of contents": lambda store, now: ContentStatistics(store).reconcile(
        ContentStats(), before=None, posts_compared=1_000, now=now
    ),
    "rows of creators": lambda store, now: CreatorStatistics(store).refresh(CreatorStats(), None, now=now),
    "comparison of creators": lambda store, now: CreatorStatistics(store).outdated(CreatorStats(), now=now),
    "uses of hashtags": lambda store, now: list(HashtagStatistics(store).posts(HashtagStats(), now=now)),
    "number of posts": lambda store, now: store.contents.published(now - MONTH, "createdAt", now=now),
    "posts of the rankers": lambda store, now: store.posts.published(now - MONTH, now, "createdAt"),
    "hashtags of the rankers": lambda store, now: store.posts.hashtags(now - MONTH, now, "createdAt"),
}


@pytest.mark.parametrize("read", WINDOW_READS.values(), ids=WINDOW_READS)
def test_no_post_before_the_window_is_read(store, databases, noon, profiled, read):
    """Where most of the first posts of any index fulfil the other conditions, the planner finds each as fast."""
    databases.app.contents.drop()  # with indexes that a list in a date has made multikey for good
    schema.apply(store.app, store.analytics)
    databases.app.contents.insert_many(
        [post(f"old {i}", now=noon, age_hours=24 * 70, payload={"message": "#old"}) for i in range(1_500)]
        + [post(f"{i}", now=noon, age_hours=i / 2, payload={"message": "#new"}) for i in range(600)]
    )

    ContentStatistics(store).rebuild(ContentStats(), now=noon)

    with profiled():
        read(store, noon)

    commands = databases.app["system.profile"].find({"ns": databases.app.contents.full_name})
    examined = [command["keysExamined"] for command in commands if "keysExamined" in command]
    assert 0 < max(examined) <= 601
