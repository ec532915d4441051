"""How the values of a feature spread among people and among bots, in a few bins that a picture and a table show."""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

BINS = 12


@dataclass(frozen=True, slots=True)
class Bin:
    """One bin.

    low, high     from and to, in the unit of the feature
    people, bots  the part of the people, and of the bots, with a value in it, 0..1
    """

    low: float
    high: float
    people: float
    bots: float


@dataclass(frozen=True, slots=True)
class Histogram:
    """Bins of equal width on the scale of log(1 + value), and where one value lies.

    place  of the value on that scale, 0..1 from the lowest bin to the highest
    top    the largest part of people or of bots in a bin, 0..1
    """

    bins: Sequence[Bin]
    place: float
    top: float


def histogram(people: Sequence[float], bots: Sequence[float], value: float) -> Histogram | None:
    """The histogram of two sorted samples and a value, which all lie within the bins; None where a sample is empty.

    Values are 0 or more.
    >>> drawn = histogram([0.0, 1.0, 3.0], [7.0, 7.0], 7.0)
    >>> [(round(each.high, 2), round(each.people, 2), each.bots) for each in drawn.bins[::11]], drawn.place
    ([(0.19, 0.33, 0.0), (7.0, 0.0, 1.0)], 1.0)
    """
    if not people or not bots:
        return None
    low, high = min(people[0], bots[0], value), max(people[-1], bots[-1], value)
    high = high if high > low else low + 1
    start = math.log1p(low)
    width = (math.log1p(high) - start) / BINS
    edges = [low, *(math.expm1(start + number * width) for number in range(1, BINS)), high]

    def parts(values: Sequence[float]) -> list[float]:
        """The part of the values in each bin; the last one has its end too."""
        ends = [0, *(bisect_left(values, edge) for edge in edges[1:-1]), len(values)]
        return [(end - begin) / len(values) for begin, end in pairwise(ends)]

    drawn = zip(pairwise(edges), parts(people), parts(bots), strict=True)
    bins = [Bin(*ends, of_people, of_bots) for ends, of_people, of_bots in drawn]
    return Histogram(bins, (math.log1p(value) - start) / (width * BINS), max(max(b.people, b.bots) for b in bins))
