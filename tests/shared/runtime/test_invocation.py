"""Scheduled runs and direct calls: their answers, log lines, metrics and failures."""

import json
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from msgspec import Struct
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    DuplicateKeyError,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
)

from shared.config import forget_settings
from shared.errors import (
    AppError,
    BadConfig,
    BadEvent,
    Conflict,
    NotFound,
    Refused,
    StaleModel,
    Unavailable,
    Unforeseen,
)
from shared.report import Report
from shared.requests import ShortText
from shared.runtime import Tick, on_direct_answer, on_direct_call, on_schedule
from shared.runtime.invocation import invoke
from tests.waiting import allowed

SECRET = "what nobody else may read"
DUE = "2026-01-15T12:00:00Z"
EVENT = {"source": "aws.scheduler", "time": DUE}


@dataclass
class Context:
    aws_request_id: str = "request-1"


@pytest.fixture(autouse=True)
def settled(monkeypatch):
    """Settings that need no server."""
    monkeypatch.setenv("MONGO_URI", "mongodb://127.0.0.1:1/")
    monkeypatch.delenv("FEEDKEEPER_OPTIONS", raising=False)
    forget_settings()
    yield
    forget_settings()


def job(outcome):
    """A handler whose job ends like that."""

    @on_schedule
    def handler(tick):
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome(tick) if callable(outcome) else outcome

    return handler


def metrics_in(text):
    """Namespace, metrics and dimensions of the only line in CloudWatch's embedded format."""
    (line,) = [json.loads(line) for line in text.splitlines() if '"_aws"' in line]
    directive = line["_aws"]["CloudWatchMetrics"][0]
    return directive["Namespace"], {metric["Name"]: line[metric["Name"]] for metric in directive["Metrics"]}, line


def test_a_tick_is_the_moment_the_run_was_due_not_the_moment_it_runs():
    ticks = []

    def remember(tick):
        ticks.append(tick)
        return Report()

    job(remember)(EVENT, Context())

    assert ticks == [Tick(datetime(2026, 1, 15, 12, tzinfo=UTC))]


def test_a_tick_from_another_zone_is_the_same_moment():
    tick = Tick.of({"time": "2026-01-15T19:00:00+07:00"}, clock=datetime(2026, 2, 1, tzinfo=UTC))

    assert tick.time == datetime(2026, 1, 15, 12, tzinfo=UTC)
    assert tick.time.tzinfo is UTC


@pytest.mark.parametrize(
    ("event", "named"),
    [
        (None, "event: a scheduled event is an object, not NoneType"),
        ([EVENT], "event: a scheduled event is an object, not list"),
        ("tick", "event: a scheduled event is an object, not str"),
        ({}, r"event\.time: .* missing"),
        ({"time": 1768478400}, r"event\.time: .* missing"),
        ({"time": ""}, r"event\.time: not a moment"),
        ({"time": "yesterday"}, r"event\.time: not a moment"),
        ({"time": "2026-13-01T00:00:00Z"}, r"event\.time: not a moment"),
        ({"time": "2026-01-15T12:00:00"}, r"event\.time: has no time zone"),
        ({"time": "<aws.scheduler.scheduled-time>"}, r"event\.time: not a moment"),
        ({"time": "0001-01-01T00:00:00+14:00"}, r"event\.time: lies before 1970"),
        ({"time": "9999-12-31T23:59:59-14:00"}, r"event\.time: lies in the future"),
        ({"Records": [{"body": "{}"}]}, r"event\.time"),
        ({"detail": {"operationType": "insert"}, "time": None}, r"event\.time"),
    ],
)
def test_an_event_that_no_schedule_sends_is_refused(event, named):
    ran = []
    handler = job(lambda tick: ran.append(tick))

    with pytest.raises(BadEvent, match=named):
        handler(event, Context())

    assert ran == []


def test_clocks_may_differ_by_a_little():
    now = datetime(2026, 1, 15, 12, tzinfo=UTC)

    assert Tick.of(EVENT, clock=now - timedelta(minutes=4)).time == now
    with pytest.raises(BadEvent):
        Tick.of(EVENT, clock=now - timedelta(minutes=6))


