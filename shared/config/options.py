"""Every tunable, with its unit, its default and one sentence.

`FEEDKEEPER_OPTIONS` overrides them as JSON by section and name; spans are given in hours:
`{"guest_feed": {"rows_per_country": 500}, "content_stats": {"window": 336}}`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

from shared.config.feed_options import Coldstart, Exposures, GuestFeed, Home, MeasureFeed, Members, People
from shared.config.overrides import override


@dataclass(frozen=True, slots=True)
class Weights:
    """Points of one engagement of each kind [points]."""

    like: float = 1.0
    comment: float = 1.0
    recast: float = 1.0
    quote: float = 1.0


@dataclass(frozen=True, slots=True)
class ContentStats:
    window: timedelta = timedelta(days=30)  # how long a post counts, from its creation
    half_life_hours: float = 24.0  # after this time a post's score has halved
    age_from: Literal["createdAt", "updatedAt"] = "createdAt"  # the moment that a post's age starts at
    weights: Weights = field(default_factory=Weights)  # points per like, comment, recast and quote
    bias: float = 1.0  # points that a post has before anyone engages
    overlap: timedelta = timedelta(minutes=5)  # how far a run looks back behind the last one, for late writes
    full_every: timedelta = timedelta(days=1)  # how often everything is computed anew
    lag_ratio: float = 0.01  # how far a stored score may lag behind its decay
    negligible: float = 0.001  # stored scores below this are left to the next full run


@dataclass(frozen=True, slots=True)
class CreatorStats:
    window: timedelta = timedelta(days=30)  # how long a post counts for its creator, from its creation
    half_life_hours: float = 24.0  # after this time without a new post the age score has halved
    age_from: Literal["createdAt", "updatedAt"] = "createdAt"  # the moment that a post's age starts at
    weights: Weights = field(default_factory=Weights)  # points per like, comment, recast and quote
    follower_weight: float = 0.01  # points per follower
    bias: float = 1.0  # points that a creator has before anyone engages
    overlap: timedelta = timedelta(minutes=5)  # how far a run looks back behind the last one, for late writes
    full_every: timedelta = timedelta(days=1)  # how often everything is computed anew


@dataclass(frozen=True, slots=True)
class HashtagStats:
    window: timedelta = timedelta(days=14)  # how long a post counts for its hashtags, from its creation
    half_life_hours: float = 24.0  # after this time without a new post the age score has halved
    age_from: Literal["createdAt", "updatedAt"] = "createdAt"  # the moment that a post's age starts at
    weights: Weights = field(default_factory=Weights)  # points per like, comment, recast and quote
    max_contributors: int = 100  # contributors listed per hashtag, the most frequent first
    max_contents: int = 20  # posts listed per contributor
    overlap: timedelta = timedelta(minutes=5)  # how far a run looks back behind the last one, for late writes
    full_every: timedelta = timedelta(days=1)  # how often everything is computed anew


@dataclass(frozen=True, slots=True)
class EngagementStats:
    overlap: timedelta = timedelta(minutes=5)  # how far a run looks back behind the last one, for late writes
    full_every: timedelta = timedelta(days=1)  # how often everything is counted anew


@dataclass(frozen=True, slots=True)
class Bots:
    window: timedelta = timedelta(days=30)  # how far back a credential's readings count
    limit: int = 500  # readings of a credential that its features are of, the latest
    least_readings: int = 100  # readings that a credential needs for features
    overlap: timedelta = timedelta(minutes=5)  # how far a run looks back behind the last one, for late writes
    full_every: timedelta = timedelta(days=1)  # how often every credential is looked at
    kept: timedelta = timedelta(days=90)  # how long features that nobody has judged stay
    superseded: timedelta = timedelta(days=1)  # how long they stay once there are newer ones of that credential
    verdict_true_means: Literal["bot", "person"] = "bot"  # what `verificationStatus: true` says
    labelled_most: int = 10_000  # judged features that are learnt from, the latest
    least_bots: int = 10  # judged bots that a detector needs
    least_people: int = 10  # judged people that it needs
    explained_ratio: float = 0.99  # part of the bots' variance that the principal components explain
    splits: int = 5  # parts of the judged features, each scored by a detector that learnt from the others
    repeats: int = 2  # times that they are split anew
    recall_ratio: float = 0.9  # part of the judged bots that the threshold finds, unless the next option raises it
    precision_ratio: float = 0.9  # part of those above the threshold that are bots, at least
    daily_budget: int = 100  # suspects a day, the most suspicious first
    daily_sample: int = 5  # credentials below the threshold that are also reviewed each day, by lot
    cool_down: timedelta = timedelta(days=7)  # how long after a verdict a credential is left alone
    margin: float = 1.0  # standard errors by which a detector may be worse than the one that it replaces

    def verdict(self, *, bot: bool) -> bool:
        """What `verificationStatus` says of a bot, or of a person.

        >>> Bots().verdict(bot=True), Bots(verdict_true_means="person").verdict(bot=True)
        (True, False)
        """
        return bot is (self.verdict_true_means == "bot")


@dataclass(frozen=True, slots=True)
class Artifacts:
    keep: int = 4  # versions kept of each model, for a rollback


@dataclass(frozen=True, slots=True)
class Language:
    engine: Literal["py3langid", "langdetect"] = "py3langid"  # the library for a text whose script is of many languages
    served: str = (  # ISO 639-1 codes that a text may get
        "ar bn de en es fa fr he hi id it ja km ko lo ms my nl pl pt ru sv ta th tl tr uk vi zh"
    )
    least_letters: int = 4  # different letters that a text needs, unless its script settles the language
    least_confidence_ratio: float = 0.3  # chance among the served languages below which none is named
    least_served_ratio: float = (
        0.1  # chance of all of them together, among all that are known, below which none is named
    )


@dataclass(frozen=True, slots=True)
class Topics:
    min_tokens: int = 3  # meaningful tokens that a text needs for topics
    only_languages: str = ""  # codes of languages whose texts get topics, apart by spaces; empty for all supported
    most: int = 5  # topics per post, their parents not counted
    batch: int = 64  # posts that are embedded and written at once
    reclassify_most: int = 50_000  # posts that one run of reclassify_contents looks at
    head_texts: int = 20  # labelled texts that a topic needs for a head of its own
    head_folds: int = 5  # parts of the labelled texts, each judged by heads that learnt from the others
    labelled_most: int = 20_000  # labelled texts that are learnt from, those that changed last


@dataclass(frozen=True, slots=True)
class Relay:
    batch: int = 200  # changes that are sent at once, where the receiver takes so many
    queue: int = 1_000  # changes that are read ahead of the sending
    most_bytes: int = 240_000  # of a change; a larger one is sent as its key, and read by the receiver
    lease_s: float = 30.0  # seconds after which another copy takes over from one that is silent
    beat_s: float = 10.0  # seconds between two notes of where a quiet collection stands
    longest_pause_s: float = 30.0  # seconds between two attempts to send, at most; they double up to it
    overlap: timedelta = timedelta(hours=2)  # how far behind its last note the relay looks after a loss of history
    reconcile_most: int = 1_000_000  # documents that are sent again after a loss of history, at most


@dataclass(frozen=True, slots=True)
class Tokens:
    leeway_s: int = 60  # seconds by which the clock of who makes tokens may differ from ours
    longest_life: timedelta = timedelta(hours=24)  # from `iat` to `exp` of a token, at most


@dataclass(frozen=True, slots=True)
class Options:
    """The sections, one per job or family of jobs."""

    content_stats: ContentStats = field(default_factory=ContentStats)
    creator_stats: CreatorStats = field(default_factory=CreatorStats)
    hashtag_stats: HashtagStats = field(default_factory=HashtagStats)
    engagement_stats: EngagementStats = field(default_factory=EngagementStats)
    coldstart: Coldstart = field(default_factory=Coldstart)
    guest_feed: GuestFeed = field(default_factory=GuestFeed)
    members: Members = field(default_factory=Members)
    home: Home = field(default_factory=Home)
    people: People = field(default_factory=People)
    measure_feed: MeasureFeed = field(default_factory=MeasureFeed)
    exposures: Exposures = field(default_factory=Exposures)
    bots: Bots = field(default_factory=Bots)
    artifacts: Artifacts = field(default_factory=Artifacts)
    language: Language = field(default_factory=Language)
    topics: Topics = field(default_factory=Topics)
    relay: Relay = field(default_factory=Relay)
    tokens: Tokens = field(default_factory=Tokens)

    @classmethod
    def from_mapping(cls, overrides: Mapping[str, Any]) -> "Options":
        """The defaults with `overrides` on top; BadConfig names an unknown option or a value of the wrong type."""
        result: Options = override(cls(), overrides, "")
        return result
