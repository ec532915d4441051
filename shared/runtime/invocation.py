"""What every trigger shares: warm-ups, one log line per outcome, metrics, failures that look failed."""

import gc
import traceback
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from shared.errors import AppError, Conflict, Unforeseen
from shared.report import Detail, Report
from shared.runtime.secrets import mark_suspect, refresh_settings

if TYPE_CHECKING:
    from shared.store.malformed import MalformedDocuments

Handler = Callable[[Any, Any], Any]

WARM_UP = "serverless-plugin-warmup"
IDS_LOGGED = 20

_logger = Logger(service="feedkeeper")


def invoke(
    name: str, event: Any, context: Any, work: Callable[[], Report], *, answers: bool = False
) -> dict[str, Detail] | None:
    """Run `work` as one invocation of the function `name` and return its report as counts; None for a warm-up.

    answers  whether `work` makes answers of its failures: then it calls `prepare` by itself

    Another run being under way is a quiet success that did nothing. Every other failure is logged once and raised, so
    that the scheduler sees it: in our terms, since Lambda writes what is raised into the log.
    """
    if isinstance(event, dict) and event.get("source") == WARM_UP:
        return None
    _logger.append_keys(function=name, correlation_id=getattr(context, "aws_request_id", None))
    _freeze()
    try:
        if not answers:
            prepare()
        from shared.store.deadline import invocation_deadline  # a warm-up does not load the database
        from shared.store.malformed import collecting

        with invocation_deadline(context), collecting() as malformed:
            report = _with_malformed(work(), malformed)
    except Conflict as conflict:
        report = Report(details={"skipped": str(conflict)})
    except Exception as error:
        log_failure(error)
        known = to_app_error(error)
        if known is error:
            raise
        raise known from None
    _tell(name, report)
    return report.as_dict()


def prepare() -> None:
    """Have settings that are known and not too old; raises where there are none."""
    if old := refresh_settings():
        _logger.warning("secrets are not read again", reason=old)


@cache
def _freeze() -> None:
    """What was imported by the first invocation stays, so the collector need not walk it at every pass."""
    gc.freeze()


def _with_malformed(report: Report, read: "MalformedDocuments") -> Report:
    """The report with what its readers met beside what it says itself, each document once."""
    named = {repr(one) for one in read.ids}
    others = [one for one in report.malformed if repr(one) not in named]
    return replace(report, malformed=[*others, *read.ids], more_malformed=report.more_malformed + read.more)


def _tell(name: str, report: Report) -> None:
    counts = report.as_dict()
    if malformed := counts.get("malformed"):
        first = [str(one) for one in report.malformed[:IDS_LOGGED]]
        _logger.warning("malformed documents", count=malformed, first=first)
    _logger.info("done", report=counts)
    metrics = EphemeralMetrics(namespace="Feedkeeper", service="feedkeeper")  # one process may run several functions
    metrics.add_dimension(name="function", value=name)
    for metric, value in counts.items():
        if isinstance(value, int | float):
            metrics.add_metric(name=metric, unit=MetricUnit.NoUnit, value=value)
    try:
        metrics.flush_metrics()
    except OSError as error:  # what was done is done, and whoever waits gets the answer
        _logger.warning("metrics are lost", reason=type(error).__name__)


def to_app_error(error: Exception) -> AppError:
    """The failure in our terms, those of the database included."""
    if isinstance(error, AppError):
        return error
    from shared.store import as_app_error  # a failure that came before the database was needed has not loaded it

    return as_app_error(error) or Unforeseen(type(error).__name__)


def log_failure(error: Exception, **more: Detail) -> None:
    """One line in the log; with a trace where the failure did not come from our own checks.

    Of what others raise only the place is told, since its text may repeat what a person wrote.
    """
    known = to_app_error(error)
    if known.retry_helps:
        mark_suspect()
    told: dict[str, Any] = {"error": type(known).__name__, "reason": str(known), **more}
    if known is error:
        _logger.error("failed", retry_helps=known.retry_helps, **told)
    else:
        _logger.error("failed", exception="".join(traceback.format_tb(error.__traceback__)), **told)
