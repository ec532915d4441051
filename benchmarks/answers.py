"""How fast an account is answered: warm, cold, and under a steady load, each in a process of its own on one core."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from bson import ObjectId

from benchmarks.changes import Reaction
from benchmarks.floors import ANSWERS, Figure
from benchmarks.jobs import GUEST_FEED, from_nothing
from benchmarks.places import NOW, BenchDatabase, Tell
from benchmarks.table import Sheet, told_met
from shared.errors import Refused

ROOT = Path(__file__).parent.parent
IDS, CALLS, COLD_STARTS = 200, 1_000, 5
PER_SECOND, FOR_S = 60, 60
MIN_CANDIDATES = 500


def measure(place: BenchDatabase, tell: Tell) -> list[Reaction]:
    """All of them, on a network whose models are trained."""
    found = []
    tell(f"{place.size}: build_guest_feed, for the home page")
    from_nothing(place, GUEST_FEED, NOW)
    for kind in ("rank", "load", "home"):
        tell(f"{place.size}: answers, {kind}")
        took = _run(place, kind)
        p50, p99 = np.quantile(took["ms"], (0.5, 0.99)).tolist()
        for name, value in (("p50", p50), ("p99", p99)):
            what = f"{NAMES[kind]}, {name}"
            if what in ANSWERS or kind != "load":
                found.append(Reaction(what, Figure(value, "ms", ANSWERS.get(what)), took["told"]))
    cold = []
    for number in range(COLD_STARTS):
        tell(f"{place.size}: answers, cold start {number + 1} of {COLD_STARTS}")
        began = time.perf_counter()
        _run(place, "cold")
        cold.append(time.perf_counter() - began)
    told = f"{min(cold):.2f} to {max(cold):.2f} s, from the start of the process to its end"
    found.append(Reaction("rank_contents, cold", Figure(median(cold), "s", ANSWERS["rank_contents, cold"]), told))
    return found


NAMES = {
    "rank": "rank_contents, 200 ids, warm",
    "load": f"rank_contents, {PER_SECOND} calls/s for {FOR_S} s",
    "home": f"recommend_home, 25 of at least {MIN_CANDIDATES}, warm",
}


def sheet_of(found: list[Reaction]) -> Sheet:
    """As a table."""
    rows = [(one.what, one.figure.told, one.figure.floor_told, told_met([one.figure]), one.told) for one in found]
    return Sheet("Answers to accounts, world M", ("what", "measured", "floor", "met", "of it"), rows)


def _run(place: BenchDatabase, kind: str) -> dict[str, Any]:
    """Run one kind in a process of its own, on one core; Refused when it fails."""
    command = [sys.executable, "-m", "benchmarks.answers", kind]
    environment = {**os.environ, **place.environment, "LOG_LEVEL": "WARNING", "POWERTOOLS_METRICS_DISABLED": "true"}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise Refused(f"answers, {kind}: {ended.stderr.strip()[-2000:]}")
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return found


def main(kind: str) -> None:
    """Measure in this process, and print the latencies [ms]."""
    if kind != "cold":
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    print(json.dumps({"rank": _rank, "load": _load, "home": _home, "cold": _cold}[kind]()))


def _cold() -> dict[str, Any]:
    from functions.feed.handlers.rank_contents import handler

    return {"ms": [], "told": "", "code": handler(_calls(1)[0], None)["code"]}


def _rank() -> dict[str, Any]:
    from functions.feed.handlers.rank_contents import handler

    calls = _calls(CALLS + 20)
    for one in calls[:20]:
        handler(one, None)
    took = [_timed(lambda one=one: handler(one, None)) for one in calls[20:]]  # type: ignore[misc]
    return {"ms": took, "told": f"{CALLS} calls through the real handler, {np.mean(took):.1f} ms in the mean"}


def _load() -> dict[str, Any]:
    """Calls fall due one after the other, however long the one before takes; a wait counts."""
    from functions.feed.handlers.rank_contents import handler

    calls = _calls(PER_SECOND * FOR_S)
    handler(calls[0], None)
    began, took = time.perf_counter(), []
    for number, one in enumerate(calls):
        due = began + number / PER_SECOND
        time.sleep(max(due - time.perf_counter(), 0))
        if handler(one, None)["code"] != 200:
            raise Refused("a call was not answered")
        took.append((time.perf_counter() - due) * 1_000)
    return {"ms": took, "told": f"{len(took) / (time.perf_counter() - began):.0f} calls/s"}


def _home() -> dict[str, Any]:
    from functions.feed import recommend_home
    from functions.feed.feed_ranker import open_feed_ranker
    from functions.feed.recommend_home import HomeRequest
    from shared.config import settings
    from shared.store import open_store

    options, feed_ranker = (
        settings().options,
        open_feed_ranker(open_store(), settings().artifact_keys, settings().options.members),
    )
    asked = [HomeRequest(str(one["accountId"]), 25) for one in _calls(500)]
    feed_ranker.refresh(NOW)
    assert feed_ranker.post_index is not None
    numbers = []
    for one in asked[:50]:
        viewer = feed_ranker.viewer(ObjectId(one.account))
        follows_and_blocks = feed_ranker.store.relationships.follows_and_blocks(viewer.users, options.home.most_follows)
        met = recommend_home.met_before(feed_ranker, viewer, options.home)
        excluded = recommend_home.barred_posts(
            feed_ranker.post_index, met, [*follows_and_blocks.blocked, *viewer.users]
        )
        trending = recommend_home.GuestList(feed_ranker.store.guest_feed, feed_ranker.post_index, viewer.country)
        found = recommend_home.candidates(
            feed_ranker.post_index, viewer, trending, follows_and_blocks.followed, excluded, options.home, NOW
        )
        numbers.append(len(found.post))
    if np.median(numbers) < MIN_CANDIDATES:
        raise Refused(f"only {np.median(numbers)} candidates")
    took = [
        _timed(lambda one=one: recommend_home.run(feed_ranker, options.home, one, now=NOW))  # type: ignore[misc]
        for one in asked
    ]
    return {"ms": took, "told": f"{len(took)} pages, {int(np.median(numbers))} candidates in the median"}


def _calls(number: int) -> list[dict[str, Any]]:
    """Requests of accounts that have models, each for posts drawn at random."""
    from shared.store import open_store

    store, rng = open_store(), np.random.default_rng(0)
    accounts = [row["account"] for row in store.analytics.mlArtifacts.find({}, {"account": 1}).limit(2_000)]
    posts = [row["_id"] for row in store.app.contents.find({"visibility": "publish"}, {"_id": 1}).limit(20_000)]
    return [
        {
            "accountId": str(accounts[rng.integers(len(accounts))]),
            "contents": [str(posts[one]) for one in rng.choice(len(posts), min(IDS, len(posts)), replace=False)],
        }
        for _ in range(number)
    ]


def _timed(call: Callable[[], Any]) -> float:
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1_000


if __name__ == "__main__":
    if sys.argv[1:] not in (["rank"], ["load"], ["home"], ["cold"]):
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
