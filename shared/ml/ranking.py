"""Metrics of rankings: over queries, each with candidates of which some are relevant.

Written in numpy instead of calling scikit-learn, which the functions that train rankers have in none of their layers.
Tests compare NDCG and AUC with scikit-learn's; of equal scores the order counts here, where `ndcg_score` takes a mean.
"""

from dataclasses import dataclass

import numpy as np

from shared.columns import BoolArray, FloatArray


@dataclass(frozen=True, slots=True)
class RankingMetrics:
    """Means over all queries, each 0..1, higher is better."""

    ndcg_at_10: float
    recall_at_10: float
    auc: float


def ndcg(scores: FloatArray, relevant: BoolArray, at: int = 10) -> FloatArray:
    """(n_queries,) normalised discounted cumulative gain of the first `at`, 0..1; 0 without a relevant candidate.

    scores    (n_queries, n_candidates), higher ranks first; equal scores keep their order
    relevant  (n_queries, n_candidates)

    >>> ndcg(np.array([[3.0, 2.0, 1.0]]), np.array([[False, True, False]])).round(4).tolist()
    [0.6309]
    """
    at = min(at, scores.shape[1])
    discount = 1 / np.log2(np.arange(2, at + 2))
    top = np.argsort(-scores, axis=1, kind="stable")[:, :at]
    gain = (np.take_along_axis(relevant, top, 1) * discount).sum(1)
    best = np.concatenate([[0.0], np.cumsum(discount)])[np.minimum(relevant.sum(1), at)]
    return np.asarray(np.divide(gain, best, out=np.zeros(len(gain)), where=best > 0))


def recall(scores: FloatArray, relevant: BoolArray, at: int = 10) -> FloatArray:
    """(n_queries,) share of the relevant candidates that rank among the first `at`, 0..1; 0 without a relevant one.

    scores, relevant  (n_queries, n_candidates) each, as in `ndcg`
    """
    top = np.argsort(-scores, axis=1, kind="stable")[:, :at]
    hits = np.take_along_axis(relevant, top, 1).sum(1)
    return np.asarray(hits / np.maximum(relevant.sum(1), 1))


def auc(scores: FloatArray, relevant: BoolArray) -> FloatArray:
    """(n_queries,) probability that a relevant candidate scores above an irrelevant one, ties counting half; 0..1.

    scores, relevant  (n_queries, n_candidates) each, as in `ndcg`
    """
    ordered = np.sort(scores, axis=1)
    result = np.empty(len(scores))
    for i, row in enumerate(scores):
        below = np.searchsorted(ordered[i], row, "left")
        not_above = np.searchsorted(ordered[i], row, "right")
        mean_rank = (below + not_above + 1) / 2
        n_relevant = int(relevant[i].sum())
        n_irrelevant = len(row) - n_relevant
        rank_sum = mean_rank[relevant[i]].sum()
        result[i] = (rank_sum - n_relevant * (n_relevant + 1) / 2) / max(n_relevant * n_irrelevant, 1)
    return result


def ranking_metrics(scores: FloatArray, relevant: BoolArray) -> RankingMetrics:
    """Mean NDCG@10, recall@10 and AUC of scores, (n_queries, n_candidates), with the same shape of `relevant`."""
    values = ndcg(scores, relevant), recall(scores, relevant), auc(scores, relevant)
    return RankingMetrics(*(float(value.mean()) for value in values))
