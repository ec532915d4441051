"""How good a ranking is, over lists of candidates of which some were chosen afterwards."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Quality:
    """Means over all lists, each 0..1, higher is better. AUC: the chance that a chosen one stands before another."""

    ndcg_at_10: float
    recall_at_10: float
    auc: float


def ndcg(scores: NDArray[np.float64], chosen: NDArray[np.bool_], at: int = 10) -> NDArray[np.float64]:
    """(n_lists,) normalised discounted cumulative gain of each list, 0..1; lists without a chosen one give 0.

    scores  (n_lists, n_candidates), higher ranks first; equal ones keep their order
    chosen  (n_lists, n_candidates)

    >>> ndcg(np.array([[3.0, 2.0, 1.0]]), np.array([[False, True, False]])).round(4).tolist()
    [0.6309]
    """
    at = min(at, scores.shape[1])
    discount = 1 / np.log2(np.arange(2, at + 2))
    top = np.argsort(-scores, axis=1, kind="stable")[:, :at]
    gain = (np.take_along_axis(chosen, top, 1) * discount).sum(1)
    best = np.concatenate([[0.0], np.cumsum(discount)])[np.minimum(chosen.sum(1), at)]
    return np.asarray(np.divide(gain, best, out=np.zeros(len(gain)), where=best > 0))


def recall(scores: NDArray[np.float64], chosen: NDArray[np.bool_], at: int = 10) -> NDArray[np.float64]:
    """(n_lists,) part of the chosen ones that stand among the first `at`, 0..1."""
    top = np.argsort(-scores, axis=1, kind="stable")[:, :at]
    found = np.take_along_axis(chosen, top, 1).sum(1)
    return np.asarray(found / np.maximum(chosen.sum(1), 1))


def auc(scores: NDArray[np.float64], chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(n_lists,) chance that a chosen candidate scores above one that was not, ties counting half, 0..1."""
    ordered = np.sort(scores, axis=1)
    result = np.empty(len(scores))
    for i, row in enumerate(scores):
        below = np.searchsorted(ordered[i], row, "left")
        not_above = np.searchsorted(ordered[i], row, "right")
        mean_rank = (below + not_above + 1) / 2
        hits = int(chosen[i].sum())
        others = len(row) - hits
        result[i] = (mean_rank[chosen[i]].sum() - hits * (hits + 1) / 2) / max(hits * others, 1)
    return result


def quality(scores: NDArray[np.float64], chosen: NDArray[np.bool_]) -> Quality:
    """All three, as means over the lists."""
    values = ndcg(scores, chosen), recall(scores, chosen), auc(scores, chosen)
    return Quality(*(float(value.mean()) for value in values))
