"""How a quantity grows with the number of posts, fitted to saved results of several sizes of networks.

A quantity is fitted as a + b n, n being posts, with a and b not below 0, so that the relative errors are least: a is
what a run costs in any case, b what each post adds.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import typer
from scipy.optimize import nnls

from benchmarks.table import RESULTS
from local.world import SIZES

SAVED = (RESULTS / "growth-L.json", RESULTS / "full.json")
MAX_OFF = 0.25  # relative error from which on a fit is not believed


@dataclass(frozen=True, slots=True)
class Curve:
    """How one quantity grows.

    measured  by size of network
    fixed     of each run
    each      of each post
    off       largest relative error of the fit
    exponent  of a power law through the smallest and the largest size, for comparison; 1 is proportional
    """

    measured: Mapping[str, float]
    fixed: float
    each: float
    off: float
    exponent: float

    @property
    def fits(self) -> bool:
        """Whether the fit may be extrapolated."""
        return self.off <= MAX_OFF

    def at(self, posts: float) -> float:
        """The fitted quantity at so many posts."""
        return self.fixed + self.each * posts

    def reaches(self, limit: float) -> float:
        """The number of posts at which the fit reaches a limit; infinity where it does not grow.

        >>> round(fit({"S": 2.0, "M": 11.0}).reaches(101.0), 6)
        500000.0
        """
        return max(limit - self.fixed, 0.0) / self.each if self.each else float("inf")


@dataclass(frozen=True, slots=True)
class Growth:
    """How one job grows, from nothing (`kind` "first") or after changes ("again").

    seconds      time of the whole process [s]
    cpu_s        processor time of the process [s]
    database_s   processor time of the database [s]
    peak_mb      peak memory [MB]
    read         documents of the database
    written      documents of the database
    snapshot_mb  size of what is written as a whole, in few documents [MB]
    """

    stem: str
    kind: str
    seconds: Curve
    cpu_s: Curve
    database_s: Curve
    peak_mb: Curve
    read: Curve
    written: Curve
    snapshot_mb: Curve


def growths(files: Sequence[Path]) -> list[Growth]:
    """Fit each kind of run that was measured at two sizes or more; of a size in two files, the later file counts.

    Raises BadParameter for a file that is none of the bench's results, or that an older bench has saved.
    """
    by_run: dict[tuple[str, str], dict[str, Mapping[str, Any]]] = {}
    for file in files:
        try:
            jobs = json.loads(file.read_text())["jobs"]
            has_database = ["database" in job["runs"][0] for job in jobs]
        except (ValueError, KeyError, TypeError, IndexError):
            raise typer.BadParameter(f"{file.name} is none of the bench's results") from None
        if not all(has_database):
            raise typer.BadParameter(f"{file.name} does not say what jobs ask of the database: run the bench again")
        for job in jobs:
            by_run.setdefault((job["stem"], job["kind"]), {})[job["size"]] = job
    return [_growth(*key, by_size) for key, by_size in by_run.items() if len(by_size) > 1]


def fit(measured: Mapping[str, float]) -> Curve:
    """Fit a quantity that was measured at several sizes of networks.

    >>> curve = fit({"S": 1.5, "M": 6.0, "L": 16.0})
    >>> round(curve.fixed, 2), round(curve.each * 10_000, 2), round(curve.at(500_000))
    (1.0, 1.0, 51)
    """
    sizes = sorted(measured, key=lambda size: SIZES[size].contents)
    posts = np.array([SIZES[size].contents for size in sizes], float)
    values = np.array([measured[size] for size in sizes])
    if not values.all():  # 0 at some size, as of documents that hardly ever change: there is no relative error to fit
        return Curve(measured, float(values.max()), 0.0, 0.0, 0.0)
    (fixed, each), _ = nnls(np.column_stack([1 / values, posts / values]), np.ones(len(values)))
    off = float(np.abs((fixed + each * posts) / values - 1).max())
    exponent = float(np.log(values[-1] / values[0]) / np.log(posts[-1] / posts[0]))
    return Curve(measured, float(fixed), float(each), off, exponent)


def _growth(stem: str, kind: str, by_size: Mapping[str, Mapping[str, Any]]) -> Growth:
    """Fit the medians of all runs of each size."""
    sizes = sorted(by_size, key=lambda size: SIZES[size].contents)

    def of_runs(figure: Callable[[Mapping[str, Any]], float]) -> Curve:
        return fit({size: median(figure(run) for run in by_size[size]["runs"]) for size in sizes})

    return Growth(
        stem,
        kind,
        of_runs(lambda run: float(run["seconds"])),
        of_runs(lambda run: float(run["client_cpu_seconds"])),
        of_runs(lambda run: float(run["server_cpu_seconds"])),
        of_runs(lambda run: float(run["peak_mb"])),
        of_runs(lambda run: float(run["database"]["read"])),
        of_runs(_written),
        of_runs(lambda run: run["report"].get("kilobytes", 0) / 1_000),
    )


def _written(run: Mapping[str, Any]) -> float:
    """Documents written: the server does not count what a $merge or an upsert inserts, so the report counts too.

    The report of a snapshot counts the posts in it, not its documents: there the server's number holds.
    """
    counted, report = run["database"]["written"], run["report"]
    return float(counted if "kilobytes" in report else max(counted, report["written"]))
