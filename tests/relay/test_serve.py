"""Followers side by side, their metrics, and the process that runs them."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from layers.build import ROOT
from relay import serve as served
from relay.follow import Follower
from relay.meter import Meter
from relay.replay import Replayer
from relay.serve import serve
from relay.watched import Watched
from shared.errors import BadConfig
from tests.changes import state
from tests.factories import an_id, post
from tests.relay.conftest import QUICK, WATCHED, Receiver, position_of
from tests.waiting import allowed, until

ALSO = Watched("comments", WATCHED.handlers, ("message",), ("message",))
METRICS = {"sent": "Count", "retried": "Count", "parked": "Count", "lag": "Seconds"}


@pytest.fixture
def serving(store):
    """Serves followers with these sinks inside a `with`; gives the followers, the event that stops them, and the errors
    that serving them has raised."""

    @contextmanager
    def start(*sinks):
        stop, raised = threading.Event(), []
        followers = [
            Follower(store, collection, sink, QUICK, stop)
            for collection, sink in zip([WATCHED, ALSO], sinks, strict=True)
        ]

        def run():
            try:
                serve(followers, Replayer(store, {}, QUICK, stop), stop)
            except BadConfig as error:
                raised.append(error)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            until(lambda: store.analytics.relayPositions.count_documents({"token": {"$ne": None}}) == 2)
            yield followers, stop, raised
        finally:
            stop.set()
            thread.join(allowed(15))
            assert not thread.is_alive()

    return start


def metrics(text):
    """The lines of metrics in an output."""
    lines = [json.loads(line) for line in text.splitlines()]
    return [line for line in lines if "_aws" in line]


def test_two_collections_are_followed_side_by_side(store, serving, noon):
    posts, comments = Receiver(), Receiver()
    posts.gate.clear()
    with serving(posts, comments):
        store.app.contents.insert_one(post("one", now=noon))
        store.app.comments.insert_one({"_id": an_id("reply"), "message": "well said"})
        until(lambda: comments.of(an_id("reply")))
        assert posts.changes == [], "one that waits holds back no other"
        posts.gate.set()
        until(lambda: posts.of(an_id("one")))

    assert store.analytics.relayPositions.distinct("_id") == ["comments", "contents"]
    assert store.analytics.leases.count_documents({}) == 0


def test_where_one_fails_for_good_the_other_is_drained_and_its_failure_is_raised(store, serving, noon, capsys, metered):
    class Broken:
        def send(self, events):
            raise BadConfig("EventBridge refuses every call: AccessDeniedException")

    class Waiting(Receiver):
        asked = threading.Event()

        def send(self, events):
            self.asked.set()
            return super().send(events)

    posts = Waiting()
    with serving(posts, Broken()) as (_, stop, raised):
        posts.gate.clear()
        store.app.contents.insert_one(post("one", now=noon))
        assert posts.asked.wait(allowed(15))
        store.app.comments.insert_one({"_id": an_id("reply"), "message": "well said"})
        assert stop.wait(allowed(15))
        posts.gate.set()
        until(lambda: raised)

    assert [str(error) for error in raised] == ["EventBridge refuses every call: AccessDeniedException"]
    assert posts.of(an_id("one")), "what was under way was sent"
    assert position_of(store)["sent"] == 1
    assert store.analytics.leases.count_documents({}) == 0
    assert [line["sent"] for line in metrics(capsys.readouterr().out) if line["collection"] == "contents"][-1] == [1.0]


@pytest.fixture
def metered(monkeypatch):
    monkeypatch.delenv("POWERTOOLS_METRICS_DISABLED", raising=False)


def test_metrics_are_told_now_and_then_and_at_the_end_each_thing_once(
    store, serving, noon, capsys, metered, monkeypatch
):
    monkeypatch.setattr(served, "REPORT_EVERY_S", 0.05)
    posts = Receiver(busy=1, refuses=lambda event: "poison" in event.text)
    with serving(posts, Receiver()):
        store.app.contents.insert_one(post("one", now=noon))
        until(lambda: posts.changes)
        until(lambda: position_of(store).get("sent") == 1)
        store.app.contents.insert_one(post("poison", now=noon))
        until(lambda: position_of(store).get("sent") == 2)

    lines = metrics(capsys.readouterr().out)
    assert len(lines) >= 4
    for line in lines:
        (directive,) = line["_aws"]["CloudWatchMetrics"]
        assert directive["Namespace"] == "Feedkeeper"
        units = {metric["Name"]: metric["Unit"] for metric in directive["Metrics"]}
        assert units | {"lag": "Seconds"} == METRICS, "there is no lag before the position is known"
        assert set(directive["Dimensions"][0]) == {"collection", "service"}
        assert line["service"] == "feedkeeper-relay"
        assert line["_aws"]["Timestamp"] > 1_600_000_000_000
        assert all(isinstance(value, float) and value >= 0 for name in units for value in line[name])
    assert all("lag" in line for line in lines[-2:])
    total = {
        name: sum(line[name][0] for line in lines if line["collection"] == "contents")
        for name in ("sent", "retried", "parked")
    }
    assert (total["sent"], total["retried"], total["parked"]) == (1, 1, 1)
    assert sum(line["sent"][0] for line in lines if line["collection"] == "comments") == 0


def test_a_report_counts_anew(capsys, metered):
    meter = Meter("contents", sent=3, retried=2, parked=1, up_to=datetime.now(UTC) - timedelta(hours=1))

    meter.report()
    meter.report()

    first, second = metrics(capsys.readouterr().out)
    assert [first[name] for name in ("sent", "retried", "parked")] == [[3.0], [2.0], [1.0]]
    assert [second[name] for name in ("sent", "retried", "parked")] == [[0.0], [0.0], [0.0]]
    assert 3600 <= first["lag"][0] <= second["lag"][0] < 3660


def test_a_copy_that_waits_for_the_lease_tells_no_lag(capsys, metered):
    Meter("contents").report()

    assert "lag" not in metrics(capsys.readouterr().out)[0]


# The process


OPTIONS = {"relay": {"lease_s": 1.5, "beat_s": 0.1}}


def command(*words, environment):
    return subprocess.Popen(
        [sys.executable, "-m", "relay", *words],
        cwd=ROOT,
        env={**os.environ, "FEEDKEEPER_OPTIONS": json.dumps(OPTIONS), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_it_handles_a_post_and_ends_well_when_it_is_told_to(store, environment, number):
    running = command("run", "--to", "here", environment=environment | {"POWERTOOLS_METRICS_DISABLED": "false"})
    try:
        until(lambda: position_of(store).get("token"))
        store.app.contents.insert_one(state("one"))
        until(lambda: position_of(store).get("sent") == 1)
        assert store.app.contentinfo.find_one({"contentId": an_id("one")})

        store.app.contents.insert_many([state(f"post {number}") for number in range(50)])
        until(lambda: position_of(store).get("sent", 0) > 1)
        began = time.monotonic()
        running.send_signal(number)
        out, err = running.communicate(timeout=allowed(15))
        assert time.monotonic() - began < allowed(5)
    finally:
        running.kill()

    assert running.returncode == 0
    assert "Traceback" not in err
    lines = [json.loads(line) for line in out.splitlines()]
    assert lines[-1]["message"] == "drained"
    reported = [line for line in metrics(out) if line["service"] == "feedkeeper-relay"]
    assert sum(line["sent"][0] for line in reported) == position_of(store)["sent"]
    assert store.app.contentinfo.count_documents({}) >= position_of(store)["sent"], "sent before it is noted"
    assert store.analytics.leases.count_documents({}) == 0


NOWHERE = {"MONGO_URI": "mongodb://127.0.0.1:1/"}
WITHOUT_REGION = {"AWS_DEFAULT_REGION": "", "AWS_CONFIG_FILE": "/nowhere"}


@pytest.mark.parametrize(
    ("to", "environment", "said"),
    [
        ("nowhere", NOWHERE, "BadConfig: --to: needs bus:NAME, queue:URL, function:NAME or here"),
        ("bus:", NOWHERE, "BadConfig: --to: needs bus:NAME, queue:URL, function:NAME or here"),
        ("bus:b", NOWHERE | WITHOUT_REGION, "BadConfig: settings of AWS: Invalid endpoint"),
        ("here", {"MONGO_URI": ""}, "BadConfig: MONGO_URI"),
        ("here", NOWHERE | {"ARTIFACT_KEYS": ""}, "BadConfig: ARTIFACT_KEYS is missing"),
        ("here", NOWHERE | {"FEEDKEEPER_OPTIONS": '{"relay": {"batch": "many"}}'}, "BadConfig: option relay.batch"),
    ],
)
def test_what_is_wrong_is_one_line(to, environment, said):
    for name in ("run", "replay"):
        running = command(name, "--to", to, environment=environment)
        out, err = running.communicate(timeout=allowed(30))

        assert (running.returncode, out) == (1, "")
        assert err.startswith(said)
        assert len(err.splitlines()) == 1


def test_the_region_may_have_the_name_that_lambda_gives_it():
    names = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "ap-southeast-1"}
    running = command("run", "--to", "bus:b", environment=NOWHERE | names | {"AWS_CONFIG_FILE": "/nowhere"})
    _, err = running.communicate(timeout=allowed(30))

    assert running.returncode == 1
    assert err.startswith("Unavailable: the database does not answer")


def test_a_word_that_is_missing_is_asked_for():
    running = command("run", environment=NOWHERE)
    out, err = running.communicate(timeout=allowed(30))

    assert (running.returncode, out) == (2, "")
    assert "--to" in err
    assert "Traceback" not in err
