"""Lines of the page Today: what works and what does not."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, get_args

State = Literal["failed", "attention", "good", "unknown"]
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
