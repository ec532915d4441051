"""What is known of a post, for people of a country, at a moment.

Each feature is made from what had happened before the moment, in training as in scoring. A "lift" is the natural log of
how much larger the country's part is than its part of everything; 0 is no difference, and what is seldom seen is drawn
towards 0. A "rate" is the natural log of engagements per post over the network's mean. For people of no known country
lifts are 0.
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from shared.clock import decay
from shared.columns import FloatArray, IntArray
from shared.ml.features import Feature, FeatureSet
from shared.ranking.counters import N_COUNTRY_BUCKETS, RELATIONS, Counters, country_bucket, relation_keys
from shared.ranking.decay import PopularityDecay
from shared.ranking.history import COUNTED, UNKNOWN_COUNTRY

# Engagements that a lift needs to be believed half.
_LIFT_RECENT, _LIFT_POST, _LIFT_AUTHOR, _LIFT_TOPIC, _LIFT_LANGUAGE = 2.0, 8.0, 8.0, 20.0, 20.0
# Posts of the mean that an author, or a topic, is given before its own count.
_PRIOR_AUTHOR, _PRIOR_TOPIC = 2.0, 5.0


@dataclass(frozen=True)
class PointInTimePosts:
    """Posts at moments, whoever reads them. No slots: what several features share is computed once and kept.

    counters  of the network
    post      (n,) position among the posts
    at        (n,) [hours, 0 is now]
    decay     of popularity, as the model that is asked has learnt it
    """

    counters: Counters
    post: IntArray
    at: FloatArray
    decay: PopularityDecay = field(default_factory=PopularityDecay)

    @cached_property
    def author(self) -> IntArray:
        return self.counters.posts.author[self.post]

    @cached_property
    def age(self) -> FloatArray:
        """[hours], never below 0."""
        return np.maximum(self.at - self.counters.posts.created[self.post], 0.0)

    @cached_property
    def age_score(self) -> FloatArray:
        return decay(self.age, self.decay.half_life_hours)

    @cached_property
    def kinds(self) -> FloatArray:
        """(4, n) engagements of the post by kind."""
        return np.array([self.counters.of_post_kind.count(self.post * len(COUNTED) + k, self.at) for k in range(4)])

    @cached_property
    def author_kinds(self) -> FloatArray:
        """(4, n) engagements of the author by kind."""
        return np.array([self.counters.of_author_kind.count(self.author * len(COUNTED) + k, self.at) for k in range(4)])

    @cached_property
    def engagements(self) -> FloatArray:
        return np.asarray(self.kinds.sum(0))

    @cached_property
    def author_acts(self) -> FloatArray:
        return np.asarray(self.author_kinds.sum(0))

    @cached_property
    def author_posts(self) -> FloatArray:
        return self.counters.posts_by_author.count(self.author, self.at)

    @cached_property
    def all_acts(self) -> FloatArray:
        return self.counters.anywhere.count(np.zeros_like(self.post), self.at)

    @cached_property
    def mean(self) -> FloatArray:
        """Engagements of a post of the network so far."""
        posts = self.counters.posts_by_anyone.count(np.zeros_like(self.post), self.at)
        return (self.all_acts + 1) / np.maximum(posts, 1)

    @cached_property
    def author_mean(self) -> FloatArray:
        """Engagements that a post of this author can expect, drawn towards the network's mean."""
        return (self.author_acts + _PRIOR_AUTHOR * self.mean) / (self.author_posts + _PRIOR_AUTHOR)

    @cached_property
    def life_elapsed(self) -> FloatArray:
        """Part of its life that the post has behind it, 0..1."""
        return 1 - self.age_score + 0.02

    @cached_property
    def recent(self) -> FloatArray:
        return self.counters.of_post_in_a_day.count(self.post, self.at)

    @cached_property
    def recent_6(self) -> FloatArray:
        return self.counters.of_post_in_6_hours.count(self.post, self.at)

    @cached_property
    def recent_72(self) -> FloatArray:
        return self.counters.of_post_in_3_days.count(self.post, self.at)

    @cached_property
    def author_recent(self) -> FloatArray:
        return self.counters.of_author_in_3_days.count(self.author, self.at)

    @cached_property
    def later_posts(self) -> FloatArray:
        """Posts of the same author since this one."""
        published = self.counters.posts.created[self.post]
        return self.author_posts - self.counters.posts_by_author.count(self.author, published + 1e-6)

    @cached_property
    def author_silence(self) -> FloatArray:
        """Time since the author's last post, thirty days at most  [hours]."""
        return np.clip(self.at - self.counters.posts_by_author.last(self.author, self.at), 0.0, 720.0)

    @cached_property
    def topics(self) -> tuple[IntArray, IntArray, FloatArray, FloatArray]:
        """Every topic of every row: row, topic, engagements with the topic, posts on it; (n_found,) each."""
        row, topic = self.counters.topics_of(self.post)
        engagements = self.counters.of_topic.count(topic, self.at[row])
        return row, topic, engagements, self.counters.posts_on_topic.count(topic, self.at[row]) + _PRIOR_TOPIC


