"""The running service: schedules, changes and requests are served and shown, and a signal ends it."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from pymongo import MongoClient
from rich.console import Console

from local import dev
from local.functions import ROOT, Function, function
from local.http import Listener
from local.mongod import mongo_server
from local.posts import Author
from local.screen import Screen
from shared.errors import Unavailable
from tests.waiting import allowed, until

ENDS_WITHIN_S = 30.0
LINE = re.compile(r"\d\d:\d\d:\d\d  (\w+) +(schedule|request|change ×\d+) +([\d,]+) ms  (.*)")


@dataclass(frozen=True, slots=True)
class Once(Function):
    """Due at once, and never again."""

    failure: str = ""
    moments: list[datetime] = field(default_factory=lambda: [datetime.now(UTC)], compare=False)

    def due(self, after):
        return self.moments.pop() if self.moments else None

    def invoke(self, *, at, payload=None):
        if self.failure:
            raise Unavailable(self.failure)
        return {"read": 7}


def lines(text):
    """(function, fired by, what came of it) of each run that is shown."""
    return [(match[1], match[2], match[4]) for match in LINE.finditer(text)]


def is_followed(store):
    """Whether it is stored from where on changes of posts are sent."""
    has_position = {"$or": [{"startAt": {"$ne": None}}, {"token": {"$ne": None}}]}
    return store.analytics.relayPositions.find_one({"_id": "contents"} | has_position)


@pytest.fixture
def serving(deployed, store, monkeypatch):
    """Runs functions and the real relay in a thread while the body runs; gives a function that returns the output."""

    @contextmanager
    def serve(*functions, terminal=False):
        monkeypatch.setattr(dev, "all_functions", lambda: {function.stem: function for function in functions})
        shown, stop = io.StringIO(), threading.Event()
        monkeypatch.setenv("TERM", "xterm")  # on a dumb terminal the status is not written over
        screen = Screen(Console(file=shown, width=100, force_terminal=terminal), status_every_s=0.2)
        with Listener() as listener:
            thread = threading.Thread(target=dev.serve, args=(store, screen, stop, listener, "python -m local"))
            thread.start()
            try:
                yield shown.getvalue
            finally:
                stop.set()
                thread.join(allowed(ENDS_WITHIN_S))
                assert not thread.is_alive(), "it has not ended"

    return serve


def test_requests_are_answered_by_the_real_handler_and_shown(serving):
    with serving(Once("good", "stats", "0 * * * *")) as shown:
        assert until(lambda: "HTTP is at" in shown())
        (address,) = re.findall(r"HTTP is at (\S+),", shown())
        with pytest.raises(HTTPError, match="401"):
            urlopen(f"{address}/feed/home")
        assert until(lambda: "serve_feed" in shown())
        with urlopen(f"{address}/swagger?format=json") as page:
            assert b"/feed/home" in page.read()

    assert ("serve_feed", "request", "status 401  asked GET /feed/home") in lines(shown())


def test_a_failing_function_is_shown_and_the_others_run(serving):
    bad = Once("bad", "stats", "0 * * * *", failure="the database [red] does not answer")
    good = Once("good", "stats", "0 * * * *", moments=[datetime.now(UTC) + timedelta(milliseconds=300)])

    with serving(bad, good) as shown:
        assert until(lambda: "read 7" in shown())

    assert lines(shown()) == [
        ("bad", "schedule", "FAILED: Unavailable: the database [red] does not answer"),
        ("good", "schedule", "read 7"),
    ]


def test_a_change_fires_its_function_and_the_status_counts_it(serving, store):
    with serving(function("refresh_content_stats")) as shown:
        assert until(lambda: "Ctrl-C" in shown())
        assert until(lambda: is_followed(store))
        Author(store, lambda: None).publish("the striker scored twice in the cup final", within_s=allowed(20))
        assert until(lambda: "contents: 1 sent, 0 retried, 0 parked" in shown())

    of_changes = [line for line in lines(shown()) if line[1] != "schedule"]  # the five minutes may just be over
    assert sorted(of_changes) == [
        ("classify_content", "change ×1", "read 1  written 1"),
        ("remove_withdrawn", "change ×1", "read 0  written 0"),
    ]
    assert re.search(r"next refresh_content_stats at \d\d:\d[05], in \d+ s", shown())


def test_a_change_that_cannot_be_understood_is_shown_with_its_reason(serving, store):
    with serving(function("refresh_content_stats")) as shown:
        assert until(lambda: is_followed(store))
        store.app.contents.insert_one({"_id": True, "payload": {"message": "hello"}})
        assert until(lambda: all(text in shown() for text in ("parked 1", "error: failed")))

    assert "documentKey._id: needs an id" in shown()
    assert "{" not in shown(), "log lines are for people here"


def test_a_failure_before_all_is_ready_is_shown_like_one_afterwards(serving, store, monkeypatch):
    def failing_meanwhile(store, number):
        assert until(lambda: is_followed(store))
        store.app.contents.insert_one({"_id": True, "payload": {"message": "hello"}})
        assert until(lambda: store.analytics.parkedChanges.find_one())
        return []

    monkeypatch.setattr(dev, "members", failing_meanwhile)
    with serving(function("refresh_content_stats")) as shown:
        assert until(lambda: "Ctrl-C" in shown())

    assert "documentKey._id: needs an id" in shown()
    assert "{" not in shown(), "log lines are for people here"


def test_on_a_terminal_the_status_stands_below_the_lines(serving):
    with serving(Once("good", "stats", "0 * * * *"), terminal=True) as shown:
        assert until(lambda: "read 7" in shown())
        assert until(lambda: "contents: 0 sent" in shown())

    assert until(lambda: "\x1b[2K" in shown()), "it is written over"


def test_the_log_of_another_process_is_shown_as_that_of_this_one():
    shown = io.StringIO()
    screen = Screen(Console(file=shown, width=200))
    entry = {"level": "WARNING", "location": "x:1", "message": "late", "function": "serve_feed", "ids": 3}

    for written in (entry, entry | {"level": "INFO"}, entry | {"message": "failed"}, 7):
        screen.say_logged(json.dumps(written))
    screen.say_logged("Traceback [red]")

    (first, *others) = shown.getvalue().splitlines()
    assert re.fullmatch(r"\d\d:\d\d:\d\d  serve_feed +warning: late  ids 3", first)
    assert others == ["7", "Traceback [red]"]


DEV = """
import sys, threading
from datetime import timedelta
from local import dev, __main__
from local.functions import Function

