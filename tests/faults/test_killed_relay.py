"""The real relay and the real handler in a process that is killed again and again."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.faults.writers import Writer, caught_up, differences
from tests.relay.conftest import has_sent, position_of
from tests.waiting import allowed, until

ROOT = Path(__file__).parents[2]
KILLS = 30
OPTIONS = {"relay": {"lease_s": 0.5, "beat_s": 0.1, "batch": 16}, "topics": {"batch": 8}}


def relay_process(environment: dict[str, str]) -> "subprocess.Popen[bytes]":
    quiet = {"LOG_LEVEL": "CRITICAL", "POWERTOOLS_METRICS_DISABLED": "true"}
    return subprocess.Popen(
        [sys.executable, "-m", "relay", "run", "--to", "here"],
        cwd=ROOT,
        env={**os.environ, **environment, **quiet, "FEEDKEEPER_OPTIONS": json.dumps(OPTIONS)},
        stdout=subprocess.DEVNULL,
    )


def test_a_relay_that_is_killed_thirty_times_leaves_no_post_out(prepared, environment):
    moments = random.Random(20)
    first = relay_process(environment)
    until(lambda: position_of(prepared).get("startAt") or position_of(prepared).get("token"))
    first.kill()
    with Writer(prepared, seed=1) as writer:
        for _ in range(KILLS):
            running = relay_process(environment)
            has_more = has_sent(prepared, 1)
            if moments.random() < 0.8:  # mostly in the middle of its work, sometimes while it still starts
                until(has_more)
            time.sleep(moments.random())
            running.send_signal(signal.SIGKILL)
            running.wait()
    last = relay_process(environment)
    try:
        assert caught_up(prepared)
        wrong = differences(prepared, writer.posts)
        last.send_signal(signal.SIGTERM)
        assert last.wait(allowed(20)) == 0, "it drains and ends well"
    finally:
        last.kill()

    assert writer.writes > 500
    assert wrong == []
