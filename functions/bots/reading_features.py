"""The features of a credential: how it reads, as numbers.

Every feature is finite and not negative. Where a formula has no value, as for a credential that reads every post for
exactly as long as the one before, the feature is 0: no spread at all, which is what a machine's readings look like.

In shapes, n is the number of credentials and `widest` the most readings that any of them has; shorter rows end in nan.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from functions.bots.windows import SECOND_MS, Windows
from shared.clock import HOUR_S
from shared.columns import FloatArray
from shared.ml.features import Feature, FeatureSet

# Of the features; raise it when a formula, or which exposures are the readings of a window, changes, so that all are
# computed anew, and features of another layout are neither scored nor learnt from.
LAYOUT: Final = "3"

KEPT_RATIO: Final = 0.95  # of a series; the longest values, of a phone that was put down, say little
MIN_S: Final = 0.001  # shorter times count as this, the resolution of the clocks [s]
PAUSE_S: Final = 1_800.0  # a gap from which on it is a pause [s]
HOURS: Final = 24  # of a day


@dataclass(frozen=True, slots=True)
class CentralMoments:
    """Count, mean and central moments of each credential's series without its longest values, all (n,).

    count                  values that were kept
    mean                   [unit of the series]
    second, third, fourth  central moments of the sample [unit of the series to that power]
    """

    count: FloatArray
    mean: FloatArray
    second: FloatArray
    third: FloatArray
    fourth: FloatArray

    @classmethod
    def of(cls, series: FloatArray) -> "CentralMoments":
        """The moments of the values up to the 0.95 quantile of each row.

        series  (n, widest), nan where there is no value
        """
        kept = np.where(series <= quantile(series, KEPT_RATIO)[:, None], series, np.nan)
        is_value = ~np.isnan(kept)
        count = is_value.sum(axis=1).astype(np.float64)
        mean = np.where(is_value, kept, 0.0).sum(axis=1) / np.maximum(count, 1)
        deviations = np.where(is_value, kept - mean[:, None], 0.0)
        # The mean of equal values may be a rounding error away from them.
        deviations[np.abs(deviations) <= 1e-12 * np.maximum(np.abs(mean), 1e-300)[:, None]] = 0.0
        second, third, fourth = ((deviations**power).sum(axis=1) / np.maximum(count, 1) for power in (2, 3, 4))
        return cls(count, mean, second, third, fourth)

    @property
    def relative_spread(self) -> FloatArray:
        """(n,) sample standard deviation divided by the mean."""
        sample = self.second * self.count / np.maximum(self.count - 1, 1)
        return _or_zero(np.sqrt(sample), self.mean)

    @property
    def absolute_skewness(self) -> FloatArray:
        """(n,) |G1|, corrected for the size of the sample (Joanes & Gill, 1998)."""
        n = self.count
        return np.abs(_or_zero(np.sqrt(n * np.maximum(n - 1, 0)) * self.third, (n - 2) * self.second**1.5))

    @property
    def absolute_kurtosis(self) -> FloatArray:
        """(n,) |G2|, the excess kurtosis, corrected for the size of the sample (Joanes & Gill, 1998)."""
        n = self.count
        ratio = _or_zero(self.fourth, self.second**2)
        corrected = _or_zero((n * n - 1) * ratio - 3 * (n - 1) ** 2, (n - 2) * (n - 3))
        return np.where(self.second > 0, np.abs(corrected), 0.0)


def quantile(series: FloatArray, ratio: float) -> FloatArray:
    """(n,) quantile of each row, interpolated linearly between two values; nan for a row without values.

    series  (n, widest), nan where there is no value
    ratio   which quantile, 0..1
    The same as `np.nanquantile(series, ratio, axis=1)`, which calls a Python function for every row and takes about
    15 times as long; this sorts all rows at once.

    >>> quantile(np.array([[3.0, 1.0, np.nan], [5.0, 5.0, 6.0]]), 0.5).tolist()
    [2.0, 5.0]
    """
    ordered = np.sort(series, axis=1)  # nan comes last
    at = ratio * np.maximum((~np.isnan(series)).sum(axis=1) - 1, 0)
    low = np.floor(at).astype(np.int64)
    rows = np.arange(len(series))
    below, above = ordered[rows, low], ordered[rows, np.minimum(low + 1, ordered.shape[1] - 1)]
    return np.asarray(np.where(at > low, below + (above - below) * (at - low), below))


def _or_zero(value: FloatArray, by: FloatArray) -> FloatArray:
    """(n,) value / by, 0 where `by` is not above 0."""
    return np.asarray(np.divide(value, by, out=np.zeros(len(value)), where=by > 0))


class Rhythm:
    """The windows of n credentials, and the intermediate results that several features share."""

    def __init__(self, windows: Windows) -> None:
        self.windows = windows

    @cached_property
    def readings(self) -> CentralMoments:
        """Of the reading times [s]."""
        return CentralMoments.of(self.windows.reading)

    @cached_property
    def gaps(self) -> CentralMoments:
        """Of the times from one exposure to the next [s]."""
        return CentralMoments.of(self.windows.gap)

    @cached_property
    def log_readings(self) -> FloatArray:
        """(n, widest) natural logarithms of the reading times [ln s], each of a millisecond at least."""
        return np.log(np.maximum(self.windows.reading, MIN_S))


def log_spread(logs: FloatArray) -> FloatArray:
    """(n,) standard deviation of each row of `logs` (n, widest) [ln s]."""
    return np.asarray(np.nanstd(logs, axis=1))


def gap_log_spread(rhythm: Rhythm) -> FloatArray:
    """(n,) standard deviation of the logarithms of the times from one exposure to the next [ln s]."""
    return log_spread(np.log(np.maximum(rhythm.windows.gap, MIN_S)))


def tail(rhythm: Rhythm) -> FloatArray:
    """(n,) log of the ratio of the 0.95 quantile of the reading times to their median; 0 or more."""
    return np.asarray(quantile(rhythm.log_readings, KEPT_RATIO) - quantile(rhythm.log_readings, 0.5))


def burstiness(rhythm: Rhythm) -> FloatArray:
    """(n,) 0 for equal gaps, 1/2 for gaps of a Poisson process, near 1 for bursts and long pauses: (1 + B) / 2 with the
    burstiness B of Goh & Barabasi (2008)."""
    gap = rhythm.windows.gap
    mean, spread = np.nanmean(gap, axis=1), np.nanstd(gap, axis=1)
    return _or_zero(spread, spread + mean)


def pause_ratio(rhythm: Rhythm) -> FloatArray:
    """(n,) part of the gaps of half an hour or more, 0..1."""
    return np.asarray((rhythm.windows.gap >= PAUSE_S).sum(axis=1) / rhythm.windows.count)


def views_per_hour(rhythm: Rhythm) -> FloatArray:
    """(n,) readings an hour over the whole window, pauses included [1 / h]; a window lasts at least one second."""
    hours = np.maximum((rhythm.windows.last - rhythm.windows.first) / SECOND_MS, 1.0) / HOUR_S
    return np.asarray((rhythm.windows.count - 1) / hours)


def repeated_ratio(rhythm: Rhythm) -> FloatArray:
    """(n,) part of the readings that last exactly as long as another one, to the millisecond, 0..1."""
    ordered = np.sort(np.rint(rhythm.windows.reading * SECOND_MS), axis=1)
    same = np.zeros((len(ordered), ordered.shape[1] + 1), bool)
    same[:, 1:-1] = ordered[:, 1:] == ordered[:, :-1]
    return np.asarray((same[:, 1:] | same[:, :-1]).sum(axis=1) / rhythm.windows.count)


def hour_spread(rhythm: Rhythm) -> FloatArray:
    """(n,) how evenly the readings spread over the hours of the day (UTC), 0..1: 0 for all in one hour, 1 for equally
    many in each; the entropy divided by that of 24 equal parts."""
    at = rhythm.windows.at
    hour = np.where(np.isnan(at), -1, np.floor(np.nan_to_num(at) / HOUR_S) % HOURS)
    part = np.stack([(hour == h).sum(axis=1) for h in range(HOURS)], axis=1) / rhythm.windows.count[:, None]
    logs = np.log(part, out=np.zeros(part.shape), where=part > 0)
    return np.asarray(np.maximum(-(part * logs).sum(axis=1), 0.0) / np.log(HOURS))


# `monotone_sign` is -1 where machines have lower values than people, 1 where they have higher ones, 0 where both occur.
FEATURES: Final[FeatureSet[Rhythm]] = FeatureSet(
    (
        Feature("postReadingTimeAbsSkew", "ratio", lambda r: r.readings.absolute_skewness, -1),
        Feature("postReadingTimeAbsKurt", "ratio", lambda r: r.readings.absolute_kurtosis, -1),
        Feature("postReadingTimeNormStd", "ratio", lambda r: r.readings.relative_spread, -1),
        Feature("postReadingTimeDifferenceNormStd", "ratio", lambda r: r.gaps.relative_spread, -1),
        Feature("postReadingTimeLogStd", "ln s", lambda r: log_spread(r.log_readings), -1),
        Feature("postReadingTimeTail", "ln ratio", tail, -1),
        Feature("repeatedReadingRatio", "ratio 0..1", repeated_ratio, 1),
        Feature("gapLogStd", "ln s", gap_log_spread, -1),
        Feature("gapBurstiness", "ratio 0..1", burstiness, -1),
        Feature("pauseRatio", "ratio 0..1", pause_ratio, -1),
        Feature("viewsPerHour", "1 / h", views_per_hour, 1),
        Feature("hourSpread", "ratio 0..1", hour_spread),
    )
)
