"""Records in `jobRuns` what each run did, beside its line in the log.

Runs of a schedule, a queue or a call are written one by one, as they end. Answers to people and changes, of which there
may be thousands a second, are summed by function, outcome and `SUMMED_OVER`; a thread writes the sums, so that no
answer waits for them, at most every `WRITE_EVERY_S` per process, `FAILED_AFTER_S` after a failure. What was summed
since the last write is lost where the process ends, and so may be a write that is under way when Lambda freezes or ends
the container; a summed run is therefore written as it ends where none was written for that long.

A failure to write is logged as a warning and changes no run.
"""

import resource
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock, Thread
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from shared.clock import EPOCH
from shared.errors import AppError
from shared.report import Report
from shared.runtime.log import logger

if TYPE_CHECKING:
    from shared.store.job_runs import JobRun, Outcome, Trigger
    from shared.store.malformed import MalformedDocuments

SUMMED = ("change", "answer", "request")  # triggers whose runs are summed
SUMMED_OVER = timedelta(minutes=5)
WRITE_EVERY_S = 10.0
FAILED_AFTER_S = 1.0
WRITE_S = 0.8  # at most; of the time that is left at the end of an invocation (`LAST_S`), a lease may need the rest
_BYTES_OF_RSS = 1 if sys.platform == "darwin" else 1_024


@dataclass(slots=True)
class Run:
    """A run under way, and what came of it.

    error  the last failure that was logged
    """

    function: str
    trigger: "Trigger"
    request_id: str
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    began: float = field(default_factory=perf_counter)
    due: datetime | None = None
    report: Report | None = None
    error: AppError | None = None
    malformed: "MalformedDocuments | None" = None

    @property
    def outcome(self) -> "Outcome":
        """A run fails where a failure was logged, be it raised, answered, or that of one message or change."""
        if self.error:
            return "failed"
        return "skipped" if self.report and "skipped" in self.report.details else "done"

    def ended(self) -> "JobRun":
        """The run as it is stored, now that it has ended."""
        from shared.store.job_runs import JobRun, key_of

        is_summed = self.trigger in SUMMED
        report = self.report.as_dict() if self.report else {}
        if (status := report.pop("status", None)) is not None:  # of HTTP; runs that are summed count their answers
            report[f"status {status}"] = 1
        started_at = self.started_at
        if is_summed:
            started_at -= (started_at - EPOCH) % SUMMED_OVER
        return JobRun(
            function=self.function,
            trigger=self.trigger,
            outcome=self.outcome,
            started_at=started_at,
            ended_at=datetime.now(UTC),
            seconds=perf_counter() - self.began,
            key=key_of(started_at, self.function, self.outcome if is_summed else uuid4().hex),
            due=self.due,
            report=report,
            malformed=self.malformed.counts if self.malformed else {},
            error=type(self.error).__name__ if self.error else "",
            reason=str(self.error or ""),
            request_id=self.request_id,
            memory_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _BYTES_OF_RSS / 1e6,
        )


class Sums:
    """Sums of runs that are not written yet; safe to share between threads."""

    def __init__(self) -> None:
        self._runs: dict[str, JobRun] = {}
        self._lock = Lock()
        self._written_at: float | None = None

    def add(self, run: "JobRun") -> Sequence["JobRun"]:
        """Add a run. Returns the sums that are to be written now, none where the last ones were returned just now."""
        with self._lock:
            before, now = self._runs.get(run.key), monotonic()
            self._runs[run.key] = before.plus(run) if before else run
            pause = FAILED_AFTER_S if run.outcome == "failed" else WRITE_EVERY_S
            if self._written_at is not None and now - self._written_at < pause:
                return ()
            taken, self._runs, self._written_at = list(self._runs.values()), {}, now
            return taken


sums = Sums()
_under_way: ContextVar[Run | None] = ContextVar("run_under_way", default=None)


@contextmanager
def recording(function: str, trigger: "Trigger", context: Any) -> Iterator[Run]:
    """Record what is done inside the `with` as a run of the function, unless it is interrupted."""
    run = Run(function, trigger, str(getattr(context, "aws_request_id", None) or ""))
    token = _under_way.set(run)
    try:
        yield run
    finally:
        _under_way.reset(token)
        if run.report or run.error:
            record(run)


def note_due(moment: datetime) -> None:
    """Note for which moment the run under way was due."""
    if run := _under_way.get():
        run.due = moment


def note_failure(error: AppError) -> None:
    """Note a failure of the run under way."""
    if run := _under_way.get():
        run.error = error


def record(run: Run) -> None:
    """Write a run that has ended, or add it to the sums; never raises."""

    def written() -> None:
        ended = run.ended()
        if run.trigger not in SUMMED:
            write([ended])
        elif due := sums.add(ended):
            start(lambda: _never_in_the_way(lambda: write(due)))

    _never_in_the_way(written)


def start(task: Callable[[], None]) -> None:
    """Run a task on a thread, for which the process waits at its end."""
    Thread(target=copy_context().run, args=(task,)).start()


def _never_in_the_way(task: Callable[[], None]) -> None:
    try:
        task()
    except Exception as error:  # noqa: BLE001 - no failure to record a run may become one of the run
        logger.warning("runs are not recorded", reason=type(error).__name__)


def write(runs: Sequence["JobRun"]) -> None:
    """Store runs in `jobRuns`, within `WRITE_S`; raises where that fails."""
    from shared.store import open_store
    from shared.store.deadline import with_fresh_deadline

    store = open_store()
    with_fresh_deadline(WRITE_S, store.job_runs.record, runs)