def test_a_warm_up_does_nothing_and_says_so(logged, capsys):
    ran = []

    assert job(lambda tick: ran.append(tick))({"source": "serverless-plugin-warmup"}, Context()) is None

    assert ran == []
    assert logged() == []
    assert capsys.readouterr().out == ""


def test_a_report_becomes_the_answer_one_log_line_and_metrics(logged, capsys):
    report = Report(read=5, written=4, removed=1, details={"countries": 2, "model": "v1"})

    answer = job(report)(EVENT, Context())

    assert answer == {"read": 5, "written": 4, "removed": 1, "countries": 2, "model": "v1"}
    (line,) = logged()
    assert (line["level"], line["message"], line["report"]) == ("INFO", "done", answer)
    assert (line["function"], line["correlation_id"]) == ("test_invocation", "request-1")
    namespace, metrics, dimensions = metrics_in(capsys.readouterr().out)
    assert namespace == "Feedkeeper"
    assert metrics == {"read": [5.0], "written": [4.0], "removed": [1.0], "countries": [2.0]}
    assert dimensions["function"] == "test_invocation"


def test_functions_of_one_process_log_their_own_names_also_at_the_same_time(logged):
    both_run = threading.Barrier(2)

    def run(name):
        def work():
            both_run.wait(allowed(30))
            raise Unavailable(f"of {name}")

        with pytest.raises(Unavailable):
            invoke(name, EVENT, Context(), work, trigger="schedule")

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(run, ("first", "second")))

    assert {(line["function"], line["reason"]) for line in logged()} == {("first", "of first"), ("second", "of second")}


def test_metrics_of_one_run_do_not_leak_into_the_next(capsys):
    job(Report(read=5, removed=3))(EVENT, Context())
    capsys.readouterr()

    job(Report(read=1))(EVENT, Context())

    assert metrics_in(capsys.readouterr().out)[1] == {"read": [1.0], "written": [0.0]}


def test_ids_of_malformed_documents_are_logged_but_not_all_of_a_flood(logged):
    answer = job(Report(read=100, malformed=list(range(50))))(EVENT, Context())

    warning = next(line for line in logged() if line["level"] == "WARNING")
    assert answer["malformed"] == warning["count"] == 50
    assert warning["first"] == [str(key) for key in range(20)]


def test_a_run_while_another_is_under_way_is_a_quiet_skip(logged):
    answer = job(Conflict("another run of x is under way"))(EVENT, Context())

    assert answer == {"read": 0, "written": 0, "skipped": "another run of x is under way"}
    assert [line["level"] for line in logged()] == ["INFO"]


@pytest.mark.parametrize("kind", [BadConfig, BadEvent, NotFound, Refused, StaleModel, Unavailable])
def test_a_foreseen_failure_is_logged_once_and_raised(logged, capsys, kind):
    with pytest.raises(kind, match="the reason"):
        job(kind("the reason"))(EVENT, Context())

    (line,) = logged()
    assert (line["level"], line["error"], line["reason"]) == ("ERROR", kind.__name__, "the reason")
    assert line["retry_helps"] == (kind in (StaleModel, Unavailable))
    assert capsys.readouterr().out == "", "a failed run tells no counts"


