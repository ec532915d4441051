"""The terminal that commands write to."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

Step = Callable[[str, int, int], None]  # called with (step, done, total)

console = Console()


def say(step: str, seconds: float, result: str = "") -> None:
    """Print one line: the step, its time [s] and its result."""
    console.print(f"{step:<26}{seconds:>7.1f} s  {result}", highlight=False, markup=False, soft_wrap=True)


@contextmanager
def progress_bars() -> Iterator[Step]:
    """Show one progress bar per step; they disappear at the end."""
    columns = TextColumn("{task.description:<20}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        tasks: dict[str, Any] = {}

        def step(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=total or None)
            bars.update(tasks[name], completed=done)

        yield step
