"""Counts, rates and lifts of posts as they were known at a moment: what the features of country rankers are made of.

A lift is the natural log of a country's share of some engagements over its share of all engagements: above 0 the
country likes it more than others do; few engagements are shrunk towards 0. A rate is the natural log of engagements per
post over the network's mean. For an unknown country lifts are 0.
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from shared.clock import decay
from shared.columns import BoolArray, FloatArray, IntArray
from shared.countries import UNKNOWN_COUNTRY
from shared.engagement_kinds import POSITIVE_KINDS
from shared.ranking.counters import N_COUNTRY_BUCKETS, RELATIONS, Counters, country_bucket, relation_keys
from shared.ranking.decay import PopularityDecay

# Weight of the prior of a lift, in engagements: with as many engagements a lift counts half.
_LIFT_RECENT, _LIFT_POST, _LIFT_AUTHOR, _LIFT_TOPIC, _LIFT_LANGUAGE = 2.0, 8.0, 8.0, 20.0, 20.0
# Weight of the prior of a rate, in posts with the network's mean engagement.
PRIOR_AUTHOR, PRIOR_TOPIC = 2.0, 5.0


@dataclass(frozen=True)
class PointInTimePosts:
    """Posts at moments, whoever the viewer is. No slots: what several features share is computed once and kept.

    counters  of the network
    post      (n,) position among the posts
    at        (n,) [hours, 0 is now]
    decay     of popularity, as the model that scores the rows has learnt it

    Every property is (n,) and counts events before the moment of its row, unless it says otherwise.
    """

    counters: Counters
    post: IntArray
    at: FloatArray
    decay: PopularityDecay = field(default_factory=PopularityDecay)

    @cached_property
    def author(self) -> IntArray:
        """Number of the author."""
        return self.counters.posts.author[self.post]

    @cached_property
    def age(self) -> FloatArray:
        """[hours], at least 0."""
        return np.maximum(self.at - self.counters.posts.created[self.post], 0.0)

    @cached_property
    def age_score(self) -> FloatArray:
        """2^(-age / half-life), 1..0: 1 for a new post."""
        return decay(self.age, self.decay.half_life_hours)

    @cached_property
    def kinds(self) -> FloatArray:
        """(4, n) engagements with the post by kind."""
        first = self.post * len(POSITIVE_KINDS)
        return np.array([self.counters.by_post_kind.count(first + k, self.at) for k in range(len(POSITIVE_KINDS))])

    @cached_property
    def author_kinds(self) -> FloatArray:
        """(4, n) engagements with all posts of the author by kind."""
        first = self.author * len(POSITIVE_KINDS)
        return np.array([self.counters.by_author_kind.count(first + k, self.at) for k in range(len(POSITIVE_KINDS))])

    @cached_property
    def engagements(self) -> FloatArray:
        """Engagements with the post [count]."""
        return np.asarray(self.kinds.sum(0))

    @cached_property
    def author_engagements(self) -> FloatArray:
        """Engagements with all posts of the author [count]."""
        return np.asarray(self.author_kinds.sum(0))

    @cached_property
    def author_posts(self) -> FloatArray:
        """Posts of the author [count]."""
        return self.counters.posts_by_author.count(self.author, self.at)

    @cached_property
    def all_engagements(self) -> FloatArray:
        """Engagements in the network [count]."""
        return self.counters.total.count(np.zeros_like(self.post), self.at)

    @cached_property
    def mean(self) -> FloatArray:
        """Engagements per post of the network."""
        posts = self.counters.posts_total.count(np.zeros_like(self.post), self.at)
        return (self.all_engagements + 1) / np.maximum(posts, 1)

    @cached_property
    def author_mean(self) -> FloatArray:
        """Engagements per post of the author, shrunk towards the network's mean."""
        return (self.author_engagements + PRIOR_AUTHOR * self.mean) / (self.author_posts + PRIOR_AUTHOR)

    @cached_property
    def life_elapsed(self) -> FloatArray:
        """Share of its engagements that a post of this age has got, plus a floor of 0.02; 0.02..1.02."""
        return 1 - self.age_score + 0.02

    @cached_property
    def recent_6h(self) -> FloatArray:
        """Engagements with the post, each decayed with a half-life of 6 hours; no window [decayed count]."""
        return self.counters.by_post_decayed_6h.count(self.post, self.at)

    @cached_property
    def recent_24h(self) -> FloatArray:
        """Engagements with the post, each decayed with a half-life of 24 hours; no window [decayed count]."""
        return self.counters.by_post_decayed_24h.count(self.post, self.at)

    @cached_property
    def recent_72h(self) -> FloatArray:
        """Engagements with the post, each decayed with a half-life of 72 hours; no window [decayed count]."""
        return self.counters.by_post_decayed_72h.count(self.post, self.at)

    @cached_property
    def author_recent_72h(self) -> FloatArray:
        """Engagements with the author's posts, each decayed with a half-life of 72 hours; no window [decayed count]."""
        return self.counters.by_author_decayed_72h.count(self.author, self.at)

    @cached_property
    def newer_posts_by_author(self) -> FloatArray:
        """Posts of the same author after this one [count]."""
        published = self.counters.posts.created[self.post]
        return self.author_posts - self.counters.posts_by_author.count(self.author, published + 1e-6)

    @cached_property
    def hours_since_last_post(self) -> FloatArray:
        """Time since the author's last post, 0..720 [hours]."""
        return np.clip(self.at - self.counters.posts_by_author.last(self.author, self.at), 0.0, 720.0)

    @cached_property
    def topics(self) -> tuple[IntArray, IntArray, FloatArray, FloatArray]:
        """Every topic of every row: row, topic, engagements with the topic, posts on it plus PRIOR_TOPIC; (n_pairs,)
        each."""
        row, topic = self.counters.topics_of(self.post)
        engagements = self.counters.by_topic.count(topic, self.at[row])
        return row, topic, engagements, self.counters.posts_by_topic.count(topic, self.at[row]) + PRIOR_TOPIC


