"""The two databases, and one repository per collection."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

from pymongo import MongoClient

from shared.config import Exposures as Names
from functions.feed.store.accounts import Accounts
from functions.topics.store.content_info import ContentInfo
from functions.stats.store.content_stats import ContentStatistics
from shared.store.contents import Contents
from functions.stats.store.creator_stats import CreatorStatistics
from shared.store.erasures import Erasures
from functions.monitor.store.feed_performances import FeedPerformances
from shared.store.leases import Leases
from shared.store.parked_changes import ParkedChanges
from functions.feed.store.popular_creators import PopularCreators
from functions.feed.store.relationships import Relationships
from functions.bots.store.suspects import Suspects
from shared.store.tombstones import Tombstones
from functions.topics.store.topic_tree import TopicTree
from functions.bots.store.verdicts import Verdicts
from shared.store.visibility import Visibility
from shared.store.watermarks import Watermarks

if TYPE_CHECKING:
    from functions.bots.store.account_links import AccountLinks
    from shared.store.content_topics import ContentTopics
    from functions.bots.store.credential_features import CredentialFeatures
    from functions.stats.store.engagement_stats import EngagementStatistics
    from shared.store.engagements import Engagements
    from shared.store.exposures import Exposures
    from functions.feed.store.follows import Follows
    from shared.store.guest_feed import GuestFeed
    from functions.stats.store.hashtag_stats import HashtagStatistics
    from functions.feed.store.home_pages import HomePages
    from functions.topics.store.labelled_texts import LabelledTexts
    from shared.store.people import People
    from shared.store.posts import Posts


class Store:
    """The two databases, and one repository per collection; those that need numpy or read texts are imported on first
    use."""

    def __init__(self, client: MongoClient[dict[str, Any]], app_db: str, analytics_db: str, names: Names) -> None:
        self.client, self._names = client, names
        self.app = client[app_db]
        self.analytics = client[analytics_db]

    @cached_property
    def contents(self) -> Contents:
        return Contents(self.app, self.analytics)

    @cached_property
    def content_stats(self) -> ContentStatistics:
        return ContentStatistics(self.app, self.analytics)

    @cached_property
    def creator_stats(self) -> CreatorStatistics:
        return CreatorStatistics(self.app, self.analytics)

    @cached_property
    def hashtag_stats(self) -> "HashtagStatistics":
        from functions.stats.store.hashtag_stats import HashtagStatistics

        return HashtagStatistics(self.app, self.analytics)

    @cached_property
    def content_info(self) -> ContentInfo:
        return ContentInfo(self.app)

    @cached_property
    def topic_tree(self) -> TopicTree:
        return TopicTree(self.analytics)

    @cached_property
    def parked_changes(self) -> ParkedChanges:
        return ParkedChanges(self.analytics)

    @cached_property
    def erasures(self) -> Erasures:
        return Erasures(self.app, self.analytics, self._names)

    @cached_property
    def account_links(self) -> "AccountLinks":
        from functions.bots.store.account_links import AccountLinks

        return AccountLinks(self.app, self.analytics)

    @cached_property
    def tombstones(self) -> Tombstones:
        return Tombstones(self.app, self.analytics)

    @cached_property
    def feed_performances(self) -> FeedPerformances:
        return FeedPerformances(self.analytics)

    @cached_property
    def accounts(self) -> Accounts:
        return Accounts(self.app)

    @cached_property
    def visibility(self) -> Visibility:
        return Visibility(self.app)

    @cached_property
    def popular_creators(self) -> PopularCreators:
        return PopularCreators(self.analytics)

    @cached_property
    def relationships(self) -> Relationships:
        return Relationships(self.app)

    @cached_property
    def suspects(self) -> Suspects:
        return Suspects(self.app)

    @cached_property
    def verdicts(self) -> Verdicts:
        return Verdicts(self.client, self.app, self.analytics)

    @cached_property
    def credential_features(self) -> "CredentialFeatures":
        from functions.bots.store.credential_features import CredentialFeatures

        return CredentialFeatures(self.analytics)

    @cached_property
    def engagements(self) -> "Engagements":
        from shared.store.engagements import Engagements

        return Engagements(self.app, self.analytics)

    @cached_property
    def content_topics(self) -> "ContentTopics":
        from shared.store.content_topics import ContentTopics

        return ContentTopics(self.app, self.analytics)

    @cached_property
    def engagement_stats(self) -> "EngagementStatistics":
        from functions.stats.store.engagement_stats import EngagementStatistics

        return EngagementStatistics(self.analytics)

    @cached_property
    def people(self) -> "People":
        from shared.store.people import People

        return People(self.app)

    @cached_property
    def exposures(self) -> "Exposures":
        from shared.store.exposures import Exposures

        return Exposures(self.app, self._names)

    @cached_property
    def follows(self) -> "Follows":
        from functions.feed.store.follows import Follows

        return Follows(self.app)

    @cached_property
    def posts(self) -> "Posts":
        from shared.store.posts import Posts

        return Posts(self.app, self.analytics)

    @cached_property
    def guest_feed(self) -> "GuestFeed":
        from shared.store.guest_feed import GuestFeed

        return GuestFeed(self.app)

    @cached_property
    def home_pages(self) -> "HomePages":
        from functions.feed.store.home_pages import HomePages

        return HomePages(self.analytics)

    @cached_property
    def labelled_texts(self) -> "LabelledTexts":
        from functions.topics.store.labelled_texts import LabelledTexts

        return LabelledTexts(self.analytics)

    @cached_property
    def watermarks(self) -> Watermarks:
        return Watermarks(self.analytics)

    @cached_property
    def leases(self) -> Leases:
        return Leases(self.analytics)
