"""How well topics are found, in every language that the embedding serves, and how often in posts that have none.

Sentences with one topic of seven are sib200's: five folds over its train and dev parts by `index_id`, so that one
sentence in two languages never stands on both sides. Heads learn from English alone. Posts and small talk are our own.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.table import RESULTS, console_of_width
from benchmarks.text.topic_accuracy import TopicResults, measure
from shared import command_line

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(help=__doc__)
def bench(
    data: Annotated[Path, typer.Option(help="folder of the data sets")] = Path("../shared/data"),
) -> None:
    """Measure, print, save."""
    console = console_of_width(200)
    results = measure(data)
    if results is None:
        console.print(f"skipped: there is no {data / 'sib200'}", markup=False)
        return
    for sheet in results.sheets():
        sheet.show(console)
    save(results)
    met = [figure.met for figure in results.figures()]
    console.print(f"{sum(map(bool, met))} of {len(met)} floors met", markup=False)
    raise typer.Exit(0 if all(met) else 1)


def save(results: TopicResults) -> None:
    """Write `topics.json` and `topics.md`."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "topics.json").write_text(json.dumps(asdict(results), indent=1) + "\n")
    (RESULTS / "topics.md").write_text("\n".join(["# topics\n", *(sheet.markdown() for sheet in results.sheets())]))


if __name__ == "__main__":
    command_line.run(app)
