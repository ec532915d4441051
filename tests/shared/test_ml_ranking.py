import numpy as np
import pytest
from sklearn.metrics import ndcg_score, roc_auc_score

from shared.ml import ranking


@pytest.fixture
def lists():
    """Fifty lists of forty candidates, of which one to eight were chosen, and scores that know a little."""
    rng = np.random.default_rng(3)
    chosen = np.zeros((50, 40), bool)
    for row in chosen:
        row[rng.choice(40, rng.integers(1, 9), replace=False)] = True
    return rng.normal(size=chosen.shape) + 0.5 * chosen, chosen


@pytest.mark.parametrize("at", [1, 10, 40, 100])
def test_ndcg_is_that_of_scikit_learn(lists, at):
    scores, chosen = lists

    each = [ndcg_score([c], [s], k=at) for s, c in zip(scores, chosen, strict=True)]

    np.testing.assert_allclose(ranking.ndcg(scores, chosen, at), each)


def test_auc_is_that_of_scikit_learn_ties_included(lists):
    scores, chosen = lists
    rounded = scores.round(0)

    each = [roc_auc_score(c, s) for s, c in zip(rounded, chosen, strict=True)]

    np.testing.assert_allclose(ranking.auc(rounded, chosen), each)


def test_recall_is_the_part_of_the_chosen_ones_at_the_top(lists):
    scores, chosen = lists

    each = [c[np.argsort(-s)[:10]].sum() / c.sum() for s, c in zip(scores, chosen, strict=True)]

    np.testing.assert_allclose(ranking.recall(scores, chosen), each)


def test_of_equal_scores_the_order_stays():
    chosen = np.array([[True, False], [False, True]])

    assert ranking.ndcg(np.zeros((2, 2)), chosen, at=1).tolist() == [1.0, 0.0]


def test_a_list_without_a_chosen_one_gives_nothing():
    assert ranking.ndcg(np.ones((1, 3)), np.zeros((1, 3), bool)).tolist() == [0.0]


def test_a_perfect_and_a_reversed_order_are_the_ends_of_the_scale(lists):
    _, chosen = lists

    best, worst = (ranking.quality(sign * chosen.astype(float), chosen) for sign in (1, -1))

    assert (best.ndcg_at_10, best.recall_at_10, best.auc) == (1.0, 1.0, 1.0)
    assert (worst.ndcg_at_10, worst.recall_at_10, worst.auc) == (0.0, 0.0, 0.0)
