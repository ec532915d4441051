"""Between two full runs, nothing of the application is read from end to end."""

from contextlib import contextmanager
from datetime import timedelta

import pytest

from tests.factories import engagement, post, topics_of

MINUTES = timedelta(minutes=1)


@pytest.fixture
def profiled(databases):
    """The plans by which the server runs commands on the application's collections inside a `with`."""

    @contextmanager
    def watch():
        plans: set[tuple[str, str]] = set()
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
