"""Trends: how a number of events changed from one window to the next one of the same length."""

from dataclasses import dataclass
from math import exp, sqrt
from typing import Literal

from shared.ml.rates import Z_95


@dataclass(frozen=True, slots=True)
class Trend:
    """The change of a number.

    percent    change relative to the number before; None where that was 0
    low, high  its 95 % interval, of two Poisson counts by the logarithm of their ratio; None where one of them is 0
    """

    percent: float | None
    low: float | None
    high: float | None

    @property
    def verdict(self) -> Literal["rising", "falling", "unclear", "unknown"]:
        """Unclear where the interval holds no change at all, unknown where there is none."""
        if self.low is None or self.high is None:
            return "unknown"
        return "rising" if self.low > 0 else "falling" if self.high < 0 else "unclear"


def trend(recent: int, before: int) -> Trend:
    """The trend of these two numbers.

    >>> trend(240, 200).percent, trend(240, 200).verdict, trend(400, 200).verdict, trend(3, 0).verdict
    (20.0, 'unclear', 'rising', 'unknown')
    """
    if not before:
        return Trend(None, None, None)
    ratio = recent / before
    if not recent:
        return Trend(-100.0, None, None)
    factor = exp(Z_95 * sqrt(1 / recent + 1 / before))
    return Trend(100 * ratio - 100, 100 * ratio / factor - 100, 100 * ratio * factor - 100)
