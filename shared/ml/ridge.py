"""Ridge regression whose penalty is chosen by leave-one-out, in closed form.

Written in numpy instead of calling scikit-learn's `RidgeCV`: it would add the `science` and `learn` layers to
`train_topics`, 259 MB instead of at most 220 MB. A test compares the two.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.columns import FloatArray


@dataclass(frozen=True, slots=True)
class Ridge:
    """A linear model of several targets: targets = features @ weights.T + bias.

    penalty  that was chosen, the same for all targets
    weights  (n_targets, k)
    bias     (n_targets,)
    """

    penalty: float
    weights: FloatArray
    bias: FloatArray


def ridge_loo(features: NDArray[Any], targets: NDArray[Any], penalties: Sequence[float]) -> Ridge:
    """Fit all targets with the penalty that has the least squared leave-one-out error, summed over the targets.

    features   (n, k)
    targets    (n, n_targets) numbers, or booleans for 0 and 1
    penalties  of the sum of squared weights, each above 0; the bias has none
    The error of each row under the model of all other rows follows from one fit of all rows (PRESS; Allen, "The
    relationship between variable selection and data augmentation and a method for prediction", 1974).
    """
    feature_mean, target_mean = features.mean(axis=0, dtype=np.float64), targets.mean(axis=0)
    eigenvalues, axes = np.linalg.eigh((features - feature_mean).T @ (features - feature_mean))
    rotated = (features - feature_mean) @ axes
    projected = rotated.T @ (targets - target_mean)
    errors = []
    for penalty in penalties:
        shrinkage = 1 / (eigenvalues + penalty)
        leverage = rotated**2 @ shrinkage + 1 / len(features)
        residuals = targets - target_mean - rotated @ (shrinkage[:, None] * projected)
        left_out = residuals / (1 - leverage)[:, None]
        errors.append((left_out**2).sum())
    penalty = penalties[int(np.argmin(errors))]
    weights = projected.T / (eigenvalues + penalty) @ axes.T
    return Ridge(penalty, weights, target_mean - weights @ feature_mean)
