"""What a run leaves in `jobRuns`, and that leaving it is never in the way."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic

import pytest
from bson import ObjectId
from msgspec import Struct

from local.functions import all_functions, function, pipeline
from shared.config import forget_settings
from shared.errors import Conflict, NotFound, Refused, Unavailable, Unforeseen
from shared.report import Report
from shared.runtime import on_change, on_direct_answer, on_direct_call, on_queue, on_schedule, recording
from shared.runtime.change_events import QUEUE
from shared.store import close_store
from shared.store.deadline import LAST_S
from shared.store.leases import GIVE_BACK_S
from shared.store.malformed import name_malformed
from tests.waiting import allowed, until

DUE = datetime(2026, 1, 15, 12, tzinfo=UTC)
EVENT = {"source": "aws.scheduler", "time": "2026-01-15T12:00:00Z"}
SECRET = "what nobody else may read"
ON_A_THREAD = recording.start
NOWHERE = "mongodb://127.0.0.1:1/"


@dataclass
class Context:
    aws_request_id: str = "request-1"


class Nothing(Struct):
    pass


def job(outcome):
    @on_schedule
    def handler(tick):
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome() if callable(outcome) else outcome

    return handler


def answering(outcome):
    @on_direct_answer(Nothing, lambda payload, reason: {"sorry": reason})
    def handler(request, now):
        if isinstance(outcome, BaseException):
            raise outcome
        return {"answer": 42}, outcome

    return handler


def change(key):
    return {
        "operationType": "update",
        "ns": {"db": "app-db", "coll": "contents"},
        "documentKey": {"_id": {"$oid": str(key)}},
        "clusterTime": {"$timestamp": {"t": 1_768_478_400, "i": 1}},
        "fullDocument": {"_id": {"$oid": str(key)}},
    }


def test_a_scheduled_run_is_recorded_with_its_due_moment_and_report(recorded):
    began = datetime.now(UTC) - timedelta(milliseconds=1)

    def work():
        name_malformed("contents", ObjectId(), ObjectId())
        return Report(read=5, written=4, details={"model": "v1"})

    answer = job(work)(EVENT, Context())

    (run,) = recorded()
    assert (run.function, run.trigger, run.outcome, run.due) == ("test_recording", "schedule", "done", DUE)
    assert began <= run.started_at <= run.ended_at <= datetime.now(UTC)
    assert 0 < run.seconds < allowed(60)
    assert run.report == answer == {"read": 5, "written": 4, "malformed": 2, "model": "v1"}
    assert run.malformed == {"contents": 2}
    assert (run.error, run.reason, run.request_id, run.runs) == ("", "", "request-1", 1)
    assert 10 < run.memory_mb < 100_000


@pytest.mark.parametrize(
    ("failure", "raised", "reason"),
    [
        (Refused("3 rows"), Refused, "3 rows"),
        (Unavailable("no answer"), Unavailable, "no answer"),
        (ValueError(SECRET), Unforeseen, "ValueError"),
    ],
)
def test_a_failed_run_says_why_but_nothing_of_an_unforeseen_failure(recorded, databases, failure, raised, reason):
    with pytest.raises(raised):
        job(failure)(EVENT, Context())

    (run,) = recorded()
    assert (run.outcome, run.error, run.reason) == ("failed", raised.__name__, reason)
    assert SECRET not in str(list(databases.analytics.jobRuns.find()))


@pytest.mark.parametrize("skip", [Conflict("another run is under way"), Report.late()])
def test_a_run_that_did_nothing_was_skipped(recorded, skip):
    job(skip)(EVENT, Context())

    assert [run.outcome for run in recorded()] == ["skipped"]


def test_an_event_that_is_refused_is_a_failed_run_without_a_due_moment(recorded):
    with pytest.raises(Exception, match=r"event\.time"):
        job(Report())({}, Context())

    assert [(run.outcome, run.error, run.due) for run in recorded()] == [("failed", "BadEvent", None)]


def test_two_deliveries_of_one_event_are_two_runs(recorded):
    for _ in range(2):
        job(Report(read=1))(EVENT, Context())

    assert [run.runs for run in recorded()] == [1, 1]


def test_an_interrupted_run_is_no_run(recorded):
    with pytest.raises(KeyboardInterrupt):
        job(KeyboardInterrupt())(EVENT, Context())

    assert recorded() == []


def test_a_warm_up_is_no_run(recorded):
    for handler in (job(Report()), answering(Report())):
        assert handler({"source": "serverless-plugin-warmup"}, Context()) is None

    assert recorded() == []


def test_calls_and_messages_are_recorded_one_by_one_and_a_returned_message_is_a_failure(recorded):
    @on_direct_call(Nothing)
    def call(request, now):
        return Report(written=1)

    @on_queue
    def train(message):
        if message.body["fails"]:
            raise NotFound("artifact: none")
        return Report(written=1)

    records = [{"messageId": str(n), "body": json.dumps({"fails": n}), "eventSource": QUEUE} for n in (0, 1)]
    call({}, Context())
    train({"Records": records}, Context())
    train({"Records": records[:1]}, Context())

    seen = sorted((run.trigger, run.outcome, run.reason) for run in recorded())
    assert seen == [("call", "done", ""), ("queue", "done", ""), ("queue", "failed", "artifact: none")]


def test_answers_are_summed_by_outcome(recorded):
    for outcome in (Report(read=2), Report(read=3), NotFound("accountId: there is no account"), Conflict("busy")):
        answering(outcome)({}, Context())

    done, failed = sorted(recorded(), key=lambda run: run.outcome)
    assert (done.outcome, done.runs, done.report, done.trigger) == ("done", 2, {"read": 5, "written": 0}, "answer")
    assert (failed.runs, failed.report["failed"], failed.reason) == (2, 2, "busy")
    assert done.started_at.minute % 5 == done.started_at.second == done.started_at.microsecond == 0
    assert done.started_at <= done.ended_at < done.started_at + timedelta(hours=1)


def test_changes_are_summed_and_one_that_is_parked_is_a_failure(recorded):
    @on_change("contents")
    def handler(changes):
        if changes.items[0].key == poison:
            raise NotFound("post: none")
        return Report(read=len(changes.items))

    poison = ObjectId()
    for key in (ObjectId(), ObjectId(), poison):
        handler({"detail": change(key)}, Context())

    done, failed = sorted(recorded(), key=lambda run: run.outcome)
    assert (done.outcome, done.runs, done.report["read"]) == ("done", 2, 2)
    assert (failed.outcome, failed.runs, failed.report["parked"], failed.reason) == ("failed", 1, 1, "post: none")


def test_sums_are_written_at_most_once_in_a_while_and_then_hold_every_run(recorded, databases, monkeypatch):
    clock = [1_000.0]
    monkeypatch.setattr(recording, "monotonic", lambda: clock[0])
    monkeypatch.setattr(recording, "WRITE_EVERY_S", 10.0)
    monkeypatch.setattr(recording, "FAILED_AFTER_S", 1.0)
    handler, failing_handler = answering(Report(read=1)), answering(NotFound("none"))

    def stored(after):
        clock[0] += after
        handler({}, Context())
        return sum(run.runs for run in recorded())

    assert [stored(0), stored(5), stored(4.9), stored(0.1)] == [1, 1, 1, 4]
    clock[0] += 1
    failing_handler({}, Context())
    assert sum(run.runs for run in recorded()) == 5, "a failure waits for less"


def test_runs_of_many_threads_are_all_counted(recorded, monkeypatch):
    handler, kept = answering(Report(read=1)), []
    lock = threading.Lock()

    def keep(write):
        with lock:
            kept.append(write)

    monkeypatch.setattr(recording, "start", keep)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: handler({}, Context()), range(200)))
        list(threads.map(lambda write: write(), kept))

    assert sum(run.runs for run in recorded()) == sum(run.report["read"] for run in recorded()) == 200


def test_an_answer_does_not_wait_for_the_sums_to_be_written(recorded, monkeypatch):
    answered, write = threading.Event(), recording.write

    def write_after_the_answer(runs):
        assert answered.wait(allowed(30))
        write(runs)

    monkeypatch.setattr(recording, "start", ON_A_THREAD)
    monkeypatch.setattr(recording, "write", write_after_the_answer)
    assert answering(Report(read=1))({}, Context()) == {"answer": 42}
    assert recorded() == []

    answered.set()
    until(recorded)


@pytest.mark.parametrize("handler", [job(Report(read=1)), answering(Report(read=1))], ids=["run", "sum"])
def test_where_the_database_is_away_the_run_ends_as_it_would_and_a_warning_is_logged(
    recorded, monkeypatch, logged, handler
):
    expected = handler(EVENT, Context())
    monkeypatch.setenv("MONGO_URI", NOWHERE)
    forget_settings()
    close_store()
    began = monotonic()

    assert handler(EVENT, Context()) == expected

    assert monotonic() - began < allowed(recording.WRITE_S + 2)
    assert [(line["message"], line["reason"]) for line in logged() if line["level"] == "WARNING"] == [
        ("runs are not recorded", "ServerSelectionTimeoutError")
    ]
    assert all(line["correlation_id"] == "request-1" for line in logged())


def test_a_failure_to_record_hides_no_failure_of_the_run(recorded, monkeypatch, logged):
    def fails(runs):
        raise RuntimeError(SECRET)

    monkeypatch.setattr(recording, "write", fails)

    with pytest.raises(Refused, match="3 rows") as caught:
        job(Refused("3 rows"))(EVENT, Context())

    assert caught.value.__context__ is None
    assert [line["level"] for line in logged()] == ["ERROR", "WARNING"]
    assert SECRET not in str(logged())


def test_after_a_lease_was_given_back_late_there_is_time_to_record_the_run():
    assert GIVE_BACK_S + recording.WRITE_S < LAST_S


def test_every_scheduled_function_leaves_a_run_of_its_own_name(recorded):
    for stem in pipeline():
        try:
            function(stem).invoke(at=DUE)
        except Refused:  # there is nothing to show
            assert stem == "build_guest_feed"

    assert [(run.function, run.due) for run in recorded()] == [(stem, DUE) for stem in pipeline()]
    assert set(pipeline()) <= set(all_functions())
