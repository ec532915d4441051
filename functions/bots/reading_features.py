"""How a credential reads, as numbers.

Every feature is finite and not negative. Where a formula has no value, as for somebody who reads every post for exactly
as long as the one before, it is 0: no spread at all, which is what a machine's readings look like.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from functions.bots.windows import SECOND_MS, Windows
from shared.columns import FloatArray
from shared.ml.features import Feature, FeatureSet

KEPT_RATIO: Final = 0.95  # of the values of a series; the longest ones, left on a table, say little
MIN_S: Final = 0.001  # a clock tells no less
PAUSE_S: Final = 1_800.0
HOUR_S: Final = 3_600.0
HOURS: Final = 24


@dataclass(frozen=True, slots=True)
class CentralMoments:
    """Of a series without its longest values: count, mean, and central moments, all (n,)."""

    count: FloatArray
    mean: FloatArray
    second: FloatArray
    third: FloatArray
    fourth: FloatArray

    @classmethod
    def of(cls, series: FloatArray) -> "CentralMoments":
        """Of each row (n, widest), nan where there is no value: of what is not above its 0.95 quantile."""
        kept = np.where(series <= quantile(series, KEPT_RATIO)[:, None], series, np.nan)
        there = ~np.isnan(kept)
        count = there.sum(axis=1).astype(np.float64)
        mean = np.where(there, kept, 0.0).sum(axis=1) / np.maximum(count, 1)
        off = np.where(there, kept - mean[:, None], 0.0)
        # Of equal values the mean may be a rounding error away.
        off[np.abs(off) <= 1e-12 * np.maximum(np.abs(mean), 1e-300)[:, None]] = 0.0
        second, third, fourth = ((off**power).sum(axis=1) / np.maximum(count, 1) for power in (2, 3, 4))
        return cls(count, mean, second, third, fourth)

    @property
    def relative_spread(self) -> FloatArray:
        """(n,) sample standard deviation by the mean."""
        sample = self.second * self.count / np.maximum(self.count - 1, 1)
        return _or_zero(np.sqrt(sample), self.mean)

    @property
    def absolute_skewness(self) -> FloatArray:
        """(n,) |G1|, corrected for the size of the sample (Joanes & Gill, 1998)."""
        n = self.count
        return np.abs(_or_zero(np.sqrt(n * np.maximum(n - 1, 0)) * self.third, (n - 2) * self.second**1.5))

    @property
    def absolute_kurtosis(self) -> FloatArray:
        """(n,) |G2|, the excess over a normal distribution's, corrected for the size of the sample (ibidem)."""
        n = self.count
        ratio = _or_zero(self.fourth, self.second**2)
        corrected = _or_zero((n * n - 1) * ratio - 3 * (n - 1) ** 2, (n - 2) * (n - 3))
        return np.where(self.second > 0, np.abs(corrected), 0.0)


def quantile(series: FloatArray, ratio: float) -> FloatArray:
    """(n,) of each row (n, widest), linear between two values; nan where a row has none.

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
    """(n,) the ratio, 0 where it has no value."""
    return np.asarray(np.divide(value, by, out=np.zeros(len(value)), where=by > 0))


class Rhythm:
    """Windows, with what several features are made of."""

    def __init__(self, windows: Windows) -> None:
        self.windows = windows

    @cached_property
    def readings(self) -> CentralMoments:
        """Of the times on a screen."""
        return CentralMoments.of(self.windows.reading)

    @cached_property
    def gaps(self) -> CentralMoments:
        """Of the times from one exposure to the next."""
        return CentralMoments.of(self.windows.gap)

    @cached_property
    def log_readings(self) -> FloatArray:
        """(n, widest) logarithms of the times on a screen, of a millisecond at least."""
        return np.log(np.maximum(self.windows.reading, MIN_S))


def log_spread(logs: FloatArray) -> FloatArray:
    """(n,) standard deviation of logarithms of durations."""
    return np.asarray(np.nanstd(logs, axis=1))


def gap_log_spread(rhythm: Rhythm) -> FloatArray:
    """(n,) the same of the times from one exposure to the next."""
    return log_spread(np.log(np.maximum(rhythm.windows.gap, MIN_S)))


def tail(rhythm: Rhythm) -> FloatArray:
    """(n,) how much longer the long readings are than the usual ones: logarithm of the 0.95 quantile by the median."""
    return np.asarray(quantile(rhythm.log_readings, KEPT_RATIO) - quantile(rhythm.log_readings, 0.5))


def burstiness(rhythm: Rhythm) -> FloatArray:
    """(n,) 0 for gaps that are all alike, 1/2 for random ones, near 1 for bursts and long pauses: half of 1 + B of
    Goh & Barabasi (2008)."""
    gap = rhythm.windows.gap
    mean, spread = np.nanmean(gap, axis=1), np.nanstd(gap, axis=1)
    return _or_zero(spread, spread + mean)


def pause_ratio(rhythm: Rhythm) -> FloatArray:
    """(n,) part of the gaps that last half an hour or more, 0..1."""
    return np.asarray((rhythm.windows.gap >= PAUSE_S).sum(axis=1) / rhythm.windows.count)


def views_per_hour(rhythm: Rhythm) -> FloatArray:
    """(n,) readings an hour over the whole window, pauses included; of a window below a second as if it were one."""
    hours = np.maximum((rhythm.windows.last - rhythm.windows.first) / SECOND_MS, 1.0) / HOUR_S
    return np.asarray((rhythm.windows.count - 1) / hours)


def repeated_ratio(rhythm: Rhythm) -> FloatArray:
    """(n,) part of the readings that last exactly as long as another one, to the millisecond, 0..1."""
    ordered = np.sort(np.rint(rhythm.windows.reading * SECOND_MS), axis=1)
    same = np.zeros((len(ordered), ordered.shape[1] + 1), bool)
    same[:, 1:-1] = ordered[:, 1:] == ordered[:, :-1]
    return np.asarray((same[:, 1:] | same[:, :-1]).sum(axis=1) / rhythm.windows.count)


def hour_spread(rhythm: Rhythm) -> FloatArray:
    """(n,) how evenly the readings fall on the hours of the day (UTC): 0 for all in one, 1 for every hour alike;
    entropy by that of 24 equal parts."""
    at = rhythm.windows.at
    hour = np.where(np.isnan(at), -1, np.floor(np.nan_to_num(at) / HOUR_S) % HOURS)
    part = np.stack([(hour == one).sum(axis=1) for one in range(HOURS)], axis=1) / rhythm.windows.count[:, None]
    logs = np.log(part, out=np.zeros(part.shape), where=part > 0)
    return np.asarray(np.maximum(-(part * logs).sum(axis=1), 0.0) / np.log(HOURS))


# `monotone_sign` is -1 where a machine has less of it, 1 where it has more, 0 where either may be.
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
