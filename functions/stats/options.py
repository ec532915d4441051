"""Options of the statistics of posts, creators, hashtags and engagements."""

from datetime import timedelta
from typing import ClassVar, Literal

from shared.config import Hours, Number, PositiveCount, Ratio, Section, Weights


class ContentStats(Section, frozen=True, kw_only=True):
    section: ClassVar[str] = "content_stats"

    window: timedelta = timedelta(days=30)  # how long a post counts, from its creation
    half_life_hours: Hours = 24.0  # after this time a post's score has halved
    age_from: Literal["createdAt", "updatedAt"] = "createdAt"  # the moment that a post's age starts at
    weights: Weights = Weights()  # points per like, comment, recast and quote
    bias: Number = 1.0  # points that a post has before anyone engages
    overlap: timedelta = timedelta(minutes=5)  # how far a run looks back behind the last one, for late writes
    full_every: timedelta = timedelta(days=1)  # how often everything is computed anew
    lag_ratio: Ratio = 0.01  # how far a stored score may lag behind its decay


class CreatorStats(Section, frozen=True, kw_only=True):
    section: ClassVar[str] = "creator_stats"

    window: timedelta = timedelta(days=30)  # how long a post counts for its creator, from its creation
    half_life_hours: Hours = 24.0  # after this time without a new post the age score has halved
    age_from: Literal["createdAt", "updatedAt"] = "createdAt"  # the moment that a post's age starts at
    weights: Weights = Weights()  # points per like, comment, recast and quote
    follower_weight: Number = 0.01  # points per follower
    bias: Number = 1.0  # points that a creator has before anyone engages
    overlap: timedelta = timedelta(minutes=5)  # how far a run looks back behind the last one, for late writes
    full_every: timedelta = timedelta(days=1)  # how often everything is computed anew


class HashtagStats(Section, frozen=True, kw_only=True):
    section: ClassVar[str] = "hashtag_stats"

    window: timedelta = timedelta(days=14)  # how long a post counts for its hashtags, from its creation
    half_life_hours: Hours = 24.0  # after this time without a new post the age score has halved
    age_from: Literal["createdAt", "updatedAt"] = "createdAt"  # the moment that a post's age starts at
    weights: Weights = Weights()  # points per like, comment, recast and quote
    max_contributors: PositiveCount = 100  # contributors listed per hashtag, the most frequent first
    max_contents: PositiveCount = 20  # posts listed per contributor
    overlap: timedelta = timedelta(minutes=5)  # how far a run looks back behind the last one, for late writes
    full_every: timedelta = timedelta(days=1)  # how often everything is computed anew


class EngagementStats(Section, frozen=True, kw_only=True):
    section: ClassVar[str] = "engagement_stats"

    overlap: timedelta = timedelta(minutes=5)  # how far a run looks back behind the last one, for late writes
    full_every: timedelta = timedelta(days=1)  # how often everything is counted anew
