"""The terminal that commands write to."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

Step = Callable[[str, int, int], None]

console = Console()


def say(what: str, seconds: float, told: str = "") -> None:
    """One line: what was done, how long it took, what came of it."""
    console.print(f"{what:<26}{seconds:>7.1f} s  {told}", highlight=False, markup=False, soft_wrap=True)


@contextmanager
def progress_bars() -> Iterator[Step]:
    """One bar per step, gone when all is done."""
    columns = TextColumn("{task.description:<20}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        tasks: dict[str, Any] = {}

        def step(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=total or None)
            bars.update(tasks[name], completed=done)

        yield step
