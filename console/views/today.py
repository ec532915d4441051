"""The operator's morning: what works and what does not, one line for each, with the page that says more."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from console.access import HOME
from console.fields import NoFields
from console.lines import STATES, Line
from console.service import Console
from console.templates import render
from console.views import modules
from console.visitor import Visitor
from shared.api import Response, Route


@dataclass(frozen=True, slots=True)
class Today:
    """The page.

    lines  what does not work, and what does
    now    when it was so, to the minute
    """

    template: ClassVar[str] = "today.html"
    path: ClassVar[str] = HOME

    lines: Sequence[Line]
    now: datetime


def today(console: Console, visitor: Visitor, query: NoFields, now: datetime) -> Response:
    """What works and what does not, now."""
    of_domains = [module.lines for module in modules() if hasattr(module, "lines")]
    minute = now.replace(second=0, microsecond=0)  # so that a page on which nothing has changed is not sent again
    lines = [line for lines in of_domains for line in lines(console, now)]
    return render(Today(sorted(lines, key=lambda line: STATES.index(line.state)), minute), visitor)


ROUTES: tuple[Route[Console], ...] = (Route("GET", HOME, "Today", NoFields, today, "see"),)