_, due_after_s, folder = sys.argv

class Endless(Function):
    def due(self, after):
        return after + timedelta(seconds=float(due_after_s))
    def invoke(self, *, at, payload=None):
        print("under way", flush=True)
        while True:  # as work does, and unlike one long wait, it comes back to Python, where a signal is looked at
            threading.Event().wait(0.05)

dev.all_functions = lambda: {"endless": Endless("endless", "stats", "0 * * * *")}
sys.argv = ["local", "--data", folder, "dev", "--port", "0"]
__main__.main()
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A data folder with one user, so that no demo network is written, and its running server."""
    monkeypatch.delenv("MONGO_URI", raising=False)
    with mongo_server(tmp_path / "mongodb", cache_gb=0.25) as uri, MongoClient[dict[str, Any]](uri) as client:
        client["app-db"].users.insert_one({"visibility": "publish", "type": "people", "displayId": "ann"})
        yield tmp_path


@pytest.fixture
def developing(folder):
    """Starts `dev` on that folder in a process, with one function, due after so many seconds, that never ends."""

    @contextmanager
    def start(due_after_s):
        command = [sys.executable, "-c", DEV, str(due_after_s), str(folder)]
        with (folder / "shown").open("w") as file:
            process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, cwd=ROOT)
            try:
                yield process, (folder / "shown").read_text
            finally:
                process.kill()
                process.wait()

    return start


def post(folder, text):
    """Runs `python -m local post`."""
    command = [sys.executable, "-m", "local", "--data", str(folder), "post", text]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=allowed(60))


def test_a_post_of_another_process_reaches_dev_and_ctrl_c_ends_it_while_it_waits(developing, folder):
    with developing(3600) as (process, shown):
        assert until(lambda: "Ctrl-C" in shown())

        answer = post(folder, "the goalkeeper saved two penalties in the cup final")
        assert answer.returncode == 0, answer.stdout + answer.stderr
        assert "en  " in answer.stdout
        assert "sports/football" in answer.stdout
        assert ("classify_content", "change ×1", "read 1  written 1") in lines(shown())

        process.send_signal(signal.SIGINT)
        assert process.wait(allowed(ENDS_WITHIN_S)) == 0
    assert "Traceback" not in shown()
    assert "ended" in shown()


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_run_that_is_under_way_does_not_hold_up_the_end(developing, end):
    with developing(0.01) as (process, shown):
        assert until(lambda: "under way" in shown())

        process.send_signal(end)
        assert process.wait(allowed(ENDS_WITHIN_S)) == 0
    assert "Traceback" not in shown()


def test_a_post_without_dev_runs_the_relay_itself(folder):
    answer = post(folder, "駅前のカフェでコーヒーを飲みながら本を読んだ")

    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "ja  1.00" in answer.stdout
    assert "Traceback" not in answer.stderr


def test_a_port_in_use_is_told_before_anything_is_written(tmp_path):
    with Listener() as listener:
        port = str(listener.server_port)
        command = [sys.executable, "-m", "local", "--data", str(tmp_path / "data"), "dev", "--port", port]
        answer = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=allowed(60))

    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr == f"BadConfig: port {port} cannot be listened at: Address already in use\n"
    assert not (tmp_path / "data").exists()


def test_a_command_that_fails_says_why_in_one_line(tmp_path):
    command = [
        sys.executable,
        "-m",
        "local",
        "--data",
        str(tmp_path),
        "import",
        "sentences",
        str(tmp_path / "none.tsv"),
    ]
    environment = {name: value for name, value in os.environ.items() if name != "MONGO_URI"}

    answer = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=allowed(60), env=environment)

    assert answer.returncode == 2
    assert answer.stdout == ""
    assert "No such file or directory" in answer.stderr
