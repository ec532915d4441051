"""Boosted trees, always on one thread: a second one, spinning while it waits, costs thirty times what it saves."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xgboost
from numpy.typing import NDArray

from shared.errors import StaleModel


def fit(
    matrix: NDArray[np.float32],
    labels: NDArray[np.float64],
    weights: NDArray[np.float64],
    *,
    parameters: Mapping[str, Any],
    rounds: int,
    monotone_sign: Sequence[int],
    start: bytes | None = None,
    base: NDArray[np.float64] | None = None,
) -> bytes:
    """Train trees; returns XGBoost's UBJSON, the same bytes for the same input.

    matrix         (n_rows, n_features)
    labels         (n_rows,) 0..1
    weights        (n_rows,)
    rounds         trees to train, beside those of `start`
    monotone_sign  (n_features,) as in `Feature`
    start          a model whose training is continued
    base           (n_rows,) logits that the trees are trained to add to; they then begin at a logit of 0
    """
    # Not a QuantileDMatrix, which would save a second copy of the rows: it reads them by callbacks into Python, where
    # an exception that a signal handler raises is lost and leaves half a matrix.
    data = xgboost.DMatrix(matrix, labels, weight=weights, base_margin=base, nthread=1)
    constraints: dict[str, Any] = {
        "monotone_constraints": tuple(monotone_sign),
        "nthread": 1,
        "seed": 0,
        "tree_method": "hist",
    }
    if base is not None:
        constraints["base_score"] = 0.5  # a logit of 0
    booster = xgboost.train({**parameters, **constraints}, data, rounds, xgb_model=start and bytearray(start))
    return bytes(booster.save_raw("ubj"))


class Trees:
    """A trained model, ready to score."""

    def __init__(self, model: bytes) -> None:
        """Load UBJSON; raises StaleModel if it cannot be read.

        XGBoost does not check its input: truncated bytes end the process. The digest of an artifact is checked before
        its bytes come here; the check of the braces is a last safeguard.
        """
        if not (model.startswith(b"{") and model.endswith(b"}")):
            raise StaleModel("the trees of an artifact cannot be read: they are no whole object")
        try:
            self._booster = xgboost.Booster({"nthread": 1}, model_file=bytearray(model))
        except (xgboost.core.XGBoostError, ValueError) as error:
            raise StaleModel(f"the trees of an artifact cannot be read: {str(error).splitlines()[0]}") from None

    def logits(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """(n_rows,) sum of the leaves, any real number; matrix (n_rows, n_features). Higher = more probably label 1."""
        if not len(matrix):
            return np.empty(0)
        return np.asarray(self._booster.inplace_predict(matrix, predict_type="margin"), np.float64)

    def contributions(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """(n_rows, n_features + 1) what each feature adds to the logit of each row, and last what every row has; the
        sum of a row is its logit. Along the path of a row through a tree, a split adds to its feature by how much it
        changes the mean of the leaves below."""
        if not len(matrix):
            return np.empty((0, matrix.shape[1] + 1))
        data = xgboost.DMatrix(matrix, nthread=1)
        # Not Shapley values, which take eleven times as long.
        return np.asarray(self._booster.predict(data, pred_contribs=True, approx_contribs=True), np.float64)


def version() -> str:
    """The version of XGBoost."""
    return str(xgboost.__version__)