@dataclass(frozen=True)
class PointInTimeCountryRows:
    """Posts at moments, for viewers of a country. No slots: what several features share is computed once and kept.

    posts     the same rows, whoever the viewer is
    country   (n,) index into COUNTRIES, or UNKNOWN_COUNTRY
    language  (n,) what the post's language is to the viewer: HOME, ENGLISH, FOREIGN or nan

    Every property is (n,), unless it says otherwise.
    """

    posts: PointInTimePosts
    country: IntArray
    language: FloatArray

    @cached_property
    def country_bucket(self) -> IntArray:
        """The country as a key of counters."""
        return country_bucket(self.country)

    @cached_property
    def is_unknown(self) -> BoolArray:
        """Whether the country is unknown."""
        return np.asarray(self.country == UNKNOWN_COUNTRY)

    @cached_property
    def share(self) -> FloatArray:
        """The country's share of all engagements, 0..1, shrunk towards an equal share of each bucket; 1 if unknown."""
        p = self.posts
        share = (p.counters.by_country.count(self.country_bucket, p.at) + 1) / (p.all_engagements + N_COUNTRY_BUCKETS)
        return np.where(self.is_unknown, 1.0, share)

    @cached_property
    def author_engagements(self) -> FloatArray:
        """Engagements from the country with the author's posts; from everywhere if the country is unknown [count]."""
        p = self.posts
        in_country = p.counters.by_author_country.count(p.author * N_COUNTRY_BUCKETS + self.country_bucket, p.at)
        return np.where(self.is_unknown, p.author_engagements, in_country)

    @cached_property
    def by_topic(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Means over the post's topics of the topic's rate, its lift in the country and its rate in the country; (n,)
        each, nan without a topic."""
        p = self.posts
        row, topic, engagements, posts = p.topics
        key = topic * N_COUNTRY_BUCKETS + self.country_bucket[row]
        in_country = p.counters.by_topic_country.count(key, p.at[row])
        in_country = np.where(self.is_unknown[row], engagements, in_country)
        share, mean = self.share[row], p.mean[row]
        values = (
            np.log((engagements + PRIOR_TOPIC * mean) / posts / mean),
            _lift(in_country, engagements, share, _LIFT_TOPIC),
            np.log((in_country + PRIOR_TOPIC * mean * share) / posts / (mean * share)),
        )
        number = np.bincount(row, minlength=len(p.post))
        with np.errstate(invalid="ignore"):
            rate, lift, country_rate = (np.bincount(row, value, len(p.post)) / number for value in values)
        return rate, lift, country_rate

    @cached_property
    def post_lift(self) -> FloatArray:
        """Lift of the engagements with the post."""
        p = self.posts
        in_country = p.counters.by_post_country.count(p.post * N_COUNTRY_BUCKETS + self.country_bucket, p.at)
        return np.where(self.is_unknown, 0.0, _lift(in_country, p.engagements, self.share, _LIFT_POST))

    @cached_property
    def recent_lift(self) -> FloatArray:
        """Lift of the engagements with the post, each decayed with a half-life of 24 hours."""
        p = self.posts
        key = p.post * N_COUNTRY_BUCKETS + self.country_bucket
        in_country = p.counters.by_post_country_decayed_24h.count(key, p.at)
        return np.where(self.is_unknown, 0.0, _lift(in_country, p.recent_24h, self.share, _LIFT_RECENT))

    @cached_property
    def author_lift(self) -> FloatArray:
        """Lift of the engagements with the author's posts."""
        return _lift(self.author_engagements, self.posts.author_engagements, self.share, _LIFT_AUTHOR)

    @cached_property
    def language_share(self) -> FloatArray:
        """Log of the share of the country's engagements that goes to languages of the same relation; nan if unknown."""
        p = self.posts
        counters = p.counters
        key = self.country_bucket * RELATIONS + relation_keys(self.language)
        of_relation = counters.by_country_relation.count(key, p.at)
        in_country = counters.by_country.count(self.country_bucket, p.at)
        share = np.log((of_relation + _LIFT_LANGUAGE / 3) / (in_country + _LIFT_LANGUAGE))
        return np.where(np.isnan(self.language), np.nan, share)


def _lift(in_country: FloatArray, everywhere: FloatArray, share: FloatArray, prior: float) -> FloatArray:
    """(n,) log of the country's share of some engagements over `share`, with `prior` engagements at that share."""
    return np.log((in_country + prior * share) / ((everywhere + prior) * share))
