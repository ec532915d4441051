"""Training examples: posts that accounts of a country engaged with, and posts that they did not engage with.

The features of an engagement are those of a moment up to a day before it, because a feed is read that long after it was
ranked. Its negatives are drawn from all posts that existed at the same moment: the feed has to order those, while
exposures show only what an earlier ranking selected. Impressions without an engagement are negatives too, with a small
weight.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from shared.clock import hours
from shared.columns import BoolArray, FloatArray, IntArray, lookup_sorted
from shared.engagement_kinds import POSITIVE_KINDS
from shared.ranking.counters import Counters, relations
from shared.ranking.decay import PopularityDecay
from shared.ranking.history import Events, History
from shared.ranking.options import Coldstart
from shared.ranking.point_in_time import PointInTimeCountryRows, PointInTimePosts

# Half of the negatives are drawn from the newest tenth of the posts, where the order matters most. They are weighted
# back to how often feeds show posts: a new one with a probability of 0.09, else any.
_NEW_PART, _FROM_NEW, _FEEDS_NEW = 0.1, 0.5, 0.09
KIND_PRIOR: Final = 1_000.0  # engagements of each kind that are added before counting which kinds are rare
SKIPPED_WEIGHT: Final = 0.02  # of all examples of exposures without engagement, relative to the positives


@dataclass(frozen=True, slots=True)
class Examples:
    """Training examples.

    post     (n,) position among the posts of the history
    country  (n,) index into COUNTRIES, or UNKNOWN_COUNTRY
    account  (n,) one number per account, -1 if unknown
    at       (n,) the moment that the features are of  [hours, 0 is now]
    label    (n,) 1 for an engagement, 0 for none
    weight   (n,) above 0, higher counts more
    """

    post: IntArray
    country: IntArray
    account: IntArray
    at: FloatArray
    label: FloatArray
    weight: FloatArray

    def __len__(self) -> int:
        return len(self.post)

    def point_in_time(self, counters: Counters, decay: PopularityDecay) -> PointInTimeCountryRows:
        """The rows of the examples, ready for FEATURES, under a decay of popularity."""
        languages = relations(self.country, counters.posts.language[self.post])
        return PointInTimeCountryRows(PointInTimePosts(counters, self.post, self.at, decay), self.country, languages)


def draw_examples(
    history: History,
    interacted: IntArray,
    options: Coldstart,
    rng: np.random.Generator,
    *,
    max_positives: int,
    country: int | None = None,
) -> Examples:
    """Draw examples of the training time, of one country or of all, from at most `max_positives` engagements.

    interacted  (n_pairs,) what `interacted_pairs` gives for the end of the training time
    country     index into COUNTRIES
    """
    start, end = -hours(options.examples_span + options.holdout), -hours(options.holdout)
    kind_weights = inverse_frequency_weights(_between(history.engagements, start, end, None), KIND_PRIOR)
    engagements = _between(history.engagements, start, end, country)
    if len(engagements) > max_positives:
        engagements = engagements.where(np.sort(rng.choice(len(engagements), max_positives, replace=False)))
    positives = positive_examples(history, engagements, kind_weights, options, rng)
    negatives = sample_negatives(history, positives, options, rng)
    impressions = _between(history.impressions, start, end, country)
    max_skipped = int(options.max_skipped_ratio * len(positives))
    skipped = _skipped_impressions(history, impressions, interacted, max_skipped, rng)
    skipped_weight = SKIPPED_WEIGHT * positives.weight.sum() / max(len(skipped), 1)
    return Examples(
        np.concatenate([positives.post, negatives.post, skipped.post]),
        np.concatenate([positives.country, negatives.country, skipped.country]),
        np.concatenate([positives.account, negatives.account, skipped.account]),
        np.concatenate([positives.at, negatives.at, skipped.at]),
        np.concatenate([positives.label, negatives.label, np.zeros(len(skipped))]),
        np.concatenate([positives.weight, negatives.weight, np.full(len(skipped), skipped_weight)]),
    )


def inverse_frequency_weights(engagements: Events, prior: float) -> FloatArray:
    """(4,) weight of an example by its kind in POSITIVE_KINDS, 0..1: one minus the kind's share of all engagements.

    prior  engagements of each kind that are added to the counts, so that few engagements give nearly equal weights

    >>> none = np.empty(0)
    >>> inverse_frequency_weights(Events(none, none, none, none, none), 1.0).tolist()
    [0.75, 0.75, 0.75, 0.75]
    """
    counts = np.bincount(engagements.kind.astype(np.int64), minlength=len(POSITIVE_KINDS)) + prior
    weights: FloatArray = 1 - counts / counts.sum()
    return weights


def positive_examples(
    history: History, engagements: Events, kind_weights: FloatArray, options: Coldstart, rng: np.random.Generator
) -> Examples:
    """One example per engagement, of a moment up to `horizon` before it; none if the post did not exist at that moment.

    kind_weights  (4,) weight by kind
    """
    at = engagements.at - rng.random(len(engagements)) * hours(options.horizon)
    exists = at > history.posts.created[engagements.post]
    engagements, at = engagements.where(exists), at[exists]
    return Examples(
        engagements.post,
        engagements.country,
        engagements.account,
        at,
        np.ones(len(engagements)),
        kind_weights[engagements.kind],
    )


def sample_negatives(
    history: History, positives: Examples, options: Coldstart, rng: np.random.Generator, new_ratio: float = _FEEDS_NEW
) -> Examples:
    """Negative sampling: (n_positives * negatives,) `negatives` posts per positive, in the order of the positives, that
    existed at its moment. Their weights are in sum those of the positives.

    new_ratio  probability, 0..1, of a post of the newest tenth in a feed, beside that of any post
    """
    created = history.posts.created
    at = np.repeat(positives.at, options.negatives)
    first = np.searchsorted(created, at - hours(options.window))
    end = np.searchsorted(created, at)
    number = np.maximum(end - first, 1)
    new = np.maximum(number * _NEW_PART, 1).astype(np.int64)
    from_new = rng.random(len(at)) < _FROM_NEW
    drawn = rng.random(len(at))
    post = np.where(from_new, end - 1 - (drawn * new).astype(np.int64), first + (drawn * number).astype(np.int64))
    is_new = (post >= end - new) / new
    sampling_probability = (1 - _FROM_NEW) / number + _FROM_NEW * is_new
    feed_probability = (1 - new_ratio) / number + new_ratio * is_new
    weight = (
        positives.weight.mean() / options.negatives * feed_probability / sampling_probability
        if len(at)
        else np.empty(0)
    )
    country, account = (np.repeat(values, options.negatives) for values in (positives.country, positives.account))
    return Examples(post, country, account, at, np.zeros(len(at)), weight)


def _skipped_impressions(
    history: History, impressions: Events, interacted: IntArray, limit: int, rng: np.random.Generator
) -> Events:
    """Of at most `limit` impressions, those whose account did not engage with the post by the end of the training."""
    exists = impressions.at > history.posts.created[impressions.post]
    impressions = impressions.where((impressions.account >= 0) & exists)
    if len(impressions) > limit:
        impressions = impressions.where(np.sort(rng.choice(len(impressions), limit, replace=False)))
    return impressions.where(~among(account_post_pairs(impressions, history), interacted))


def interacted_pairs(history: History, until: float) -> IntArray:
    """(n_engagements,) pairs of account and post with an engagement up to a moment [hours, 0 is now], ascending."""
    return np.sort(account_post_pairs(history.engagements.where(history.engagements.at <= until), history))


def account_post_pairs(events: Events, history: History) -> IntArray:
    """(n,) one number for each pair of account and post."""
    return events.account * len(history.posts) + events.post


def among(values: IntArray, ascending: IntArray) -> BoolArray:
    """(n,) whether each value is in an ascending array.

    >>> among(np.array([1, 2]), np.array([2, 5])).tolist()
    [False, True]
    """
    return lookup_sorted(values, ascending) >= 0


def _between(events: Events, start: float, end: float, country: int | None) -> Events:
    """The events after `start` until `end` [hours, 0 is now], of one country or of all."""
    rows = (events.at > start) & (events.at <= end)
    if country is not None:
        rows &= events.country == country
    return events.where(rows)
