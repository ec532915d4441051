"""Parts of a whole, and how sure they are."""

import math

Z_95 = 1.959964  # standard deviations that hold 95 % of a normal distribution


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """Between which two parts, 0..1, the true one lies with 95 %; (0, 1) where nothing was tried.

    The score interval of Wilson (1927): it holds for few trials and for parts near 0 and 1 too.

    >>> tuple(round(one, 4) for one in wilson(10, 100))
    (0.0552, 0.1744)
    >>> wilson(0, 0)
    (0.0, 1.0)
    """
    if not trials:
        return 0.0, 1.0
    part, z = successes / trials, Z_95
    middle = (part + z * z / (2 * trials)) / (1 + z * z / trials)
    reach = z / (1 + z * z / trials) * math.sqrt(part * (1 - part) / trials + z * z / (4 * trials * trials))
    return max(middle - reach, 0.0), min(middle + reach, 1.0)
