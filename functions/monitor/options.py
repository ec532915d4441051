"""Options of how well the feeds serve."""

from datetime import timedelta
from typing import ClassVar

from shared.config import Section


class MeasureFeed(Section, frozen=True, kw_only=True):
    section: ClassVar[str] = "measure_feed"

    day: timedelta = timedelta(days=1)  # the time whose exposures are measured together
    attribution: timedelta = timedelta(days=1)  # how long after it was seen an engagement counts for what was shown
