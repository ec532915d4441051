"""How the cost of each job grows with the network, out of saved results of S, M and L.

    python -m benchmarks.scale                       # full.json and growth-L.json of benchmarks/results

What a run takes is fitted as (a + b n), n being posts, with neither below 0, to the relative errors: a is what a run
costs in any case, b what each post adds. Where the fit is more than a quarter off at any size, growth is not of that
kind, and it says so.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.cost.growth import MAX_OFF, SAVED, Curve, Growth, growths
from benchmarks.table import RUNS, Sheet
from local.world import SIZES
from shared import command_line

POSTS_EACH = SIZES["M"].contents / SIZES["M"].users  # per account; engagements are ten per post
MILLION = 1_000_000


def sheet_of(job_growths: Iterable[Growth]) -> Sheet:
    """One row per job and kind of run."""
    rows = [
        (
            growth.stem,
            RUNS[growth.kind],
            " -> ".join(f"{seconds:.2f}" for seconds in growth.seconds.measured.values()) + " s",
            f"{growth.seconds.fixed:.2f} s + {growth.seconds.each * 1e6:.1f} µs",
            f"{growth.seconds.exponent:.2f}",
            f"{growth.seconds.off:.0%}",
            f"{growth.peak_mb.fixed:,.0f} MB + {growth.peak_mb.each * 1e3:.2f} kB",
            f"{growth.peak_mb.off:.0%}",
            _at_a_million(growth.seconds, "s"),
            _at_a_million(growth.peak_mb, "MB"),
        )
        for growth in job_growths
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


def _at_a_million(curve: Curve, unit: str) -> str:
    """The quantity at a million accounts, in brackets where the fit is not believed."""
    text = f"{curve.at(MILLION * POSTS_EACH):,.0f} {unit}"
    return text if curve.fits else f"({text})"


def main(
    files: Annotated[list[Path] | None, typer.Argument(help="saved results, the later ones count")] = None,
) -> None:
    """Fit and print."""
    sheet_of(growths(files or SAVED)).show(Console(width=200))


if __name__ == "__main__":
    command_line.run(lambda: typer.run(main))
