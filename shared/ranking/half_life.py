"""How fast popularity fades in a network, estimated from its engagements."""

from dataclasses import replace
from datetime import timedelta

import numpy as np

from shared.clock import DAY_HOURS, hours
from shared.columns import FloatArray
from shared.config import Coldstart
from shared.ranking.counters import Counters
from shared.ranking.decay import PopularityDecay
from shared.ranking.examples import positive_examples, sample_negatives
from shared.ranking.history import COUNTED, History

# Engagements that the estimate is made of, a random part beyond that, and posts drawn for each that were there.
_SAMPLE, _DRAWN = 1_000, 60
# What is tried: half-lives [hours], two a doubling at least, and the parts of the popularity that never fade.
_HALF_LIVES = np.geomspace(2.0, 768.0, 35)
_FLOORS = np.array([0.0, 0.001, 0.003, 0.01, 0.03])
# The prior of the half-life: log-normal around a day, two thirds of it within a factor of 2.
_PRIOR_DOUBLINGS = 1.0


def estimate_decay(history: History, counters: Counters, options: Coldstart) -> PopularityDecay:
    """The decay under which the engagements of the history are likeliest; a half-life of a day without any.

    Conditional logit (McFadden 1974): of the posts that were there at a moment, one is engaged with in proportion to
    (engagements + 1) (2^(-age / half-life) + floor). The posts drawn against each engagement stand for all of them by
    their weights. The floor keeps the few engagements with old posts from stretching the half-life. The prior draws the
    half-life towards a day, the more the fewer engagements there are.
    """
    rng = np.random.default_rng(0)
    engagements = history.engagements
    if len(engagements) > _SAMPLE:
        engagements = engagements.where(np.sort(rng.choice(len(engagements), _SAMPLE, replace=False)))
    drawn = replace(options, negatives=_DRAWN, horizon=timedelta(hours=DAY_HOURS))
    engaged = positive_examples(history, engagements, np.ones(len(COUNTED)), drawn, rng)
    if not len(engaged):
        return PopularityDecay()
    against = sample_negatives(history, engaged, drawn, rng, new_ratio=0.0)
    post = np.column_stack([engaged.post, against.post.reshape(-1, _DRAWN)])
    at = np.repeat(engaged.at[:, None], 1 + _DRAWN, axis=1)
    worth = np.log(counters.engagements_of_post(post.ravel(), at.ravel()).reshape(post.shape) + 1)
    age = np.maximum(at - history.posts.created[post], 0.0)
    there = np.diff(np.searchsorted(history.posts.created, [engaged.at - hours(options.window), engaged.at]), axis=0)[0]
    others = against.weight.reshape(-1, _DRAWN) * np.maximum(there - 1, 1)[:, None]
    worth[:, 1:] += np.log(others / engaged.weight.mean())
    tried = [PopularityDecay(half_life, floor) for half_life in _HALF_LIVES.tolist() for floor in _FLOORS.tolist()]
    return max(tried, key=lambda one: _log_likelihood(worth, age, one) + _log_prior(one))


def _log_likelihood(worth: FloatArray, age: FloatArray, decay: PopularityDecay) -> float:
    """Of the first of each row being chosen.

    worth  (n, 1 + drawn) log of the engagements, and of how many posts each of those drawn stands for
    age    (n, 1 + drawn) [hours]
    """
    pull = worth + np.log(np.exp2(-age / decay.half_life_hours) + decay.floor + 1e-300)
    return float((pull[:, 0] - np.log(np.exp(pull).sum(1))).sum())


def _log_prior(decay: PopularityDecay) -> float:
    return float(-0.5 * (np.log2(decay.half_life_hours / DAY_HOURS) / _PRIOR_DOUBLINGS) ** 2)
