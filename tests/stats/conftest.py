"""A small network, and the four jobs of the statistics."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import ModuleType
from typing import Any

import pytest
from msgspec.structs import replace

from functions.stats import (
    refresh_content_stats,
    refresh_creator_stats,
    refresh_engagement_stats,
    refresh_hashtag_stats,
)
from functions.stats.options import ContentStats, CreatorStats, EngagementStats, HashtagStats
from shared.report import Report
from shared.store import Store
from tests.conftest import Databases
from tests.factories import account, engagement, post, topic, topics_of, user


@dataclass(frozen=True, slots=True)
class Job:
    """A job with its options and the collection that it keeps."""

    module: ModuleType
    options: Any
    collection: str

    @property
    def name(self) -> str:
        return str(self.module.NAME)

    def run(self, store: Store, *, now: datetime, **changes: Any) -> Report:
        report: Report = self.module.run(store, replace(self.options, **changes), now=now)
        return report


JOBS = (
    Job(refresh_content_stats, ContentStats(), "contentStats"),
    Job(refresh_creator_stats, CreatorStats(), "creatorStats"),
    Job(refresh_hashtag_stats, HashtagStats(), "hashtagStats"),
    Job(refresh_engagement_stats, EngagementStats(), "userEngagementStats"),
)


@pytest.fixture(params=JOBS, ids=lambda job: job.name)
def job(request: pytest.FixtureRequest) -> Job:
    job: Job = request.param
    return job


@pytest.fixture
def network(databases: Databases, noon: datetime) -> Databases:
    """Ann and Bob post, Cat reads; sports with football below it, and music."""
    fill(databases, noon)
    return databases


def fill(databases: Databases, noon: datetime) -> None:
    app, analytics = databases.app, databases.analytics
    app.users.insert_many([user(name, now=noon, followerCount=10) for name in ("ann", "bob", "cat")])
    app.accounts.insert_many([account(f"account of {name}", now=noon) for name in ("ann", "bob", "cat")])
    app.contents.insert_many(
        [
            post("match", now=noon, age_hours=24, likes=3, payload={"message": "what a #goal"}),
            post("song", now=noon, age_hours=2, likes=1, quotes=1, payload={"message": "my #song"}, author="bob"),
            post("plain", now=noon, age_hours=1, recasts=2, author="bob", type="image", payload={}),
        ]
    )
    analytics.topics.insert_many([topic("sports"), topic("football", "sports"), topic("music")])
    app.contentinfo.insert_many(
        [
            topics_of("match", "sports", "football", at=noon - timedelta(hours=24)),
            topics_of("song", "music", at=noon - timedelta(hours=2)),
        ]
    )
    app.engagements.insert_many(
        [
            engagement("cat", "match", at=noon - timedelta(hours=3)),
            engagement("cat", "song", at=noon - timedelta(hours=1), kind="quote"),
            engagement("ann", "song", at=noon - timedelta(hours=1)),
        ]
    )


Rows = Callable[[str], list[dict[str, Any]]]


@pytest.fixture
def rows(databases: Databases) -> Rows:
    """The documents of one of our collections."""
    return lambda collection: list(databases.analytics[collection].find().sort("_id", 1))
