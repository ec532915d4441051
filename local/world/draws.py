"""Random draws, row by row.

Moments of a world are seconds counted from its `now`: negative is the past, positive the held-out future.
"""

import numpy as np
from numpy.random import Generator

from shared.columns import FloatArray, IntArray

DAY = 86_400.0


def dirichlet_rows(rng: Generator, alpha: FloatArray) -> FloatArray:
    """(n, k) Dirichlet shares, one vector per row; rows sum to 1.

    alpha  (n, k) concentrations, above 0
    """
    gamma = rng.standard_gamma(alpha)
    shares: FloatArray = gamma / gamma.sum(axis=1, keepdims=True)
    return shares


def choose_by_row(rng: Generator, shares: FloatArray) -> IntArray:
    """(n,) column drawn from each row's shares (n, k)."""
    cumulative = shares.cumsum(axis=1)
    above = (rng.random((len(shares), 1)) > cumulative).sum(axis=1)
    drawn: IntArray = np.minimum(above, shares.shape[1] - 1)  # a row may sum to a hair less than 1
    return drawn


def falling_shares(n: int, power: float) -> FloatArray:
    """(n,) shares that fall as rank ** -power and sum to 1."""
    weights = np.arange(1, n + 1, dtype=np.float64) ** -power
    shares: FloatArray = weights / weights.sum()
    return shares


def to_milliseconds(at: FloatArray) -> FloatArray:
    """Moments [s] rounded to milliseconds as MongoDB stores them, so that their order is the same in both."""
    return np.round(at, 3)
