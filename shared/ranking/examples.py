"""What the ranker learns from: posts that people of a country engaged with, and posts that they let pass.

An engagement is predicted from a moment up to a day before it, because a feed is read that long after it was ranked.
Against it stand posts drawn from all that were there at the same moment: the feed has to order those, while exposures
only show what an earlier ranking chose. Exposures that nobody followed up are examples too, with a small weight.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.clock import hours
from shared.columns import FloatArray, IntArray
from shared.config import Coldstart
from shared.ranking.counters import Counters, relations
from shared.ranking.decay import PopularityDecay
from shared.ranking.features import PointInTimeCountryRows, PointInTimePosts
from shared.ranking.history import COUNTED, Events, History

# Half of the drawn posts come from the newest tenth, where the order matters most, and are weighted back to what feeds
# choose from: any post, and one in eleven times a new one.
_NEW_PART, _FROM_NEW, _FEEDS_NEW = 0.1, 0.5, 0.09


@dataclass(frozen=True, slots=True)
class Examples:
    """Rows to learn from.

    post, country  (n,) as in Moments
    account        (n,) whose it is: one number per account, -1 where it is not known
    at             (n,) the moment that the row is described at  [hours, 0 is now]
    label          (n,) 1 for an engagement, 0 for what was let pass
    weight         (n,) worth of the row
    """

    post: IntArray
    country: IntArray
    account: IntArray
    at: FloatArray
    label: FloatArray
    weight: FloatArray

    def __len__(self) -> int:
        return len(self.post)

    def moments(self, counters: Counters, decay: PopularityDecay) -> PointInTimeCountryRows:
        """The rows, ready to be described under a decay of popularity."""
        languages = relations(self.country, counters.posts.language[self.post])
        return PointInTimeCountryRows(PointInTimePosts(counters, self.post, self.at, decay), self.country, languages)


def draw_examples(
    history: History,
    touched: IntArray,
    options: Coldstart,
    rng: np.random.Generator,
    *,
    most: int,
    country: int | None = None,
) -> Examples:
    """Examples of the training time, of one country or of all, from at most `most` engagements.

    touched  what `touched_until` gives for the end of the training time
    """
    start, end = -hours(options.examples_span + options.holdout), -hours(options.holdout)
    worth = inverse_frequency_weights(_between(history.engagements, start, end, None), options.kind_prior)
    engagements = _between(history.engagements, start, end, country)
    if len(engagements) > most:
        engagements = engagements.where(np.sort(rng.choice(len(engagements), most, replace=False)))
    engaged = positive_examples(history, engagements, worth, options, rng)
    ignored = sample_negatives(history, engaged, options, rng)
    seen = _between(history.seen, start, end, country)
    skipped_impressions = _passed_over(history, seen, touched, int(options.passed_over_ratio * len(engaged)), rng)
    passed_weight = options.passed_over_weight * engaged.weight.sum() / max(len(skipped_impressions), 1)
    return Examples(
        np.concatenate([engaged.post, ignored.post, skipped_impressions.post]),
        np.concatenate([engaged.country, ignored.country, skipped_impressions.country]),
        np.concatenate([engaged.account, ignored.account, skipped_impressions.account]),
        np.concatenate([engaged.at, ignored.at, skipped_impressions.at]),
        np.concatenate([engaged.label, ignored.label, np.zeros(len(skipped_impressions))]),
        np.concatenate([engaged.weight, ignored.weight, np.full(len(skipped_impressions), passed_weight)]),
    )


def inverse_frequency_weights(engagements: Events, prior: float) -> FloatArray:
    """(4,) what one act of each kind in COUNTED is worth as an example, 0..1: one minus the kind's part of all acts.

    `prior` acts of each kind are assumed before counting, so that few acts give nearly equal worth.

    >>> none = np.empty(0)
    >>> inverse_frequency_weights(Events(none, none, none, none, none), 1.0).tolist()
    [0.75, 0.75, 0.75, 0.75]
    """
    counts = np.bincount(engagements.kind.astype(np.int64), minlength=len(COUNTED)) + prior
    worth: FloatArray = 1 - counts / counts.sum()
    return worth


def positive_examples(
    history: History, engagements: Events, worth: FloatArray, options: Coldstart, rng: np.random.Generator
) -> Examples:
    """Each act, described some time before it; acts on posts that were not there yet at that time fall out."""
    at = engagements.at - rng.random(len(engagements)) * hours(options.horizon)
    there = at > history.posts.created[engagements.post]
    engagements, at = engagements.where(there), at[there]
    return Examples(
        engagements.post,
        engagements.country,
        engagements.account,
        at,
        np.ones(len(engagements)),
        worth[engagements.kind],
    )


def sample_negatives(
    history: History, engaged: Examples, options: Coldstart, rng: np.random.Generator, new_ratio: float = _FEEDS_NEW
) -> Examples:
    """`negatives` posts for each engagement, in their order, that were there at the same moment; together as heavy.

    new_ratio  part of their weight that the newest tenth has beside its part of all posts
    """
    created = history.posts.created
    at = np.repeat(engaged.at, options.negatives)
    first = np.searchsorted(created, at - hours(options.window))
    end = np.searchsorted(created, at)
    number = np.maximum(end - first, 1)
    new = np.maximum(number * _NEW_PART, 1).astype(np.int64)
    from_new = rng.random(len(at)) < _FROM_NEW
    drawn = rng.random(len(at))
    post = np.where(from_new, end - 1 - (drawn * new).astype(np.int64), first + (drawn * number).astype(np.int64))
    is_new = (post >= end - new) / new
    chance = (1 - _FROM_NEW) / number + _FROM_NEW * is_new
    wanted = (1 - new_ratio) / number + new_ratio * is_new
    weight = engaged.weight.mean() / options.negatives * wanted / chance if len(at) else np.empty(0)
    country, account = (np.repeat(whose, options.negatives) for whose in (engaged.country, engaged.account))
    return Examples(post, country, account, at, np.zeros(len(at)), weight)


def _passed_over(history: History, seen: Events, touched: IntArray, most: int, rng: np.random.Generator) -> Events:
    """Exposures whose viewer did nothing with the post until the end of the training time."""
    seen = seen.where((seen.account >= 0) & (seen.at > history.posts.created[seen.post]))
    if len(seen) > most:
        seen = seen.where(np.sort(rng.choice(len(seen), most, replace=False)))
    return seen.where(~among(pairs(seen, history), touched))


def touched_until(history: History, moment: float) -> IntArray:
    """Every (actor, post) with an act until that moment [hours, 0 is now], ascending."""
    return np.sort(pairs(history.engagements.where(history.engagements.at <= moment), history))


def pairs(events: Events, history: History) -> IntArray:
    """(n,) one number for each (actor, post)."""
    return events.account * len(history.posts) + events.post


def among(values: IntArray, ascending: IntArray) -> NDArray[np.bool_]:
    """(n,) whether each value stands in an ascending array.

    >>> among(np.array([1, 2]), np.array([2, 5])).tolist()
    [False, True]
    """
    if not len(ascending):
        return np.zeros(len(values), bool)
    found: NDArray[np.bool_] = ascending[np.minimum(np.searchsorted(ascending, values), len(ascending) - 1)] == values
    return found


def _between(events: Events, start: float, end: float, country: int | None) -> Events:
    chosen = (events.at > start) & (events.at <= end)
    if country is not None:
        chosen &= events.country == country
    return events.where(chosen)
