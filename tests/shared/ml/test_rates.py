"""Confidence intervals of rates, against SciPy."""

import pytest
from scipy.stats import binomtest

from shared.ml.rates import wilson


@pytest.mark.parametrize(("successes", "trials"), [(0, 1), (1, 1), (0, 40), (40, 40), (1, 3), (10, 100), (7, 2_000)])
def test_the_interval_is_that_of_scipy(successes, trials):
    interval = binomtest(successes, trials).proportion_ci(0.95, "wilson")

    assert wilson(successes, trials) == pytest.approx((interval.low, interval.high), abs=1e-7)
