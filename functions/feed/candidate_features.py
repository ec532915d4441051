"""Features of an account before a candidate post: the country's logit, the account's affinities, and whom it follows.

Training computes them from counters as of each moment (`affinity_counters`), answering computes them from a stored user
profile (`user_profile`); both give the same numbers. A log lift is the natural log of the ratio of two shares: that of
a topic or language in the engagements of the account, and in those of its country. 0 means no difference. It is shrunk
towards 0 where the account has few engagements.
"""

from dataclasses import dataclass

import numpy as np

from shared.columns import FloatArray, IntArray
from shared.ml.features import Feature, FeatureSet
from shared.store.posts import OTHER_LANGUAGE

# Engagements at which a log lift counts half: of the account with topics, and with languages. The last one: engagements
# of a country at which its own share of a topic counts as much as the share of all countries.
TOPIC_PRIOR, LANGUAGE_PRIOR, COUNTRY_PRIOR = 6.0, 4.0, 30.0


@dataclass(frozen=True, slots=True)
class CandidateFeatures:
    """Pairs of an account and a post at a moment, (n,) each; nan where a value is not known.

    country_logit          score by the ranker of the country                                     [log odds]
    topic_log_lift         mean over the post's topics; nan without a topic                       [log ratio]
    topic_engagements      of the account, mean over the post's topics; nan without a topic       [count]
    author_engagements     of the account with posts of the author                                [count]
    author_last            since its last engagement with the author; nan where there is none     [hours]
    followed               1 where the account follows the author, else 0
    follow_slot            as `follow_slot_probability` gives it, 0..1; 0 where not followed
    newer_posts_by_author  posts of the author since this one                                     [count]
    hours_since_last_post  since the author's last post                                           [hours]
    language_log_lift      nan where the language of the post is not known                        [log ratio]
    language               relation to the country: 1 its own language, 0.5 English, 0 foreign, nan not known
    engagements            of the account with any post                                           [count]
    age                    of the post                                                            [hours]
    popularity             engagements of anyone with the post                                    [count]
    reads                  of the post by anyone, each halved every 24 hours                      [count]
    item_similarity        cosine of the post and of what the account engaged with or read, -1..1; nan where one of
                           them has no embedding
    """

    country_logit: FloatArray
    topic_log_lift: FloatArray
    topic_engagements: FloatArray
    author_engagements: FloatArray
    author_last: FloatArray
    followed: FloatArray
    follow_slot: FloatArray
    newer_posts_by_author: FloatArray
    hours_since_last_post: FloatArray
    language_log_lift: FloatArray
    language: FloatArray
    engagements: FloatArray
    age: FloatArray
    popularity: FloatArray
    reads: FloatArray
    item_similarity: FloatArray


FEATURES: FeatureSet[CandidateFeatures] = FeatureSet(
    (
        Feature("countryMargin", "log odds", lambda f: f.country_logit),
        Feature("topicLift", "log ratio", lambda f: f.topic_log_lift),
        Feature("topicActs", "count", lambda f: f.topic_engagements),
        Feature("authorActs", "count", lambda f: f.author_engagements),
        Feature("authorLast", "hours", lambda f: f.author_last),
        Feature("followed", "0 or 1", lambda f: f.followed),
        Feature("turn", "0..1", lambda f: f.follow_slot),
        Feature("laterPosts", "count", lambda f: f.newer_posts_by_author),
        Feature("authorSilence", "hours", lambda f: f.hours_since_last_post),
        Feature("languageLift", "log ratio", lambda f: f.language_log_lift),
        Feature("language", "1 home, 0.5 English, 0 foreign", lambda f: f.language),
        Feature("acts", "log count", lambda f: np.log1p(f.engagements)),
        Feature("age", "hours", lambda f: f.age),
        Feature("popularity", "log count", lambda f: np.log1p(f.popularity)),
        Feature("recentReads", "log count, half-life 24 hours", lambda f: np.log(f.reads + 0.1)),
        Feature("alike", "cosine -1..1", lambda f: f.item_similarity),
    )
)


def log_lift(own: FloatArray, own_total: FloatArray, share: FloatArray, prior: float) -> FloatArray:
    """(n,) log of the account's share of a topic or language over its country's share, shrunk towards 0.

    own        (n,) engagements of the account with the topic or language  [count]
    own_total  (n,) engagements of the account in all                      [count]
    share      (n,) the country's share, above 0 up to 1
    prior      engagements, spread as the country's are, that are added to the account's own  [count]

    >>> log_lift(np.array([0.0, 6.0]), np.array([0.0, 12.0]), np.array([0.1, 0.5]), 6.0).tolist()
    [0.0, 0.0]
    """
    return np.log((own + prior * share) / ((own_total + prior) * share))


def follow_slot_probability(followed: FloatArray, follows: FloatArray, newer_posts_by_author: FloatArray) -> FloatArray:
    """(n,) probability, 0..1, that a slot of a feed shows this post, if every followed author is equally likely to get
    the slot and shows its newest posts first: followed / follows / (1 + newer posts).

    followed               (n,) 1 where the account follows the author, else 0
    follows                (n,) authors that the account follows   [count]
    newer_posts_by_author  (n,) posts of the author since this one  [count]

    >>> follow_slot_probability(np.array([1.0, 1.0, 0.0]), np.array([4.0, 4.0, 4.0]), np.array([0, 1, 0])).tolist()
    [0.25, 0.125, 0.0]
    """
    return followed / np.maximum(follows, 1) / (1 + newer_posts_by_author)


def mean_by(row: IntArray, values: FloatArray, rows: int) -> FloatArray:
    """(rows,) mean of the values of each row; nan for a row without values.

    row  (n,) the row that each of the (n,) values belongs to

    >>> mean_by(np.array([0, 0]), np.array([1.0, 3.0]), 2).tolist()
    [2.0, nan]
    """
    with np.errstate(invalid="ignore"):
        return np.asarray(np.bincount(row, values, rows) / np.bincount(row, minlength=rows))


def language_keys(language: IntArray) -> IntArray:
    """(n,) languages of posts as keys that are 0 or more; other and unknown languages have keys too."""
    return language - OTHER_LANGUAGE
