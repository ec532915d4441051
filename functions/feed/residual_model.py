"""What a few trees learn of one account beyond the ranker of all members; they are kept where that is something."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from functions.feed.candidate_features import FEATURES, AffinityCounters
from functions.feed.global_personal_ranker import GlobalPersonalRanker
from shared.columns import FloatArray, IntArray
from shared.config import Coldstart, Members
from shared.ml import trees
from shared.ml.trees import Trees
from shared.ranking.country_scores import CountryScores
from shared.ranking.examples import positive_examples, sample_negatives
from shared.ranking.history import COUNTED

NEGATIVES = 5
_PARAMETERS = {"objective": "reg:logistic", "min_child_weight": 2.0, "reg_lambda": 4.0, "max_bin": 32}


@dataclass(frozen=True, slots=True)
class ResidualExamples:
    """Engagements of one account and what stood against each, the oldest first.

    matrix  (n, 1 + NEGATIVES, n_features) the engagement first
    base    (n, 1 + NEGATIVES) what the ranker of all members says
    """

    matrix: NDArray[np.float32]
    base: FloatArray

    def __len__(self) -> int:
        return len(self.base)


def examples_of(
    accounts: IntArray,
    affinities: AffinityCounters,
    logits: CountryScores,
    ranker: GlobalPersonalRanker,
    coldstart: Coldstart,
    options: Members,
) -> dict[int, ResidualExamples]:
    """By account; engagements of posts that were not there some hours before are left out."""
    history = affinities.history
    own = np.flatnonzero(np.isin(history.engagements.account, accounts))
    own = own[np.lexsort((-history.engagements.at[own], history.engagements.account[own]))]
    first = np.searchsorted(history.engagements.account[own], history.engagements.account[own])
    own = np.sort(own[np.arange(len(own)) - first < options.trees_most_acts])
    rng = np.random.default_rng(0)
    engaged = positive_examples(history, history.engagements.where(own), np.ones(len(COUNTED)), coldstart, rng)
    against = sample_negatives(history, engaged, replace(coldstart, negatives=NEGATIVES), rng)
    shape = (len(engaged), NEGATIVES)
    post = np.column_stack([engaged.post, against.post.reshape(shape)])
    account = np.repeat(engaged.account, 1 + NEGATIVES)
    at, country = np.repeat(engaged.at, 1 + NEGATIVES), np.repeat(engaged.country, 1 + NEGATIVES)
    met = affinities.candidate_features(account, post.ravel(), at, logits.at(post.ravel(), country, at))
    matrix = FEATURES.matrix(met).reshape(*post.shape, -1)
    base = ranker.logits(met).reshape(post.shape)
    return {
        one: ResidualExamples(matrix[engaged.account == one], base[engaged.account == one]) for one in accounts.tolist()
    }


def fit(examples: ResidualExamples, options: Members) -> bytes:
    """Trees on what the ranker of all members leaves unexplained; empty where they are no better on what came later.

    They learn from the earlier engagements, and have to put the later ones before what stood against them more often
    than the ranker alone, by `trees_margin` standard errors.
    """
    later = max(int(len(examples) * options.trees_later_ratio), 2)
    earlier = len(examples) - later
    if earlier < later:
        return b""
    matrix, base = examples.matrix[:earlier], examples.base[:earlier]
    label = np.zeros(base.shape)
    label[:, 0] = 1.0
    weight = np.where(label == 1, 1.0, 1.0 / NEGATIVES)
    model = trees.fit(
        matrix.reshape(label.size, -1),
        label.ravel(),
        weight.ravel(),
        parameters=_PARAMETERS | {"learning_rate": options.trees_learning_rate, "max_depth": options.trees_max_depth},
        rounds=options.trees_rounds,
        monotone_sign=FEATURES.monotone_sign,
        base=base.ravel(),
    )
    unseen, base = examples.matrix[earlier:], examples.base[earlier:]
    own = Trees(model).logits(unseen.reshape(base.size, -1)).reshape(base.shape)
    gain = pairwise_win_rate(base + own) - pairwise_win_rate(base)
    better = gain.mean() > options.trees_margin * gain.std(ddof=1) / np.sqrt(len(gain))
    return model if better else b""


def pairwise_win_rate(scores: FloatArray) -> FloatArray:
    """(n,) how many of the others the first of each row stands before, 0..1; half for a tie.

    >>> pairwise_win_rate(np.array([[2.0, 1.0, 2.0], [0.0, 1.0, 2.0]])).tolist()
    [0.75, 0.0]
    """
    first, others = scores[:, :1], scores[:, 1:]
    return np.asarray(((first > others) + 0.5 * (first == others)).mean(1))
