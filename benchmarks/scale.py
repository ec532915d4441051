"""How the cost of each job grows with the network, out of saved results of S, M and L.

    python -m benchmarks.scale                       # full.json and growth-L.json of benchmarks/results

Time is fitted as (a + b n), n being posts, with neither below 0, to the relative errors: a is what a run costs in any
case, b what each post adds. Where the fit is more than a quarter off at any size, growth is not of that kind, and no
estimate is given.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from scipy.optimize import nnls

from benchmarks.table import RUNS, Sheet
from local.world import SIZES

RESULTS = Path(__file__).parent / "results"
MOST_OFF = 0.25
POSTS_OF_A_MILLION = 5_000_000  # the networks hold five posts an account


@dataclass(frozen=True, slots=True)
class Curve:
    """How one job grows.

    seconds   by size of network
    fixed_s   of each run [s]
    each_s    of each post [s]
    off       the largest relative error of the fit
    exponent  of a power law through the smallest and the largest, for comparison; 1 is proportional
    """

    stem: str
    kind: str
    seconds: dict[str, float]
    fixed_s: float
    each_s: float
    off: float
    exponent: float

    def at(self, posts: int) -> float | None:
        """Time for so many posts [s]; None where the curve does not fit what it was made of."""
        return self.fixed_s + self.each_s * posts if self.off <= MOST_OFF else None


def curves(files: Sequence[Path]) -> list[Curve]:
    """One for each kind of run that was measured at two sizes or more; of a size in two files, the later counts."""
    found: dict[tuple[str, str], dict[str, float]] = {}
    for file in files:
        for job in json.loads(file.read_text())["jobs"]:
            found.setdefault((job["stem"], job["kind"]), {})[job["size"]] = job["seconds"]["value"]
    return [fit(*key, seconds) for key, seconds in found.items() if len(seconds) > 1]


def fit(stem: str, kind: str, seconds: dict[str, float]) -> Curve:
    """
    >>> curve = fit("a_job", "first", {"S": 1.5, "M": 6.0, "L": 16.0})
    >>> round(curve.fixed_s, 2), round(curve.each_s * 10_000, 2), round(curve.at(500_000))
    (1.0, 1.0, 51)
    """
    sizes = sorted(seconds, key=lambda size: SIZES[size].contents)
    posts = np.array([SIZES[size].contents for size in sizes], float)
    took = np.array([seconds[size] for size in sizes])
    (fixed, each), _ = nnls(np.column_stack([1 / took, posts / took]), np.ones(len(took)))
    off = float(np.abs((fixed + each * posts) / took - 1).max())
    exponent = float(np.log(took[-1] / took[0]) / np.log(posts[-1] / posts[0]))
    return Curve(stem, kind, dict(zip(sizes, took.tolist(), strict=True)), float(fixed), float(each), off, exponent)


def sheet_of(found: Sequence[Curve]) -> Sheet:
    """As a table."""
    rows = [
        (
            one.stem,
            RUNS[one.kind],
            "  ".join(f"{size} {took:.2f} s" for size, took in one.seconds.items()),
            f"{one.fixed_s:.2f} s",
            f"{one.each_s * 1e6:.1f} µs",
            f"{one.exponent:.2f}",
            f"{one.off:.0%}",
            "" if (told := one.at(POSTS_OF_A_MILLION)) is None else f"{told:,.0f} s",
        )
        for one in found
    ]
    columns = ("job", "run", "measured", "in any case", "each post", "exponent", "off", "a million accounts")
    note = (
        f"A million accounts: {POSTS_OF_A_MILLION:,} posts, by the fit. None where the fit is "
        f" more than {MOST_OFF:.0%} off."
    )
    return Sheet("Growth", columns, rows, note)


def main(
    files: Annotated[list[Path] | None, typer.Argument(help="saved results, the later ones count")] = None,
) -> None:
    """Fit and print."""
    chosen = files or [RESULTS / "growth-L.json", RESULTS / "full.json"]
    sheet_of(curves(chosen)).show(Console(width=180))


if __name__ == "__main__":
    typer.run(main)
