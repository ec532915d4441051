"""Ridge regression and the choice of its penalty, against scikit-learn."""

import numpy as np
import pytest
from sklearn.linear_model import RidgeCV

from shared.ml.ridge import ridge_loo

PENALTIES = (0.5, 8.0, 100.0, 10_000.0)


def regression(seed, n=60, k=8, n_targets=3, noise=1.0):
    """(features, targets): linear with noise, neither of mean zero."""
    rng = np.random.default_rng(seed)
    features = rng.normal(2.0, rng.uniform(0.5, 3.0, k), (n, k))
    return features, features @ rng.normal(size=(k, n_targets)) + 5.0 + rng.normal(0.0, noise, (n, n_targets))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("noise", [0.1, 10.0, 100.0])
def test_ridge_is_that_of_scikit_learn(seed, noise):
    features, targets = regression(seed, noise=noise)

    ours = ridge_loo(features, targets, PENALTIES)
    theirs = RidgeCV(alphas=PENALTIES).fit(features, targets)

    assert ours.penalty == theirs.alpha_
    np.testing.assert_allclose(ours.weights, theirs.coef_, rtol=0, atol=1e-6)
    np.testing.assert_allclose(ours.bias, theirs.intercept_, rtol=0, atol=1e-6)


def test_the_penalty_depends_on_the_noise():
    """Otherwise the comparison above would not show that the choice is the same."""
    penalties = set()
    for noise in (0.1, 100.0):
        features, targets = regression(0, noise=noise)
        penalties.add(ridge_loo(features, targets, PENALTIES).penalty)

    assert len(penalties) > 1


@pytest.mark.parametrize("shape", [(200, 20), (20, 60)], ids=["more rows than features", "more features than rows"])
def test_ridge_of_yes_and_no_is_that_of_scikit_learn(shape):
    rng = np.random.default_rng(7)
    features = rng.normal(size=shape)
    targets = (features[:, :2] + rng.normal(size=(len(features), 2))) > 0.3

    ours = ridge_loo(features, targets, PENALTIES)
    theirs = RidgeCV(alphas=PENALTIES).fit(features, targets.astype(float))

    assert ours.penalty == theirs.alpha_
    np.testing.assert_allclose(ours.weights, theirs.coef_, rtol=0, atol=1e-6)
    np.testing.assert_allclose(ours.bias, theirs.intercept_, rtol=0, atol=1e-6)


def test_the_penalty_is_the_one_that_leaving_out_row_after_row_would_choose():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(40, 6)).astype(np.float32)
    about = (vectors[:, :2] + rng.normal(size=(40, 2))) > 0

    errors = {}
    for penalty in PENALTIES:
        errors[penalty] = 0.0
        for left_out in range(40):
            rows = np.arange(40) != left_out
            centred = vectors.astype(float) - vectors[rows].mean(axis=0)
            gram = centred[rows].T @ centred[rows] + penalty * np.eye(6)
            share = about[rows].mean(axis=0)
            predicted = centred[left_out] @ np.linalg.solve(gram, centred[rows].T @ (about[rows] - share)) + share
            errors[penalty] += ((predicted - about[left_out]) ** 2).sum()
    best = min(errors, key=lambda penalty: errors[penalty])
    expected = ridge_loo(vectors, about, (best,))

    fitted = ridge_loo(vectors, about, PENALTIES)

    assert fitted.penalty == best
    assert fitted.weights == pytest.approx(expected.weights)
    assert fitted.bias == pytest.approx(expected.bias)
