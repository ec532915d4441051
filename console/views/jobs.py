"""What ran: the last run of each function, and all runs of one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, ClassVar, Final

from msgspec import Meta, Struct

from console.charts import Chart, of_runs
from console.fields import NoFields
from console.lines import Line, State
from console.service import Console
from console.templates import render
from console.visitor import Visitor
from shared.api import SERVER_ERROR, STATUS, Response, Route
from shared.errors import NotFound
from shared.requests import refused
from shared.store.job_runs import JobRun

ROWS = 50
OF_A_WINDOW = 3  # outcomes
LATELY = timedelta(hours=24)  # for Today
FAILED: Final = "failed"
CALLED = ("call", "answer", "request")  # triggers of runs that somebody asked for
REFUSALS = frozenset(error.__name__ for error, status in STATUS.items() if status < SERVER_ERROR)
JOBS = "/console/jobs"


class JobQuery(Struct):
    """Which runs of a function: only those that failed, and those before one."""

    name: Annotated[str, Meta(max_length=128), refused("is not the name of a function")]
    before: Annotated[str, Meta(max_length=400), refused("is not a run that a page came with")] = ""
    failed: Annotated[str, Meta(max_length=1), refused("needs 1 or nothing")] = ""


@dataclass(frozen=True, slots=True)
class Jobs:
    """The page of all functions.

    latest  the last run of each function, by name
    failed  the last runs that failed, the newest first
    """

    template: ClassVar[str] = "jobs.html"
    path: ClassVar[str] = JOBS

    latest: Sequence[JobRun]
    failed: Sequence[JobRun]


@dataclass(frozen=True, slots=True)
class Job:
    """The page of one function.

    name       of the function
    runs       the newest first
    failed     whether only runs that failed were asked for
    charts     of their time and memory
    next_page  key of the run before which the next page begins; empty at the end
    """

    template: ClassVar[str] = "job.html"
    path: ClassVar[str] = JOBS

    name: str
    runs: Sequence[JobRun]
    failed: bool
    charts: Sequence[Chart]
    next_page: str


def jobs(console: Console, visitor: Visitor, query: NoFields, now: datetime) -> Response:
    """The last run of each function, and what failed."""
    runs = console.store.job_runs
    return render(Jobs(runs.latest(), runs.newest(ROWS, failed=True)), visitor)


def job(console: Console, visitor: Visitor, query: JobQuery, now: datetime) -> Response:
    """The runs of one function; NotFound for one that never ran."""
    failed = query.failed == "1"
    runs = console.store.job_runs.newest(ROWS + 1, function=query.name, failed=failed, before=query.before)
    if not runs and not query.before and not failed:
        raise NotFound(f"name: no run of {query.name} is recorded")
    next_page = runs[ROWS - 1].key if len(runs) > ROWS else ""
    return render(Job(query.name, runs[:ROWS], failed, of_runs(runs[:ROWS]), next_page), visitor)


def lines(console: Console, now: datetime) -> Iterator[Line]:
    """Which functions failed in the last day and have not succeeded since."""
    runs = console.store.job_runs
    lately = [run for run in runs.latest() if run.outcome == FAILED and now - run.ended_at < LATELY]
    lately = [run for run in lately if not is_refusal(run)]
    failing = [run for run in lately if not _has_succeeded(runs.newest(OF_A_WINDOW, function=run.function), run)]
    for run in failing:
        yield Line(
            FAILED,
            "nav.jobs",
            "today.jobs.failed",
            f"{JOBS}/{run.function}",
            {"function": run.function, "reason": f"{run.error}: {run.reason}"},
            at=run.ended_at,
        )
    if not failing:
        state: State = "good"
        yield Line(state, "nav.jobs", "today.jobs.good", JOBS)


def is_refusal(run: JobRun) -> bool:
    """Whether nothing is wrong but what a caller asked for, such as an account that does not exist."""
    return run.trigger in CALLED and run.error in REFUSALS


def _has_succeeded(newest: Sequence[JobRun], failed: JobRun) -> bool:
    """Whether one of these runs has succeeded after the failed one: runs of a few minutes are summed by their outcome,
    and the sums of one window have no order of their own."""
    return any(run.outcome != FAILED and run.ended_at > failed.ended_at for run in newest)


ROUTES: tuple[Route[Console], ...] = (
    Route("GET", JOBS, "The last run of each function", NoFields, jobs, "see"),
    Route("GET", JOBS + "/{name}", "The runs of a function", JobQuery, job, "see"),
)
