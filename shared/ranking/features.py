"""The features that rankers of countries learn from: what is known of a post, for viewers of a country, at a moment.

Each is made from what had happened before the moment, in training as in scoring. Rates and lifts are explained in
`shared.ranking.point_in_time`.
"""

import numpy as np

from shared.columns import Float32Array, FloatArray
from shared.engagement_kinds import POSITIVE_KINDS
from shared.ml.features import Feature, FeatureSet
from shared.ranking.point_in_time import PRIOR_AUTHOR, PointInTimeCountryRows, PointInTimePosts


def rate(p: PointInTimePosts) -> FloatArray:
    """(n,) log of the engagements with the post over those that a mean post of its age has."""
    return np.log((p.engagements + 0.5) / (p.mean * p.life_elapsed + 0.5))


def rate_for_author(p: PointInTimePosts) -> FloatArray:
    """(n,) log of the engagements with the post over those that a mean post of the author has at that age."""
    return np.log((p.engagements + p.author_mean) / (p.author_mean * p.life_elapsed + p.author_mean))


def author_rate(p: PointInTimePosts) -> FloatArray:
    """(n,) log of the author's engagements per post over the network's."""
    return np.log(p.author_mean / p.mean)


def author_country_rate(m: PointInTimeCountryRows) -> FloatArray:
    """(n,) log of the author's engagements per post over the network's, both from the country."""
    mean = m.posts.mean * m.share
    return np.log((m.author_engagements + PRIOR_AUTHOR * mean) / (m.posts.author_posts + PRIOR_AUTHOR) / mean)


def decayed_popularity(p: PointInTimePosts) -> FloatArray:
    """(n,) log of the engagements, decayed by the post's age."""
    return p.decay.logits(p.engagements, p.age)


def expected_engagement(m: PointInTimeCountryRows) -> FloatArray:
    """(n,) log of the engagement to expect from the country: how the post does for its author and age, how the author
    does in the network and in the country, and the decay by age."""
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
        Feature("recent6", "log count, half-life 6 hours", lambda m: np.log(m.posts.recent_6h + 0.1)),
        Feature(
            "recent24", "log count, half-life 24 hours", lambda m: np.log(m.posts.recent_24h + 0.1), monotone_sign=1
        ),
        Feature("recent72", "log count, half-life 72 hours", lambda m: np.log(m.posts.recent_72h + 0.1)),
        Feature(
            "decayedPopularity", "log count, own half-life", lambda m: decayed_popularity(m.posts), monotone_sign=1
        ),
        Feature("rate", "log ratio", lambda m: rate(m.posts), monotone_sign=1),
        Feature("rateForAuthor", "log ratio", lambda m: rate_for_author(m.posts), monotone_sign=1),
        Feature("authorRate", "log ratio", lambda m: author_rate(m.posts), monotone_sign=1),
        Feature("authorRecent", "log count, half-life 72 hours", lambda m: np.log(m.posts.author_recent_72h + 0.5)),
        Feature("laterPosts", "count", lambda m: m.posts.newer_posts_by_author),
        Feature("authorSilence", "hours", lambda m: m.posts.hours_since_last_post),
        Feature("language", "1 home, 0.5 English, 0 foreign", lambda m: m.language, monotone_sign=1),
        Feature("languageShare", "log ratio", lambda m: m.language_share, monotone_sign=1),
        Feature("topicRate", "log ratio", lambda m: m.by_topic[0]),
        Feature("topicLift", "log ratio", lambda m: m.by_topic[1], monotone_sign=1),
        Feature("topicRateHere", "log ratio", lambda m: m.by_topic[2], monotone_sign=1),
        Feature("authorLift", "log ratio", lambda m: m.author_lift, monotone_sign=1),
        Feature("authorRateHere", "log ratio", author_country_rate, monotone_sign=1),
        Feature("postLift", "log ratio", lambda m: m.post_lift, monotone_sign=1),
        Feature("recentLift", "log ratio", lambda m: m.recent_lift),
        Feature("popularityHere", "log count, own half-life", lambda m: m.post_lift + decayed_popularity(m.posts)),
        Feature("promise", "log ratio, own half-life", expected_engagement),
    )
)

_LIKES = FEATURES.names.index("likeCount")
_DECAYED = FEATURES.names.index("decayedPopularity")


def popularity_of(matrix: Float32Array) -> FloatArray:
    """(n,) baseline: engagements so far [count], out of a matrix of FEATURES, (n, n_features)."""
    return np.asarray(matrix[:, _LIKES : _LIKES + len(POSITIVE_KINDS)].sum(1), np.float64)


def decayed_popularity_of(matrix: Float32Array) -> FloatArray:
    """(n,) baseline: log of the engagements, decayed by age, out of a matrix of FEATURES, (n, n_features)."""
    return matrix[:, _DECAYED].astype(np.float64)
