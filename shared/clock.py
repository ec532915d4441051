"""Aware UTC moments, ages and half-life decay."""

from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

HOUR_MS = 3_600_000
DAY = timedelta(days=1)


def utc(moment: datetime) -> datetime:
    """The same moment, aware and in UTC; ValueError for a naive one, whose meaning nobody knows.

    >>> utc(datetime.fromisoformat("2026-01-01T07:00:00+07:00")).isoformat()
    '2026-01-01T00:00:00+00:00'
    """
    if moment.tzinfo is None:
        raise ValueError(f"a moment needs a time zone: {moment.isoformat()}")
    return moment.astimezone(UTC)


def epoch_ms(moment: datetime) -> int:
    """Milliseconds since 1970, as MongoDB stores dates.

    >>> epoch_ms(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
    1000
    """
    return round(utc(moment).timestamp() * 1000)


def decay(age_hours: NDArray[np.float64], half_life_hours: float) -> NDArray[np.float64]:
    """1 for something new, halved every `half_life_hours`; an age below zero (a clock that runs ahead) counts as zero.

    age_hours  any shape  [hours]
    returns    same shape, 0..1

    >>> decay(np.array([-5.0, 0.0, 24.0, 48.0]), 24.0).tolist()
    [1.0, 1.0, 0.5, 0.25]
    """
    result: NDArray[np.float64] = np.exp2(-np.maximum(age_hours, 0.0) / half_life_hours)
    return result
