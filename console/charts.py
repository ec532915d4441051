"""Lines over time, which charts.js draws; the page has the same numbers in a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from shared.store.job_runs import JobRun

Point = tuple[float, Sequence[float | None]]  # a moment [s since 1970], and the value of each line


@dataclass(frozen=True, slots=True)
class Chart:
    """Data of one chart.

    caption   key of the sentence that says what is shown, and in which unit
    labels    keys of the names of the lines
    values    moments [s since 1970], the earliest first, and the values of each line
    interval  whether the last two lines are the ends of an interval around the first
    """

    caption: str
    labels: Sequence[str]
    values: Sequence[Sequence[float | None]]
    interval: bool = False

    @classmethod
    def of(
        cls, caption: str, labels: Sequence[str], newest_first: Sequence[Point], *, interval: bool = False
    ) -> "Chart | None":
        """None for less than two points."""
        if len(newest_first) < 2:
            return None
        moments = [at for at, _ in reversed(newest_first)]
        lines = zip(*(values for _, values in reversed(newest_first)), strict=True)
        return cls(caption, labels, [moments, *map(list, lines)], interval)


def of_runs(runs: Sequence[JobRun]) -> list[Chart]:
    """Time and memory of a function over its runs, which are given the newest first; a document of several runs counts
    as one of mean length."""
    times = [(run.started_at.timestamp(), [run.seconds / run.runs]) for run in runs]
    memory = [(run.started_at.timestamp(), [run.memory_mb]) for run in runs if run.memory_mb]
    charts = (
        Chart.of("charts.seconds", ["jobs.seconds"], times),
        Chart.of("charts.memory", ["jobs.memory"], memory),
    )
    return [chart for chart in charts if chart]


def ages(builds: Sequence[JobRun]) -> list[tuple[datetime, float]]:
    """When each build replaced the guest feed, and its age then [min]; the newest first, as the builds are given."""
    ends = [build.ended_at for build in builds if build.outcome == "done"]
    return [(end, (end - before).total_seconds() / 60) for end, before in pairwise(ends)]
