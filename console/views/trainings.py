"""What came of the last trainings: which models went live, which did not, and why."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from console.fields import NoFields
from console.lines import Line, State
from console.service import Console
from console.templates import render
from console.training_reasons import Reasoned, reasoned
from console.views.models import MODELS
from console.visitor import Visitor
from shared.api import Response, Route

TRAININGS = f"{MODELS}/trainings"
SHOWN, COUNTED = 300, 2_000  # outcomes
LATELY, WEEK = timedelta(hours=26), timedelta(days=7)  # most models are trained once a day


@dataclass(frozen=True, slots=True)
class Trainings:
    """The page.

    outcomes  of the last week, the newest first
    """

    template: ClassVar[str] = "trainings.html"
    path: ClassVar[str] = MODELS

    outcomes: Sequence[Reasoned]


def trainings(console: Console, visitor: Visitor, query: NoFields, now: datetime) -> Response:
    """The outcomes of a week."""
    outcomes = console.training_outcomes.since(now - WEEK, SHOWN)
    return render(Trainings([reasoned(outcome) for outcome in outcomes]), visitor)


def lines(console: Console, now: datetime) -> Iterator[Line]:
    """How many models the trainings of the last day made live, and how many they did not."""
    number = console.training_outcomes.numbers_since(now - LATELY, COUNTED)
    if not number:
        yield Line("attention", "today.trainings", "today.trainings.none", TRAININGS)
        return
    state: State = (
        "attention" if number["not better"] or number["frozen"] or number["given up"] or number["overtaken"] else "good"
    )
    values = {outcome.replace(" ", "_"): number[outcome] for outcome in ("promoted", "not better", "too little data")}
    values["other"] = number["frozen"] + number["given up"] + number["overtaken"]
    yield Line(state, "today.trainings", "today.trainings.came", TRAININGS, values)


ROUTES: tuple[Route[Console], ...] = (Route("GET", TRAININGS, "What came of trainings", NoFields, trainings, "see"),)