@dataclass(frozen=True)
class PointInTimeCountryRows:
    """Posts at moments, for people of a country.

    posts     whoever reads them
    country   (n,) index into COUNTRIES, NOBODYS
    language  (n,) what the post's language is to the reader: HOME, ENGLISH, FOREIGN or nan
    """

    posts: PointInTimePosts
    country: IntArray
    language: FloatArray

    @cached_property
    def place(self) -> IntArray:
        return country_bucket(self.country)

    @cached_property
    def nowhere(self) -> NDArray[np.bool_]:
        return np.asarray(self.country == UNKNOWN_COUNTRY)

    @cached_property
    def part(self) -> FloatArray:
        """The country's part of all engagements, 0..1; 1 for nobody's."""
        p = self.posts
        part = (p.counters.here.count(self.place, p.at) + 1) / (p.all_acts + N_COUNTRY_BUCKETS)
        return np.where(self.nowhere, 1.0, part)

    @cached_property
    def author_acts(self) -> FloatArray:
        """Engagements of the author by people of this country, by anyone where it is not known."""
        p = self.posts
        here = p.counters.of_author_here.count(p.author * N_COUNTRY_BUCKETS + self.place, p.at)
        return np.where(self.nowhere, p.author_acts, here)

    @cached_property
    def by_topic(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """(n,) each: mean over the post's topics of the topic's rate, lift and rate in the country; nan without one."""
        p = self.posts
        row, topic, engagements, posts = p.topics
        here = p.counters.of_topic_here.count(topic * N_COUNTRY_BUCKETS + self.place[row], p.at[row])
        here = np.where(self.nowhere[row], engagements, here)
        part, mean = self.part[row], p.mean[row]
        values = (
            np.log((engagements + _PRIOR_TOPIC * mean) / posts / mean),
            _lift(here, engagements, part, _LIFT_TOPIC),
            np.log((here + _PRIOR_TOPIC * mean * part) / posts / (mean * part)),
        )
        number = np.bincount(row, minlength=len(p.post))
        with np.errstate(invalid="ignore"):
            rate, lift, rate_here = (np.bincount(row, value, len(p.post)) / number for value in values)
        return rate, lift, rate_here

    @cached_property
    def post_lift(self) -> FloatArray:
        p = self.posts
        here = p.counters.of_post_here.count(p.post * N_COUNTRY_BUCKETS + self.place, p.at)
        return np.where(self.nowhere, 0.0, _lift(here, p.engagements, self.part, _LIFT_POST))

    @cached_property
    def recent_lift(self) -> FloatArray:
        p = self.posts
        here = p.counters.of_post_here_in_a_day.count(p.post * N_COUNTRY_BUCKETS + self.place, p.at)
        return np.where(self.nowhere, 0.0, _lift(here, p.recent, self.part, _LIFT_RECENT))

    @cached_property
    def author_lift(self) -> FloatArray:
        return _lift(self.author_acts, self.posts.author_acts, self.part, _LIFT_AUTHOR)

    @cached_property
    def language_share(self) -> FloatArray:
        """The part of the country's engagements that goes to languages of that relation; nan where not known."""
        p = self.posts
        counters = p.counters
        of_relation = counters.of_relation_here.count(self.place * RELATIONS + relation_keys(self.language), p.at)
        share = np.log((of_relation + _LIFT_LANGUAGE / 3) / (counters.here.count(self.place, p.at) + _LIFT_LANGUAGE))
        return np.where(np.isnan(self.language), np.nan, share)


def _lift(here: FloatArray, anywhere: FloatArray, part: FloatArray, believed: float) -> FloatArray:
    return np.log((here + believed * part) / ((anywhere + believed) * part))


def rate(p: PointInTimePosts) -> FloatArray:
    """Engagements against those of a mean post of that age."""
    return np.log((p.engagements + 0.5) / (p.mean * p.life_elapsed + 0.5))


def rate_for_author(p: PointInTimePosts) -> FloatArray:
    """Engagements against those of a mean post of the author of that age."""
    return np.log((p.engagements + p.author_mean) / (p.author_mean * p.life_elapsed + p.author_mean))


def author_rate(p: PointInTimePosts) -> FloatArray:
    """Engagements of the author's posts against those of a mean post."""
    return np.log(p.author_mean / p.mean)


def author_rate_here(m: PointInTimeCountryRows) -> FloatArray:
    """The same, of people of the country."""
    mean = m.posts.mean * m.part
    return np.log((m.author_acts + _PRIOR_AUTHOR * mean) / (m.posts.author_posts + _PRIOR_AUTHOR) / mean)


def decayed_popularity(p: PointInTimePosts) -> FloatArray:
    """The log of engagements, faded by the post's age."""
    return p.decay.logits(p.engagements, p.age)


def expected_engagement(m: PointInTimeCountryRows) -> FloatArray:
    """What the post earns for its author and age, what the author earns here, and what is left of its life."""
    p = m.posts
    return np.asarray(rate_for_author(p) + author_rate(p) + m.author_lift - p.age * np.log(2) / p.decay.half_life_hours)


FEATURES: FeatureSet[PointInTimeCountryRows] = FeatureSet(
    (
        Feature("likeCount", "count", lambda m: m.posts.kinds[0]),
        Feature("commentCount", "count", lambda m: m.posts.kinds[1]),
        Feature("recastCount", "count", lambda m: m.posts.kinds[2]),
        Feature("quoteCount", "count", lambda m: m.posts.kinds[3]),
        Feature("photoCount", "count", lambda m: m.posts.counters.posts.photos[m.posts.post]),
        Feature("characterLength", "characters", lambda m: m.posts.counters.posts.characters[m.posts.post]),
        Feature("creatorContentCount", "count", lambda m: m.posts.author_posts),
        Feature("creatorLikedCount", "count", lambda m: m.posts.author_kinds[0]),
        Feature("creatorCommentedCount", "count", lambda m: m.posts.author_kinds[1]),
        Feature("creatorRecastedCount", "count", lambda m: m.posts.author_kinds[2]),
        Feature("creatorQuotedCount", "count", lambda m: m.posts.author_kinds[3]),
        Feature("ageScore", "0..1, own half-life", lambda m: m.posts.age_score),
        Feature("age", "hours", lambda m: m.posts.age),
        Feature("recent6", "log count, half-life 6 hours", lambda m: np.log(m.posts.recent_6 + 0.1)),
        Feature("recent24", "log count, half-life 24 hours", lambda m: np.log(m.posts.recent + 0.1), monotone_sign=1),
        Feature("recent72", "log count, half-life 72 hours", lambda m: np.log(m.posts.recent_72 + 0.1)),
        Feature(
            "decayedPopularity", "log count, own half-life", lambda m: decayed_popularity(m.posts), monotone_sign=1
        ),
        Feature("rate", "log ratio", lambda m: rate(m.posts), monotone_sign=1),
        Feature("rateForAuthor", "log ratio", lambda m: rate_for_author(m.posts), monotone_sign=1),
        Feature("authorRate", "log ratio", lambda m: author_rate(m.posts), monotone_sign=1),
        Feature("authorRecent", "log count, half-life 72 hours", lambda m: np.log(m.posts.author_recent + 0.5)),
        Feature("laterPosts", "count", lambda m: m.posts.later_posts),
        Feature("authorSilence", "hours", lambda m: m.posts.author_silence),
        Feature("language", "1 home, 0.5 English, 0 foreign", lambda m: m.language, monotone_sign=1),
        Feature("languageShare", "log ratio", lambda m: m.language_share, monotone_sign=1),
        Feature("topicRate", "log ratio", lambda m: m.by_topic[0]),
        Feature("topicLift", "log ratio", lambda m: m.by_topic[1], monotone_sign=1),
        Feature("topicRateHere", "log ratio", lambda m: m.by_topic[2], monotone_sign=1),
        Feature("authorLift", "log ratio", lambda m: m.author_lift, monotone_sign=1),
        Feature("authorRateHere", "log ratio", author_rate_here, monotone_sign=1),
        Feature("postLift", "log ratio", lambda m: m.post_lift, monotone_sign=1),
        Feature("recentLift", "log ratio", lambda m: m.recent_lift),
        Feature("popularityHere", "log count, own half-life", lambda m: m.post_lift + decayed_popularity(m.posts)),
        Feature("promise", "log ratio, own half-life", expected_engagement),
    )
)

_LIKES = FEATURES.names.index("likeCount")
_DECAYED = FEATURES.names.index("decayedPopularity")


def popularity_of(matrix: NDArray[np.float32]) -> FloatArray:
    """(n,) baseline: engagements so far."""
    return np.asarray(matrix[:, _LIKES : _LIKES + len(COUNTED)].sum(1), np.float64)


def decayed_popularity_of(matrix: NDArray[np.float32]) -> FloatArray:
    """(n,) baseline: the log of engagements, faded by age."""
    return matrix[:, _DECAYED].astype(np.float64)
