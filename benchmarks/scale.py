"""How the cost of each job grows with the network, out of saved results of S, M and L.

    python -m benchmarks.scale                       # full.json and growth-L.json of benchmarks/results

What a run takes is fitted as (a + b n), n being posts, with neither below 0, to the relative errors: a is what a run
costs in any case, b what each post adds. Where the fit is more than a quarter off at any size, growth is not of that
kind, and it says so.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from scipy.optimize import nnls

from benchmarks.table import RUNS, Sheet
from local.world import SIZES
from shared import command_line

RESULTS = Path(__file__).parent / "results"
SAVED = (RESULTS / "growth-L.json", RESULTS / "full.json")
MAX_OFF = 0.25
POSTS_EACH = SIZES["M"].contents / SIZES["M"].users  # per account; engagements are ten per post
MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Curve:
    """How one quantity grows.

    measured  by size of network
    fixed     of each run
    each      of each post
    off       the largest relative error of the fit
    exponent  of a power law through the smallest and the largest, for comparison; 1 is proportional
    """

    measured: Mapping[str, float]
    fixed: float
    each: float
    off: float
    exponent: float

    @property
    def fits(self) -> bool:
        """Whether it may be read beyond what was measured."""
        return self.off <= MAX_OFF

    def at(self, posts: float) -> float:
        """By the fit."""
        return self.fixed + self.each * posts

    def reaches(self, limit: float) -> float:
        """At how many posts; infinity where it does not grow.

        >>> fit({"S": 2.0, "M": 11.0}).reaches(101.0)
        500000.0
        """
        return max(limit - self.fixed, 0.0) / self.each if self.each else float("inf")


@dataclass(frozen=True, slots=True)
class Growth:
    """Of one job, from nothing (`first`) or after changes (`again`).

    seconds      of the whole process [s]
    cpu_s        processor time of it [s]
    database_s   processor time of the database [s]
    peak_mb      of memory [MB]
    read         documents of the database
    written      documents of the database
    snapshot_mb  of what is written as a whole, in few documents [MB]
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
    """One for each kind of run that was measured at two sizes or more; of a size in two files, the later counts.

    BadParameter for a file that an older bench has saved.
    """
    found: dict[tuple[str, str], dict[str, Mapping[str, Any]]] = {}
    for file in files:
        try:
            jobs = json.loads(file.read_text())["jobs"]
            told = ["database" in job["runs"][0] for job in jobs]
        except (ValueError, KeyError, TypeError, IndexError):
            raise typer.BadParameter(f"{file.name} is none of the bench's results") from None
        for job, is_told in zip(jobs, told, strict=True):
            if not is_told:
                raise typer.BadParameter(f"{file.name} does not say what jobs ask of the database: run the bench again")
            found.setdefault((job["stem"], job["kind"]), {})[job["size"]] = job
    return [_growth(*key, by_size) for key, by_size in found.items() if len(by_size) > 1]


def fit(measured: Mapping[str, float]) -> Curve:
    """
    >>> curve = fit({"S": 1.5, "M": 6.0, "L": 16.0})
    >>> round(curve.fixed, 2), round(curve.each * 10_000, 2), round(curve.at(500_000))
    (1.0, 1.0, 51)
    """
    sizes = sorted(measured, key=lambda size: SIZES[size].contents)
    posts = np.array([SIZES[size].contents for size in sizes], float)
    took = np.array([measured[size] for size in sizes])
    if not took.all():  # nothing at some size, as of documents that hardly ever change: no relative error to fit to
        return Curve(measured, float(took.max()), 0.0, 0.0, 0.0)
    (fixed, each), _ = nnls(np.column_stack([1 / took, posts / took]), np.ones(len(took)))
    off = float(np.abs((fixed + each * posts) / took - 1).max())
    exponent = float(np.log(took[-1] / took[0]) / np.log(posts[-1] / posts[0]))
    return Curve(measured, float(fixed), float(each), off, exponent)


def sheet_of(found: Iterable[Growth]) -> Sheet:
    """As a table."""
    rows = [
        (
            one.stem,
            RUNS[one.kind],
            " -> ".join(f"{took:.2f}" for took in one.seconds.measured.values()) + " s",
            f"{one.seconds.fixed:.2f} s + {one.seconds.each * 1e6:.1f} µs",
            f"{one.seconds.exponent:.2f}",
            f"{one.seconds.off:.0%}",
            f"{one.peak_mb.fixed:,.0f} MB + {one.peak_mb.each * 1e3:.2f} kB",
            f"{one.peak_mb.off:.0%}",
            _told(one.seconds, "s"),
            _told(one.peak_mb, "MB"),
        )
        for one in found
    ]
    columns = (
        "job",
        "run",
        "S -> M -> L",
        "time: each run + each post",
        "exponent",
        "off",
        "memory",
        "off",
        "a million accounts",
        "memory there",
    )
    note = (
        f"A million accounts: {MILLION * POSTS_EACH:,.0f} posts, by the fit, in one process. In brackets where the fit "
        f"is more than {MAX_OFF:.0%} off."
    )
    return Sheet("Growth", columns, rows, note)


def _told(curve: Curve, unit: str) -> str:
    told = f"{curve.at(MILLION * POSTS_EACH):,.0f} {unit}"
    return told if curve.fits else f"({told})"


def _growth(stem: str, kind: str, by_size: Mapping[str, Mapping[str, Any]]) -> Growth:
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
    """The server does not count what a $merge or an upsert inserts; of a snapshot the job counts the posts in it."""
    counted, told = run["database"]["written"], run["report"]
    return float(counted if "kilobytes" in told else max(counted, told["written"]))


def main(
    files: Annotated[list[Path] | None, typer.Argument(help="saved results, the later ones count")] = None,
) -> None:
    """Fit and print."""
    sheet_of(growths(files or SAVED)).show(Console(width=200))


if __name__ == "__main__":
    command_line.run(lambda: typer.run(main))
