"""Runs of functions: what is stored of them, how much at most, and how they are read."""

from dataclasses import replace
from datetime import timedelta

import pytest
from bson import BSON

from shared.store import schema
from shared.store.job_runs import MAX_ENTRIES, MAX_PAGE, JobRun, key_of
from shared.store.malformed import collecting

MINUTE = timedelta(minutes=1)


def run_of(function, at, *, outcome="done", suffix="a", **fields):
    fields = {"trigger": "schedule", "ended_at": at + MINUTE, "seconds": 60.0, "memory_mb": 100.0} | fields
    return JobRun(function=function, outcome=outcome, started_at=at, key=key_of(at, function, suffix), **fields)


@pytest.fixture
def runs(store):
    return store.job_runs


@pytest.fixture
def rows(databases):
    return lambda: list(databases.analytics.jobRuns.find().sort("_id", 1))


def test_a_run_is_stored_with_all_that_is_known_of_it(runs, rows, noon):
    whole = run_of(
        "build_guest_feed",
        noon,
        due=noon - MINUTE,
        report={"read": 5, "share": 0.5, "model": "v1"},
        malformed={"contents": 2},
        request_id="b1e2",
    )

    runs.record([whole])

    assert rows() == [
        {
            "_id": "2026-01-31T12:00:00.000Z build_guest_feed a",
            "function": "build_guest_feed",
            "trigger": "schedule",
            "outcome": "done",
            "due": noon - MINUTE,
            "startedAt": noon,
            "endedAt": noon + MINUTE,
            "seconds": 60.0,
            "runs": 1,
            "report": {"read": 5, "share": 0.5, "model": "v1"},
            "malformed": {"contents": 2},
            "error": None,
            "reason": None,
            "requestId": "b1e2",
            "memoryMb": 100.0,
        }
    ]
    assert runs.newest(1) == [whole]


def test_runs_under_one_key_are_added_in_memory_as_they_are_in_the_database(runs, noon):
    first = run_of("classify_content", noon, report={"read": 1, "late": 1, "said": "x"}, malformed={"contents": 1})
    second = replace(
        first, ended_at=noon + 3 * MINUTE, report={"read": 2, "said": "y"}, memory_mb=90.0, error="Refused"
    )

    runs.record([first])
    runs.record([second])

    (added,) = runs.newest(2)
    assert added == first.plus(second)
    assert (added.runs, added.seconds, added.memory_mb, added.ended_at) == (2, 120.0, 100.0, noon + 3 * MINUTE)
    assert (added.report, added.malformed) == ({"read": 3, "late": 1, "said": "y"}, {"contents": 2})


@pytest.mark.parametrize(
    "report",
    [
        {f"name {n} {'ก' * 200}": "ก" * 10_000 for n in range(1_000)},
        {f"{n}": 2**200 for n in range(1_000)} | {"nan": float("nan"), "inf": float("inf"), "flag": True},
        {"": 1, "$inc": 2, "a.b": 3, "\0": 4, "\ud800": "\ud800", "..": 5},
    ],
    ids=["long", "large", "names"],
)
def test_whatever_a_report_holds_its_document_is_small_and_can_be_read(runs, rows, noon, report):
    huge = run_of(
        "f", noon, outcome="failed", report=report, reason="r" * 10**6, malformed=dict.fromkeys(map(str, range(99)), 1)
    )

    runs.record([huge])
    runs.record([huge])

    (row,) = rows()
    assert len(BSON.encode(row)) <= 8_192
    assert len(row.get("report", ())) <= MAX_ENTRIES
    assert runs.newest(1)[0].runs == 2


def test_no_id_of_a_document_is_stored(runs, rows, noon):
    identity = "5f0a00000000000000000001"
    texts = {"reason": f"accountId: there is no account {identity}", "request_id": identity.upper()}

    runs.record([run_of("f", noon, report={"of": f"personal/{identity}", f"x {identity}": 1}, **texts)])

    assert identity not in str(rows()).lower()
    assert rows()[0]["reason"] == "accountId: there is no account …"


@pytest.fixture
def many(runs, noon):
    """Runs of three functions, every seventh of which failed, four at each moment."""
    stored = [
        run_of(f"job_{n % 3}", noon + n // 4 * MINUTE, outcome="done" if n % 7 else "failed", suffix=f"{n:04}")
        for n in range(300)
    ]
    runs.record(stored)
    return sorted(stored, key=lambda run: run.key, reverse=True)


@pytest.mark.parametrize("function", ["", "job_1"])
@pytest.mark.parametrize("failed", [False, True])
def test_pages_of_runs_have_each_run_once_the_newest_first(runs, many, function, failed):
    pages, before = [], ""
    while page := runs.newest(7, function=function, failed=failed, before=before):
        assert len(page) <= 7
        pages += page
        before = page[-1].key

    assert pages == [
        run for run in many if run.function.startswith(function) and (run.outcome == "failed" or not failed)
    ]


def test_a_page_has_a_largest_size_and_at_least_one_run(runs, many):
    assert len(runs.newest(10**6)) == MAX_PAGE
    assert len(runs.newest(0)) == 1


def test_the_latest_run_of_each_function(runs, many):
    assert runs.latest() == [next(run for run in many if run.function == f"job_{n}") for n in range(3)]


def test_no_read_looks_at_more_than_it_returns(runs, many, databases):
    databases.analytics.command("profile", 2)
    for function in ("", "job_1", "nobody"):
        for failed in (False, True):
            for before in ("", many[50].key):
                runs.newest(10, function=function, failed=failed, before=before)
    runs.latest()
    databases.analytics.command("profile", 0)

    reads = list(
        databases.analytics.system.profile.find({"ns": {"$regex": "jobRuns$"}, "op": {"$in": ["query", "command"]}})
    )
    assert len(reads) == 13
    assert all("COLLSCAN" not in read["planSummary"] for read in reads)
    assert [read["planSummary"] for read in reads if read["keysExamined"] > read["nreturned"] + 1] == []
    assert [read["planSummary"] for read in reads if read.get("hasSortStage") and "$group" not in str(read)] == []


def test_a_malformed_run_is_named_and_left_out(runs, databases, noon):
    runs.record([run_of("f", noon), run_of("f", noon, suffix="b")])
    databases.analytics.jobRuns.update_one({"_id": {"$regex": "b$"}}, {"$set": {"startedAt": "yesterday"}})

    with collecting() as malformed:
        assert [run.key[-1] for run in runs.newest(9)] == ["a"]

    assert malformed.counts == {"jobRuns": 1}


def test_runs_are_kept_for_thirty_days(store, databases):
    information = databases.analytics.jobRuns.index_information()

    assert information["startedAt_1"]["expireAfterSeconds"] == timedelta(days=30).total_seconds()
    assert schema.JOB_RUNS.about == schema.LEASES.about


def test_a_function_whose_latest_run_is_malformed_has_the_one_before(runs, databases, noon):
    runs.record([run_of("f", noon, suffix="a"), run_of("f", noon, suffix="b"), run_of("g", noon)])
    databases.analytics.jobRuns.update_one({"_id": {"$regex": " f b$"}}, {"$set": {"seconds": "long"}})

    with collecting() as malformed:
        assert [(run.function, run.key[-1]) for run in runs.latest()] == [("f", "a"), ("g", "a")]

    assert malformed.counts == {"jobRuns": 1}
