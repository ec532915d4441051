"""What every trigger shares: warm-ups, one log line per outcome, metrics, a record of the run, and failures that the
caller sees as such."""

import gc
import traceback
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from shared.errors import AppError, Conflict, Unforeseen
from shared.report import Detail, Report
from shared.runtime.log import logger
from shared.runtime.recording import note_failure, recording
from shared.runtime.secrets import mark_suspect, refresh_settings

if TYPE_CHECKING:
    from shared.store.job_runs import Trigger
    from shared.store.malformed import MalformedDocuments

Handler = Callable[[Any, Any], Any]

WARM_UP = "serverless-plugin-warmup"
MAX_IDS_LOGGED = 20
ANSWERS = ("answer", "request")  # triggers whose caller is answered whatever happens


def invoke(
    name: str, event: Any, context: Any, work: Callable[[], Report], *, trigger: "Trigger"
) -> dict[str, Detail] | None:
    """Run `work` as one invocation of the function `name` and return its report as counts; None for a warm-up.

    trigger  what fires the function; the work of an "answer" or a "request" turns its failures into answers, and has to
             call `prepare` itself

    A Conflict, which another run under way raises, counts as a success that did nothing. Every other failure is logged
    once and raised, so that the caller sees it: as an AppError, since Lambda writes the text of what is raised into the
    log. The run is recorded in `jobRuns`, whatever came of it.
    """
    if isinstance(event, dict) and event.get("source") == WARM_UP:
        return None
    logger.thread_safe_append_keys(function=name, correlation_id=getattr(context, "aws_request_id", None))
    _freeze()
    with recording(name, trigger, context) as run:
        try:
            if trigger not in ANSWERS:
                prepare()
            from shared.store.deadline import invocation_deadline  # a warm-up does not load the database
            from shared.store.malformed import collecting

            with invocation_deadline(context), collecting() as run.malformed:
                run.report = _with_malformed(work(), run.malformed)
        except Conflict as conflict:
            run.report = Report(details={"skipped": str(conflict)})
        except Exception as error:
            log_failure(error)
            app_error = to_app_error(error)
            if app_error is error:
                raise
            raise app_error from None
        publish_report(name, run.report)
        return run.report.as_dict()


def prepare() -> None:
    """Read the settings, or read them again where they are old; raises where there are none.

    Where they cannot be read again, a warning is logged and the present ones stay in use.
    """
    if reason := refresh_settings():
        logger.warning("secrets are not read again", reason=reason)


@cache
def _freeze() -> None:
    """Exempt what the first invocation imported from garbage collection, which would walk it at every pass in vain."""
    gc.freeze()


def _with_malformed(report: Report, read: "MalformedDocuments") -> Report:
    """Add the malformed documents that were read to those that the report names, each document once."""
    read_ids = {repr(key) for key in read.ids}
    reported = [key for key in report.malformed if repr(key) not in read_ids]
    return replace(report, malformed=[*reported, *read.ids], more_malformed=report.more_malformed + read.more)


def publish_report(name: str, report: Report) -> None:
    """Log what a run of the function `name` did, and write every number of it as a metric."""
    counts = report.as_dict()
    if malformed := counts.get("malformed"):
        first = [str(key) for key in report.malformed[:MAX_IDS_LOGGED]]
        logger.warning("malformed documents", count=malformed, first=first)
    logger.info("done", report=counts)
    metrics = EphemeralMetrics(namespace="Feedkeeper", service="feedkeeper")  # one process may run several functions
    metrics.add_dimension(name="function", value=name)
    for metric, value in counts.items():
        if isinstance(value, int | float):
            metrics.add_metric(name=metric, unit=MetricUnit.NoUnit, value=value)
    try:
        metrics.flush_metrics()
    except OSError as error:  # the work is done, and a caller that waits for the answer gets it
        logger.warning("metrics are lost", reason=type(error).__name__)


def to_app_error(error: Exception) -> AppError:
    """The error as an AppError: itself, the equivalent of an error of the database, or Unforeseen."""
    if isinstance(error, AppError):
        return error
    from shared.store import as_app_error  # loaded only where something failed: some functions never need it

    return as_app_error(error) or Unforeseen(type(error).__name__)


def log_failure(error: Exception, **more: Detail) -> None:
    """Write one line into the log, with a stack trace where the error is no AppError; the run under way has failed.

    more  further fields of the line

    Of an error that is no AppError neither text nor values are logged: they may repeat what a person wrote. Where a
    retry helps, the settings are marked as suspect, since an old secret may be the cause.
    """
    app_error = to_app_error(error)
    note_failure(app_error)
    if app_error.retry_helps:
        mark_suspect()
    fields: dict[str, Any] = {"error": type(app_error).__name__, "reason": str(app_error), **more}
    if app_error is error:
        logger.error("failed", retry_helps=app_error.retry_helps, **fields)
    else:
        logger.error("failed", exception="".join(traceback.format_tb(error.__traceback__)), **fields)
