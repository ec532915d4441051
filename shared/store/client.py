"""The two databases, and the repositories of the collections that several domains need."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

from pymongo import MongoClient

from shared.store.contents import Contents
from shared.store.erasures import Erasures
from shared.store.job_runs import JobRuns
from shared.store.leases import Leases
from shared.store.options import ExposureFields
from shared.store.parked_changes import ParkedChanges
from shared.store.tombstones import Tombstones
from shared.store.visibility import Visibility
from shared.store.watermarks import Watermarks

if TYPE_CHECKING:
    from shared.store.content_topics import ContentTopics
    from shared.store.engagements import Engagements
    from shared.store.exposures import Exposures
    from shared.store.guest_feed import GuestFeed
    from shared.store.people import People
    from shared.store.posts import Posts


class Store:
    """The two databases, and the repositories that several domains need; those that need numpy or read texts are
    imported on first use. A repository of one domain, in its `store/`, is made from a store: `Suspects(store)`."""

    def __init__(
        self, client: MongoClient[dict[str, Any]], app_db: str, analytics_db: str, names: ExposureFields
    ) -> None:
        self.client, self._names = client, names
        self.app = client[app_db]
        self.analytics = client[analytics_db]

    @cached_property
    def contents(self) -> Contents:
        return Contents(self.app, self.analytics)

    @cached_property
    def parked_changes(self) -> ParkedChanges:
        return ParkedChanges(self.analytics)

    @cached_property
    def erasures(self) -> Erasures:
        return Erasures(self.app, self.analytics, self._names)

    @cached_property
    def tombstones(self) -> Tombstones:
        return Tombstones(self.app, self.analytics)

    @cached_property
    def visibility(self) -> Visibility:
        return Visibility(self.app)

    @cached_property
    def engagements(self) -> "Engagements":
        from shared.store.engagements import Engagements

        return Engagements(self.app, self.analytics)

    @cached_property
    def content_topics(self) -> "ContentTopics":
        from shared.store.content_topics import ContentTopics

        return ContentTopics(self.app, self.analytics)

    @cached_property
    def people(self) -> "People":
        from shared.store.people import People

        return People(self.app)

    @cached_property
    def exposures(self) -> "Exposures":
        from shared.store.exposures import Exposures

        return Exposures(self.app, self._names)

    @cached_property
    def posts(self) -> "Posts":
        from shared.store.posts import Posts

        return Posts(self.app, self.analytics)

    @cached_property
    def guest_feed(self) -> "GuestFeed":
        from shared.store.guest_feed import GuestFeed

        return GuestFeed(self.app)

    @cached_property
    def watermarks(self) -> Watermarks:
        return Watermarks(self.analytics)

    @cached_property
    def leases(self) -> Leases:
        return Leases(self.analytics)

    @cached_property
    def job_runs(self) -> JobRuns:
        return JobRuns(self.analytics)
