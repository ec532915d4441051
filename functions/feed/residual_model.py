"""The residual model of one account: a few trees on what the global personal ranker leaves unexplained, kept only where
they improve the order of later engagements."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from msgspec.structs import replace

from functions.feed.affinity_counters import AffinityCounters
from functions.feed.candidate_features import FEATURES
from functions.feed.global_personal_ranker import GlobalPersonalRanker
from functions.feed.options import Members
from shared.columns import Float32Array, FloatArray, IntArray, rank_within
from shared.engagement_kinds import POSITIVE_KINDS
from shared.ml import trees
from shared.ml.trees import Trees
from shared.ranking.country_scores import CountryScores
from shared.ranking.examples import positive_examples, sample_negatives
from shared.ranking.options import Coldstart

MAX_ENGAGEMENTS: Final = 100  # of an account, the latest, that become examples
NEGATIVES: Final = 5  # for each engagement
LATER_RATIO: Final = 0.25  # part of the examples, the latest, that the trees are evaluated on
ROUNDS: Final = 30
_PARAMETERS: Final = {
    "objective": "reg:logistic",
    "learning_rate": 0.05,
    "max_depth": 3,
    "min_child_weight": 2.0,
    "reg_lambda": 4.0,
    "max_bin": 32,
}
HYPERPARAMETERS: Final = {
    "max_engagements": MAX_ENGAGEMENTS,
    "negatives": NEGATIVES,
    "later_ratio": LATER_RATIO,
    "rounds": ROUNDS,
    **_PARAMETERS,
}


@dataclass(frozen=True, slots=True)
class ResidualExamples:
    """The n engagements of one account, the oldest first, each with its negatives; the engagement is column 0.

    matrix  (n, 1 + NEGATIVES, n_features)
    base    (n, 1 + NEGATIVES) logits of the global personal ranker
    """

    matrix: Float32Array
    base: FloatArray

    def __len__(self) -> int:
        return len(self.base)


def examples_of(
    accounts: IntArray,
    affinities: AffinityCounters,
    logits: CountryScores,
    ranker: GlobalPersonalRanker,
    coldstart: Coldstart,
) -> dict[int, ResidualExamples]:
    """Examples of each of these accounts, (n,) numbers, from its latest engagements, by account.

    An engagement is described at a moment before it; those with posts that did not exist at that moment are left out.
    """
    history = affinities.history
    rows = np.flatnonzero(np.isin(history.engagements.account, accounts))
    rows = rows[np.lexsort((-history.engagements.at[rows], history.engagements.account[rows]))]
    rows = np.sort(rows[rank_within(history.engagements.account[rows]) < MAX_ENGAGEMENTS])
    rng = np.random.default_rng(0)
    equal_weights = np.ones(len(POSITIVE_KINDS))
    positives = positive_examples(history, history.engagements.where(rows), equal_weights, coldstart, rng)
    negatives = sample_negatives(history, positives, replace(coldstart, negatives=NEGATIVES), rng)
    post = np.column_stack([positives.post, negatives.post.reshape(len(positives), NEGATIVES)])
    account = np.repeat(positives.account, 1 + NEGATIVES)
    at, country = np.repeat(positives.at, 1 + NEGATIVES), np.repeat(positives.country, 1 + NEGATIVES)
    country_logit = logits.at(post.ravel(), country, at)
    features = affinities.candidate_features(account, post.ravel(), at, country_logit)
    matrix = FEATURES.matrix(features).reshape(*post.shape, -1)
    base = ranker.logits(features).reshape(post.shape)
    examples: dict[int, ResidualExamples] = {}
    for number in accounts.tolist():
        is_own = positives.account == number
        examples[number] = ResidualExamples(matrix[is_own], base[is_own])
    return examples


def fit(examples: ResidualExamples, options: Members) -> bytes:
    """The trees as XGBoost's UBJSON; empty where there are too few examples, or the trees do not improve the order.

    They are fitted on the earlier engagements. On the later ones the pairwise win rate has to grow, over that of the
    global personal ranker alone, by more than `trees_min_gain_se` standard errors.
    """
    later = max(int(len(examples) * LATER_RATIO), 2)
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
        parameters=_PARAMETERS,
        rounds=ROUNDS,
        monotone_sign=FEATURES.monotone_sign,
        base=base.ravel(),
    )
    later_matrix, later_base = examples.matrix[earlier:], examples.base[earlier:]
    residual = Trees(model).logits(later_matrix.reshape(later_base.size, -1)).reshape(later_base.shape)
    gain = pairwise_win_rate(later_base + residual) - pairwise_win_rate(later_base)
    is_better = gain.mean() > options.trees_min_gain_se * gain.std(ddof=1) / np.sqrt(len(gain))
    return model if is_better else b""


def pairwise_win_rate(scores: FloatArray) -> FloatArray:
    """(n,) part, 0..1, of the other columns that column 0 scores above, of (n, m) scores; a tie counts half.

    >>> pairwise_win_rate(np.array([[2.0, 1.0, 2.0], [0.0, 1.0, 2.0]])).tolist()
    [0.75, 0.0]
    """
    positive, negatives = scores[:, :1], scores[:, 1:]
    return np.asarray(((positive > negatives) + 0.5 * (positive == negatives)).mean(1))
