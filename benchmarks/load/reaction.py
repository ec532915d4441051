"""One measured quantity of answers or changes, as a row of a table."""

from dataclasses import dataclass

from benchmarks.floors import Figure
from benchmarks.table import yes_or_no


@dataclass(frozen=True, slots=True)
class Reaction:
    """A quantity by its title, `what`; `told` is a note on how it was measured. Both are keys of the saved JSON."""

    what: str
    figure: Figure
    told: str = ""

    def row(self) -> tuple[str, ...]:
        """Title, value, floor, whether it is met, and the note."""
        return (self.what, self.figure.text, self.figure.floor_text, yes_or_no([self.figure]), self.told)
