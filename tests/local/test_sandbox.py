"""A sandbox does to a function what Lambda would. The functions are small and ours; the client is Lambda's own."""

import sys
from dataclasses import replace
from math import ceil
from pathlib import Path

import pytest

from layers.build import RUNTIME, built, interpreter
from local.sandbox import EXITED, INIT_S, TIMED_OUT, Sandbox, Shipped, python_of_the_runtime
from tests.waiting import allowed

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Lambda's client is built for Linux")

FUNCTION = """
import os, sys, time

calls = 0


def handler(event, context):
    global calls
    calls += 1
    if "sleep" in event:
        time.sleep(event["sleep"])
    if "exit" in event:
        os._exit(event["exit"])
    if "fail" in event:
        raise ValueError(event["fail"])
    return {
        "calls": calls,
        "name": context.function_name,
        "left_ms": context.get_remaining_time_in_millis(),
        "pytest": "pytest" in sys.modules or any("site-packages" in path for path in sys.path),
        "said": os.environ["SAID"],
    }
"""


@pytest.fixture
def shipped(tmp_path: Path) -> Shipped:
    (tmp_path / "function.py").write_text(FUNCTION)
    version = python_of_the_runtime()
    python = interpreter(version)
    assert python
    return Shipped(
        name="answer",
        handler="function.handler",
        code=tmp_path,
        paths=[built(RUNTIME, version).packages],
        python=python,
        timeout=allowed(2),
        init_timeout=allowed(INIT_S),
        memory=128,
        environment={"SAID": "yes"},
    )


def test_the_first_call_starts_the_process_and_the_next_finds_it_warm(shipped, tmp_path):
    with Sandbox(shipped, tmp_path / "log") as sandbox:
        first, second = sandbox.invoke({}), sandbox.invoke({})

    assert first.answer["calls"] == 1
    assert second.answer["calls"] == 2
    assert first.init_s
    assert second.init_s is None
    assert first.first_s > second.first_s
    assert 5 < first.peak_mb < 100


def test_a_function_is_told_where_it_runs_and_finds_nothing_of_ours(shipped, tmp_path):
    with Sandbox(shipped, tmp_path / "log") as sandbox:
        answer = sandbox.invoke({}).answer

    assert answer["name"] == "answer"
    assert answer["said"] == "yes"
    assert 0 < answer["left_ms"] <= ceil(1_000 * shipped.timeout)
    assert answer["pytest"] is False


def test_a_call_that_outlives_its_time_out_is_killed_and_the_next_starts_anew(shipped, tmp_path):
    with Sandbox(replace(shipped, timeout=allowed(0.5)), tmp_path / "log") as sandbox:
        sandbox.invoke({})
        late, next_ = sandbox.invoke({"sleep": 30}), sandbox.invoke({})

    assert late.error == TIMED_OUT
    assert 0.5 <= late.seconds < 0.5 + allowed(1)
    assert next_.answer["calls"] == 1
    assert next_.init_s


def test_a_failure_is_named_and_its_environment_lives_on(shipped, tmp_path):
    with Sandbox(shipped, tmp_path / "log") as sandbox:
        failed, next_ = sandbox.invoke({"fail": "no"}), sandbox.invoke({})

    assert (failed.error, failed.answer) == ("ValueError", None)
    assert next_.answer["calls"] == 2


def test_the_end_of_a_process_is_reported_at_once(shipped, tmp_path):
    with Sandbox(shipped, tmp_path / "log") as sandbox:
        gone, next_ = sandbox.invoke({"exit": 3}), sandbox.invoke({})

    assert gone.error == EXITED
    assert gone.seconds < allowed(1)
    assert next_.answer["calls"] == 1


def test_a_handler_that_cannot_be_imported_fails_at_init(shipped, tmp_path):
    with Sandbox(replace(shipped, handler="nothing.handler"), tmp_path / "log") as sandbox:
        result = sandbox.invoke({})

    assert result.error == "Runtime.ImportModuleError"
    assert result.init_s
