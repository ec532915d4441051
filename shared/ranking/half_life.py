"""Estimation of how fast popularity decays in a network, from its engagements."""

from datetime import timedelta

import numpy as np
from msgspec.structs import replace

from shared.clock import DAY_HOURS, hours
from shared.columns import FloatArray
from shared.engagement_kinds import POSITIVE_KINDS
from shared.ranking.counters import Counters
from shared.ranking.decay import PopularityDecay
from shared.ranking.examples import positive_examples, sample_negatives
from shared.ranking.history import History
from shared.ranking.options import Coldstart

# Engagements that the estimate uses, a random sample if there are more, and posts that are drawn against each.
_SAMPLE, _DRAWN = 1_000, 60
# The grid of the search: half-lives [hours], at least two a doubling, and shares of the popularity that never decay.
_HALF_LIVES = np.geomspace(2.0, 768.0, 35)
_FLOORS = np.array([0.0, 0.001, 0.003, 0.01, 0.03])
# Standard deviation of the log-normal prior of the half-life around a day [doublings]: 68 % within a factor of 2.
_PRIOR_DOUBLINGS = 1.0


def estimate_decay(history: History, counters: Counters, options: Coldstart) -> PopularityDecay:
    """The decay with the highest posterior probability given the engagements; a half-life of a day if there are none.

    Conditional logit (McFadden 1974): of the posts that exist at a moment, one is engaged with in proportion to
    (engagements + 1) (2^(-age / half-life) + floor). The posts drawn against an engagement represent all of them by
    their weights. The floor keeps a few engagements with old posts from raising the half-life. The prior draws the
    half-life towards a day, more so the fewer engagements there are.
    """
    rng = np.random.default_rng(0)
    engagements = history.engagements
    if len(engagements) > _SAMPLE:
        engagements = engagements.where(np.sort(rng.choice(len(engagements), _SAMPLE, replace=False)))
    sampling = replace(options, negatives=_DRAWN, horizon=timedelta(hours=DAY_HOURS))
    positives = positive_examples(history, engagements, np.ones(len(POSITIVE_KINDS)), sampling, rng)
    if not len(positives):
        return PopularityDecay()
    negatives = sample_negatives(history, positives, sampling, rng, new_ratio=0.0)
    post = np.column_stack([positives.post, negatives.post.reshape(-1, _DRAWN)])
    at = np.repeat(positives.at[:, None], 1 + _DRAWN, axis=1)
    log_popularity = np.log(counters.engagements_of_post(post.ravel(), at.ravel()).reshape(post.shape) + 1)
    age = np.maximum(at - history.posts.created[post], 0.0)
    window = [positives.at - hours(options.window), positives.at]
    existing = np.diff(np.searchsorted(history.posts.created, window), axis=0)[0]
    represented = negatives.weight.reshape(-1, _DRAWN) * np.maximum(existing - 1, 1)[:, None]
    log_popularity[:, 1:] += np.log(represented / positives.weight.mean())
    grid = [PopularityDecay(half_life, floor) for half_life in _HALF_LIVES.tolist() for floor in _FLOORS.tolist()]
    return max(grid, key=lambda decay: _log_likelihood(log_popularity, age, decay) + _log_prior(decay))


def _log_likelihood(log_popularity: FloatArray, age: FloatArray, decay: PopularityDecay) -> float:
    """Log likelihood that in each row the first post is engaged with; higher is better.

    log_popularity  (n, 1 + drawn) log of the engagements + 1, plus, for a drawn post, of how many posts it represents
    age             (n, 1 + drawn) [hours]
    """
    utility = log_popularity + decay.log_factor(age)
    return float((utility[:, 0] - np.log(np.exp(utility).sum(1))).sum())


def _log_prior(decay: PopularityDecay) -> float:
    """Log density of the half-life's prior, up to a constant."""
    return float(-0.5 * (np.log2(decay.half_life_hours / DAY_HOURS) / _PRIOR_DOUBLINGS) ** 2)
