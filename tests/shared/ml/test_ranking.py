"""Metrics of rankings, against those of scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import ndcg_score, roc_auc_score

from shared.ml import ranking


@pytest.fixture
def queries():
    """(scores, relevant), (50, 40) each: one to eight relevant candidates a query, and scores that know a little."""
    rng = np.random.default_rng(3)
    relevant = np.zeros((50, 40), bool)
    for row in relevant:
        row[rng.choice(40, rng.integers(1, 9), replace=False)] = True
    return rng.normal(size=relevant.shape) + 0.5 * relevant, relevant


@pytest.mark.parametrize("at", [1, 10, 40, 100])
def test_ndcg_is_that_of_scikit_learn(queries, at):
    scores, relevant = queries

    each = [ndcg_score([c], [s], k=at) for s, c in zip(scores, relevant, strict=True)]

    np.testing.assert_allclose(ranking.ndcg(scores, relevant, at), each)


def test_auc_is_that_of_scikit_learn_ties_included(queries):
    scores, relevant = queries
    rounded = scores.round(0)

    each = [roc_auc_score(c, s) for s, c in zip(rounded, relevant, strict=True)]

    np.testing.assert_allclose(ranking.auc(rounded, relevant), each)


def test_recall_is_the_share_of_relevant_candidates_at_the_top(queries):
    scores, relevant = queries

    each = [c[np.argsort(-s)[:10]].sum() / c.sum() for s, c in zip(scores, relevant, strict=True)]

    np.testing.assert_allclose(ranking.recall(scores, relevant), each)


def test_of_equal_scores_the_order_stays():
    relevant = np.array([[True, False], [False, True]])

    assert ranking.ndcg(np.zeros((2, 2)), relevant, at=1).tolist() == [1.0, 0.0]


def test_a_query_without_a_relevant_candidate_gives_0():
    assert ranking.ndcg(np.ones((1, 3)), np.zeros((1, 3), bool)).tolist() == [0.0]


def test_a_perfect_and_a_reversed_order_are_the_ends_of_the_scale(queries):
    _, relevant = queries

    best, worst = (ranking.ranking_metrics(sign * relevant.astype(float), relevant) for sign in (1, -1))

    assert (best.ndcg_at_10, best.recall_at_10, best.auc) == (1.0, 1.0, 1.0)
    assert (worst.ndcg_at_10, worst.recall_at_10, worst.auc) == (0.0, 0.0, 0.0)
