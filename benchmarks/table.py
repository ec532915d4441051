"""Tables of results: on the terminal, and in Markdown beside the JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmarks.floors import ORIGINAL, ORIGINAL_NOTE, Figure

RESULTS = Path(__file__).parent / "results"  # folder of the saved results
RUNS = {"first": "from nothing", "again": "after changes"}  # kinds of runs of a job


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table with a title, and a note below it."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    note: str = ""

    @property
    def caption(self) -> str:
        """The note, and what the mark of the original's column means."""
        return " ".join(part for part in (self.note, ORIGINAL_NOTE if ORIGINAL in self.columns else "") if part)

    def show(self, console: Console) -> None:
        """Print the table; a row with a missed floor is red."""
        table = Table(
            title=Text(self.title, "table.title"),
            caption=Text(self.caption, "table.caption"),
            title_justify="left",
            caption_justify="left",
        )
        for column in self.columns:
            table.add_column(Text(column), overflow="fold")
        for row in self.rows:
            table.add_row(*map(Text, row), style="red" if "NO" in row else None)
        console.print(table)

    def markdown(self) -> str:
        """The table as a Markdown section."""
        lines = [f"## {self.title}", "", _line(self.columns), _line(["---"] * len(self.columns))]
        return "\n".join([*lines, *map(_line, self.rows), "", *([self.caption, ""] if self.caption else [])])


def yes_or_no(figures: Sequence[Figure]) -> str:
    """Whether all floors are met, "yes" or "NO"; empty where no figure has a floor.

    >>> yes_or_no([Figure(1, "s", 2), Figure(9, "MB", 8)]), yes_or_no([Figure(1, "s")])
    ('NO', '')
    """
    met = [figure.met for figure in figures if figure.met is not None]
    return ("yes" if all(met) else "NO") if met else ""


def console_of_width(columns: int) -> Console:
    """The terminal; where output goes to a file or a pipe, lines of so many columns, so that fewer are folded."""
    console = Console()
    return console if console.is_terminal else Console(width=columns)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
