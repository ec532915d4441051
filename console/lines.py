"""Lines of the page Today: what works and what does not."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, get_args

State = Literal["failed", "attention", "good", "unknown"]
MAX_COUNTED = 500  # of what waits; each page and each verdict waits for the count
STATES: tuple[State, ...] = get_args(State)  # the order on the page


@dataclass(frozen=True, slots=True)
class Line:
    """One line.

    subject  key of what the line is about
    key      of its sentence, whose braces take `values`
    path     of the page that says more
    right    that the page needs; the line is shown without its link to who lacks it
    at       a moment that the sentence is about
    """

    state: State
    subject: str
    key: str
    path: str
    values: Mapping[str, object] = field(default_factory=dict)
    right: str = "see"
    at: datetime | None = None


def counted(count: Callable[[int], int]) -> tuple[int, str]:
    """A number that is counted up to MAX_COUNTED only, and its text.

    count  counts as many as it is given at most
    """
    number = count(MAX_COUNTED)
    return number, f"{number:,}" + "+" * (number == MAX_COUNTED)
