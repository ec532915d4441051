"""Boosted trees, always on one thread: a second spins against the first and costs thirty times more than it gives."""

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
    """Train and return the model as XGBoost's UBJSON.

    matrix   (n_rows, n_features)
    labels   (n_rows,)
    weights  (n_rows,)
    monotone_sign  (n_features,) monotone constraints
    start    a model that is continued for `rounds` more
    base     (n_rows,) margins that the model is to add to; its own then begin at 0
    The same input gives the same bytes.
    """
    # Not a QuantileDMatrix, which holds the rows once only: it reads them by callbacks into Python, and a signal whose
    # handler raises there is lost and leaves half a matrix.
    data = xgboost.DMatrix(matrix, labels, weight=weights, base_margin=base, nthread=1)
    constraints: dict[str, Any] = {
        "monotone_constraints": tuple(monotone_sign),
        "nthread": 1,
        "seed": 0,
        "tree_method": "hist",
    }
    if base is not None:
        constraints["base_score"] = 0.5  # a margin of 0
    booster = xgboost.train({**parameters, **constraints}, data, rounds, xgb_model=start and bytearray(start))
    return bytes(booster.save_raw("ubj"))


class Trees:
    """A trained model, ready to score."""

    def __init__(self, model: bytes) -> None:
        """Load UBJSON; StaleModel when it is none.

        The library trusts what it reads and ends the process over bytes that stop short. Such are kept from here by the
        digest of their artifact; the braces are a last look.
        """
        if not (model.startswith(b"{") and model.endswith(b"}")):
            raise StaleModel("the trees of an artifact cannot be read: they are no whole object")
        try:
            self._booster = xgboost.Booster({"nthread": 1}, model_file=bytearray(model))
        except (xgboost.core.XGBoostError, ValueError) as error:
            raise StaleModel(f"the trees of an artifact cannot be read: {str(error).splitlines()[0]}") from None

    def logits(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """(n_rows,) the sum of the leaves, any real number, higher = more engagement."""
        if not len(matrix):
            return np.empty(0)
        return np.asarray(self._booster.inplace_predict(matrix, predict_type="margin"), np.float64)


def version() -> str:
    """Of the library."""
    return str(xgboost.__version__)