def test_an_unforeseen_failure_is_logged_once_with_its_place_and_raised_without_its_text(logged):
    """Lambda writes what is raised into the log, and what others raise may repeat what a person wrote."""

    def fails(tick):
        raise ValueError(SECRET)

    with pytest.raises(Unforeseen, match=r"^ValueError$") as caught:
        job(fails)(EVENT, Context())

    (line,) = logged()
    assert (line["level"], line["error"], line["reason"]) == ("ERROR", "Unforeseen", "ValueError")
    assert "in fails" in line["exception"]
    assert SECRET not in str(logged()) + "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ServerSelectionTimeoutError("x"), "does not answer: ServerSelectionTimeoutError"),
        (AutoReconnect("x"), "does not answer: AutoReconnect"),
        (OperationFailure("x", 13, {"codeName": "Unauthorized"}), "refuses the operation: Unauthorized"),
        (DuplicateKeyError("x", 11000, {"codeName": "DuplicateKey"}), "refuses the operation: DuplicateKey"),
        (BulkWriteError({"writeErrors": [{"code": 121}, {"code": 121}]}), r"refuses 2 writes with the codes \[121\]"),
        (PyMongoError("x"), "failed: PyMongoError"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_a_failure_of_the_database_is_one_of_ours(logged, error, reason):
    with pytest.raises(Unavailable, match=reason) as caught:
        job(error)(EVENT, Context())

    assert caught.value.__suppress_context__
    assert len(logged()) == 1


def test_a_missing_setting_is_told_before_anything_is_done(monkeypatch):
    monkeypatch.delenv("MONGO_URI")
    forget_settings()
    ran = []

    with pytest.raises(BadConfig, match="MONGO_URI is missing"):
        job(lambda tick: ran.append(tick))(EVENT, Context())

    assert ran == []


def test_only_two_failures_are_worth_a_retry():
    kinds = [BadConfig, BadEvent, NotFound, Refused, Conflict, StaleModel, Unavailable]

    assert [kind for kind in kinds if kind.retry_helps] == [StaleModel, Unavailable]
    assert all(issubclass(kind, AppError) for kind in kinds)


class Naming(Struct):
    name: ShortText


class Choice(Struct):
    number: int = 0


def call(event):
    moments = []

    @on_direct_call(Naming)
    def handler(request, now):
        moments.append(now)
        return Report(details={"name": request.name})

    return handler(event, Context()), moments


def test_a_call_gives_its_payload_and_moment():
    answer, moments = call({"name": "x" * 128, "more": None})

    assert answer == {"read": 0, "written": 0, "name": "x" * 128}
    assert moments[0].tzinfo is UTC


@pytest.mark.parametrize("event", [None, [], "name", 3])
def test_a_call_without_an_object_is_refused(event):
    with pytest.raises(BadEvent, match="event: a call needs an object"):
        call(event)


@pytest.mark.parametrize("value", [None, "", 3, ["x"], "x" * 129])
def test_a_field_that_is_no_short_text_is_named(value):
    with pytest.raises(BadEvent, match="name: needs a text of 1 to 128 characters"):
        call({"name": value})


def test_a_call_is_answered_by_its_body_and_a_failure_by_what_is_said_instead(deployed, logged):
    failures = [None, BadEvent("accountId: needs an id"), RuntimeError("what a person wrote")]

    @on_direct_answer(Choice, lambda payload, reason: {"sorry": payload, "reason": reason})
    def handler(request, now):
        failure = failures[request.number]
        if failure:
            raise failure
        return {"answer": 42}, Report(read=1)

    assert handler({"number": 0}, None) == {"answer": 42}
    assert handler({"number": 1}, None) == {"sorry": {"number": 1}, "reason": "accountId: needs an id"}
    assert handler({"number": 2}, None) == {"sorry": {"number": 2}, "reason": "RuntimeError"}
    assert handler([], None) == {"sorry": [], "reason": "event: a call needs an object, not list"}
    assert handler({"source": "serverless-plugin-warmup"}, None) is None
    failures_logged = [line for line in logged() if line["message"] == "failed"]
    assert [line["reason"] for line in failures_logged][:2] == ["accountId: needs an id", "RuntimeError"]
    assert "what a person wrote" not in str(failures_logged)


@pytest.mark.parametrize(
    "failure", [BadEvent("x: is no y"), Conflict("busy"), Unavailable("gone"), RuntimeError(SECRET)]
)
def test_a_call_that_failed_is_logged_once_and_counted_and_its_caller_is_answered(logged, capsys, failure):
    @on_direct_answer(Choice, lambda payload, reason: {"code": 1001, "reason": reason})
    def handler(request, now):
        raise failure

    answer = handler({}, Context())

    printed = capsys.readouterr().out
    assert answer["code"] == 1001
    assert len([line for line in logged() if line["message"] == "failed"]) == 1
    assert metrics_in(printed)[1]["failed"] == [1.0]
    assert SECRET not in printed + json.dumps([answer, logged()])


def test_a_call_that_is_answered_is_counted_by_its_report(capsys):
    @on_direct_answer(Choice, lambda payload, reason: {})
    def handler(request, now):
        return {"answer": 42}, Report(written=3)

    assert handler({}, Context()) == {"answer": 42}
    assert metrics_in(capsys.readouterr().out)[1]["written"] == [3.0]
