"""Confidence intervals of rates."""

import math

Z_95 = 1.959964  # a normal variable lies within so many standard deviations of its mean with probability 95 %


def wilson(successes: float, trials: int) -> tuple[float, float]:
    """Lower and upper bound, 0..1, of the 95 % confidence interval of a success rate; (0, 1) without a trial.

    The score interval of Wilson (1927), which is also valid for few trials and for rates near 0 and 1. Of a mean of
    values in 0..1, whose sum is `successes`, it is at least a 95 % interval: no such values vary more than successes.

    >>> tuple(round(bound, 4) for bound in wilson(10, 100))
    (0.0552, 0.1744)
    >>> wilson(0, 0)
    (0.0, 1.0)
    """
    if not trials:
        return 0.0, 1.0
    rate, z = successes / trials, Z_95
    center = (rate + z * z / (2 * trials)) / (1 + z * z / trials)
    half_width = z / (1 + z * z / trials) * math.sqrt(rate * (1 - rate) / trials + z * z / (4 * trials * trials))
    return max(center - half_width, 0.0), min(center + half_width, 1.0)
