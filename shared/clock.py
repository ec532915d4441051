"""Aware UTC moments, spans in hours, and half-life decay."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # so that a function without arrays is deployed without numpy
    import numpy as np
    from numpy.typing import NDArray

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOUR_S = 3_600.0
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
DAY_HOURS = 24.0
# How far correct clocks may differ; a document that is dated further ahead counts as undated.
SKEW = timedelta(minutes=1)
# How far ahead of now a date that we have stored ourselves may be; one further ahead would hold up all later runs.
MAX_AHEAD = timedelta(days=1)


def utc(moment: datetime) -> datetime:
    """The same moment in UTC; ValueError for a naive one, whose time zone is unknown.

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
    """The moment of a number of milliseconds since 1970.

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
    """2^(-age / half-life), in the shape of `age_hours`, 1..0: 1 at age 0, halved every `half_life_hours`.

    age_hours  any shape [hours]; below 0, from a clock that runs ahead, counts as 0

    >>> import numpy as np
    >>> decay(np.array([-5.0, 0.0, 24.0, 48.0]), 24.0).tolist()
    [1.0, 1.0, 0.5, 0.25]
    """
    factor: NDArray[np.float64] = 0.5 ** (age_hours.clip(min=0.0) / half_life_hours)
    return factor
