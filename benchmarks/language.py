"""python -m benchmarks.language: how often a language is named rightly, how fast, and what is refused.

Reads sib200 (its dev part only: thresholds were chosen on train), udhr and wisesight below --data, and says so where
they are absent. Ends with code 1 when a floor is missed.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.table import RESULTS, console_of_width
from benchmarks.text.language_accuracy import measure, refusal_sheet, sheet_of, texts_in
from shared import command_line


def bench(
    data: Annotated[Path, typer.Option(help="the folder of the data sets")] = Path("../shared/data"),
) -> None:
    """Measure, print, save."""
    console = console_of_width(200)
    if not texts_in(data):
        console.print(f"no sib200, udhr or wisesight below {data}: skipped", markup=False)
        return
    accuracies = measure(data)
    sheets = [sheet_of(accuracies), *([refusal_sheet(data)] if (data / "sib200").is_dir() else [])]
    for sheet in sheets:
        sheet.show(console)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "language.json").write_text(json.dumps([asdict(accuracy) for accuracy in accuracies], indent=1) + "\n")
    (RESULTS / "language.md").write_text("\n".join(["# language\n", *(sheet.markdown() for sheet in sheets)]))
    figures = [figure for accuracy in accuracies for figure in (accuracy.right, accuracy.per_second)]
    met = [figure.met for figure in figures if figure.met is not None]
    console.print(f"{sum(met)} of {len(met)} floors met", markup=False)
    raise typer.Exit(0 if all(met) else 1)


if __name__ == "__main__":
    command_line.run(lambda: typer.run(bench))
