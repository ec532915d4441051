"""Aware UTC moments, ages and half-life decay."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # so that a function without arrays need not carry numpy
    import numpy as np
    from numpy.typing import NDArray

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOUR_MS = 3_600_000
DAY_HOURS = 24.0
SKEW = timedelta(minutes=1)  # by which sound clocks may differ; what is dated further ahead has no date to go by
MAX_AHEAD = timedelta(
    days=1
)  # of now, of what we have stored ourselves; beyond it, it would hold back all that follows


def utc(moment: datetime) -> datetime:
    """The same moment, aware and in UTC; ValueError for a naive one, whose meaning nobody knows.

    >>> utc(datetime.fromisoformat("2026-01-01T07:00:00+07:00")).isoformat()
    '2026-01-01T00:00:00+00:00'
    """
    if moment.tzinfo is None:
        raise ValueError(f"a moment needs a time zone: {moment.isoformat()}")
    return moment.astimezone(UTC)


def hours(span: timedelta) -> float:
    """The span in hours.

    >>> hours(timedelta(days=2))
    48.0
    """
    return span / timedelta(hours=1)


def from_epoch_ms(milliseconds: int) -> datetime:
    """The moment so many milliseconds after the beginning of 1970.

    >>> from_epoch_ms(1_500).isoformat()
    '1970-01-01T00:00:01.500000+00:00'
    """
    return EPOCH + timedelta(milliseconds=milliseconds)


def epoch_ms(moment: datetime) -> int:
    """Whole milliseconds since 1970, as MongoDB stores dates.

    >>> epoch_ms(datetime(1970, 1, 1, 0, 0, 1, 2999, tzinfo=UTC))
    1002
    """
    return (utc(moment) - EPOCH) // timedelta(milliseconds=1)


def epoch_hours(moment: datetime) -> float:
    """Hours since 1970, as precise as MongoDB stores dates.

    >>> epoch_hours(datetime(1970, 1, 2, 0, 30, tzinfo=UTC))
    24.5
    """
    return epoch_ms(moment) / HOUR_MS


def decay(age_hours: "NDArray[np.float64]", half_life_hours: float) -> "NDArray[np.float64]":
    """1 for something new, halved every `half_life_hours`; an age below zero (a clock that runs ahead) counts as zero.

    age_hours  any shape  [hours]
    returns    same shape, 0..1

    >>> import numpy as np
    >>> decay(np.array([-5.0, 0.0, 24.0, 48.0]), 24.0).tolist()
    [1.0, 1.0, 0.5, 0.25]
    """
    faded: NDArray[np.float64] = 0.5 ** (age_hours.clip(min=0.0) / half_life_hours)
    return faded
