"""How well the feed does: which part of impressions leads to an engagement, day by day, by source and by model."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, ClassVar

from msgspec import Struct

from console.charts import Chart
from console.lines import Line
from console.service import Console
from console.templates import render
from console.visitor import Visitor
from functions.monitor.store.feed_performances import DayPerformance, FeedPerformances
from shared.api import Response, Route
from shared.requests import whole_number

DAYS = 30
PERFORMANCE = "/console/performance"


class PerformanceQuery(Struct):
    """Which days: those that began before a moment [ms since 1970]."""

    before: Annotated[int, whole_number(0, 2**46)] | None = None


@dataclass(frozen=True, slots=True)
class Performance:
    """The page.

    days       the newest first
    charts     of the engagement rate of all impressions [%], with its interval
    next_page  the moment before which the next page begins [ms since 1970]; None at the end
    """

    template: ClassVar[str] = "monitor/performance.html"
    path: ClassVar[str] = PERFORMANCE

    days: Sequence[DayPerformance]
    charts: Sequence[Chart]
    next_page: int | None


def performance(console: Console, visitor: Visitor, query: PerformanceQuery, now: datetime) -> Response:
    """The engagement rate of each day."""
    before = None if query.before is None else datetime.fromtimestamp(query.before / 1_000, UTC)
    days = FeedPerformances(console.store).newest(DAYS + 1, before)
    next_page = round(days[DAYS - 1].start.timestamp() * 1_000) if len(days) > DAYS else None
    return render(Performance(days[:DAYS], _charts(days[:DAYS]), next_page), visitor)


def lines(console: Console, now: datetime) -> Iterator[Line]:
    """What drifted: nothing measures it yet."""
    yield Line("unknown", "today.drift", "today.drift.none", PERFORMANCE)


def _charts(days: Sequence[DayPerformance]) -> list[Chart]:
    points = [
        (day.start.timestamp(), [value and 100 * value for value in (of.rate, of.low, of.high)])
        for day in days
        if (of := day.overall).rate is not None
    ]
    labels = ["performance.rate", "charts.low", "charts.high"]
    chart = Chart.of("charts.engagement", labels, points, interval=True)
    return [chart] if chart else []


ROUTES: tuple[Route[Console], ...] = (
    Route("GET", PERFORMANCE, "Engagement by day", PerformanceQuery, performance, "see"),
)
