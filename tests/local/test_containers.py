"""Several requests at once are answered by several containers, and none is left behind."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from layers.build import ROOT
from local.containers import Containers
from shared.errors import Unavailable
from tests.signals import heed_signals
from tests.waiting import allowed, until

FUNCTION = "tests.local.container_function"


@pytest.fixture
def said():
    """What the processes have written."""
    return []


@pytest.fixture
def containers(said):
    with Containers(FUNCTION, said.append, most=3) as opened:
        yield opened


@pytest.fixture
def ask(containers, tmp_path):
    """Sends an event."""

    def send(do, **values):
        return containers({"do": do, "folder": str(tmp_path), **values}, None)

    return send


@pytest.fixture
def occupied(ask, tmp_path):
    """Inside the `with`, the container that is this process is busy, so that others answer."""

    @contextmanager
    def occupy():
        with ThreadPoolExecutor(1) as thread:
            staying = thread.submit(ask, "stay")
            until((tmp_path / "stays").exists)
            try:
                yield
            finally:
                (tmp_path / "leave").touch()
            assert staying.result()["pid"] == os.getpid()

    return occupy


def runs(pid):
    """Whether there is a process of that number that has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_requests_one_after_the_other_are_answered_by_this_process(ask):
    assert [ask("nothing")["pid"] for _ in range(3)] == [os.getpid()] * 3


def test_requests_that_wait_for_each_other_are_answered_at_once_and_no_more_than_there_are_containers(ask):
    with ThreadPoolExecutor(5) as threads:
        answers = list(threads.map(lambda _: ask("meet", processes=3), range(5)))

    pids = {answer["pid"] for answer in answers}
    assert len(pids) == 3
    assert os.getpid() in pids


def test_a_container_has_its_own_state_and_text_comes_back_as_it_was(ask, occupied):
    text = 'ไทย 日本\n"\u2028'

    with occupied():
        answers = [ask("nothing", text=text) for _ in range(2)]

    assert len({answer["pid"] for answer in answers} - {os.getpid()}) == 1
    assert [(answer["calls"], answer["body"]) for answer in answers] == [(1, text), (2, text)]


def test_what_a_function_prints_is_no_answer(ask, occupied, said):
    with occupied():
        assert ask("print", text="a line")["body"] == "a line"
        assert until(lambda: "printed a line" in said)


def test_a_failure_is_one_and_the_container_goes_on(ask, occupied):
    with occupied():
        before = ask("nothing")["pid"]
        with pytest.raises(Unavailable, match=r"^Unavailable$"):
            ask("fail")
        assert ask("nothing")["pid"] == before


def test_a_container_that_dies_of_a_request_is_replaced(ask, occupied):
    with occupied():
        before = ask("nothing")["pid"]
        with pytest.raises(Unavailable, match="the container has ended"):
            ask("die")
        after = ask("nothing")["pid"]

    assert after not in (before, os.getpid())
    assert not runs(before)


def test_a_container_that_was_killed_before_a_request_gets_none(ask, occupied):
    with occupied():
        before = ask("nothing")["pid"]
        os.kill(before, signal.SIGKILL)
        until(lambda: not runs(before))
        assert ask("nothing")["pid"] not in (before, os.getpid())


def test_where_no_process_starts_requests_wait_for_this_one(ask, occupied, said, monkeypatch):
    monkeypatch.setenv("IMPORTED_ONLY_IN", str(os.getpid()))

    with ThreadPoolExecutor(1) as thread:
        with occupied():
            waiting = thread.submit(ask, "nothing")
            until(lambda: "ImportError: it is not to be imported" in said)
        assert waiting.result(allowed(30))["pid"] == os.getpid()


SERVER = """
import sys, threading
from contextlib import suppress
from local.containers import Containers
from shared import command_line
from shared.errors import Unavailable

_, module, folder, *requests = sys.argv

def ask(containers, do):
    with suppress(Unavailable):
        containers({"do": do, "folder": folder, "processes": 2}, None)

def serve():
    with Containers(module, print) as containers:
        for do in requests:
            threading.Thread(target=ask, args=(containers, do), daemon=True).start()
        while True:  # as a server does, and unlike one long wait, it comes back to Python, where a signal is looked at
            threading.Event().wait(0.05)

command_line.run(serve)
"""


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_no_process_is_left_behind(end, tmp_path):
    """Those that are busy are killed; where the server itself is killed, they end with their request."""
    second = "meet" if end == signal.SIGKILL else "stay"
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, FUNCTION, str(tmp_path), "stay", second], cwd=ROOT, preexec_fn=heed_signals,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as server:  # fmt: skip
        until(lambda: len([file for file in tmp_path.iterdir() if file.name.isdigit()]) == 2)
        pids = {int(file.name) for file in tmp_path.iterdir() if file.name.isdigit()}
        assert all(map(runs, pids))

        server.send_signal(end)
        server.wait(allowed(30))
        assert until(lambda: not any(map(runs, pids)))
        assert server.stderr
        assert "Traceback" not in server.stderr.read()
    assert server.pid in pids
