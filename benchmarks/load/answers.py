"""Latency of answers to an account: warm, cold, and under a steady load, each in a process of its own on one core."""

import json
import os
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
from bson import ObjectId

from benchmarks.bench_database import NOW, BenchDatabase, Tell
from benchmarks.floors import ANSWERS, Figure
from benchmarks.load.children import measured
from benchmarks.load.jobs import GUEST_FEED, from_nothing
from benchmarks.load.reaction import Reaction
from benchmarks.table import Sheet
from functions.feed.options import Home, Members
from shared.errors import Refused

MODULE = "benchmarks.load.answers"
IDS, CALLS, COLD_STARTS = 200, 1_000, 5  # posts of a call, warm calls, processes
PER_SECOND, FOR_S = 60, 60  # calls a second, for so many seconds
MIN_CANDIDATES = 500  # of a home page, in the median


def measure(bench: BenchDatabase, tell: Tell) -> list[Reaction]:
    """Measure all kinds of answers, on a network whose models are trained."""
    reactions = []
    tell(f"{bench.size}: build_guest_feed, for the home page")
    from_nothing(bench, GUEST_FEED, NOW)
    for kind in ("rank", "load", "home"):
        tell(f"{bench.size}: answers, {kind}")
        result = measured(bench, MODULE, kind)
        p50, p99 = np.quantile(result["ms"], (0.5, 0.99)).tolist()
        for name, value in (("p50", p50), ("p99", p99)):
            title = f"{NAMES[kind]}, {name}"
            if title in ANSWERS or kind != "load":
                reactions.append(Reaction(title, Figure(value, "ms", ANSWERS.get(title)), result["note"]))
    cold = []
    for number in range(COLD_STARTS):
        tell(f"{bench.size}: answers, cold start {number + 1} of {COLD_STARTS}")
        began = time.perf_counter()
        measured(bench, MODULE, "cold")
        cold.append(time.perf_counter() - began)
    note = f"{min(cold):.2f} to {max(cold):.2f} s, from the start of the process to its end"
    reactions.append(Reaction("rank_contents, cold", Figure(median(cold), "s", ANSWERS["rank_contents, cold"]), note))
    return reactions


NAMES = {
    "rank": "rank_contents, 200 ids, warm",
    "load": f"rank_contents, {PER_SECOND} calls/s for {FOR_S} s",
    "home": f"recommend_home, 25 of at least {MIN_CANDIDATES}, warm",
}


def sheet_of(reactions: list[Reaction]) -> Sheet:
    """One row per kind of answer and quantile."""
    rows = [reaction.row() for reaction in reactions]
    return Sheet("Answers to accounts, world M", ("what", "measured", "floor", "met", "of it"), rows)


def main(kind: str) -> None:
    """Measure one kind of answer in this process, and print {"ms": latencies, "note": …}."""
    if kind != "cold":
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    print(json.dumps({"rank": _rank, "load": _load, "home": _home, "cold": _cold}[kind]()))


def _cold() -> dict[str, Any]:
    """One call; the process is timed from outside."""
    from functions.feed.handlers.rank_contents import handler

    return {"ms": [], "note": "", "code": handler(_calls(1)[0], None)["code"]}


def _rank() -> dict[str, Any]:
    """Calls of rank_contents, after twenty to warm up."""
    from functions.feed.handlers.rank_contents import handler

    calls = _calls(CALLS + 20)
    for call in calls[:20]:
        handler(call, None)
    took = [_timed(lambda call=call: handler(call, None)) for call in calls[20:]]  # type: ignore[misc]
    return {"ms": took, "note": f"{CALLS} calls through the real handler, {np.mean(took):.1f} ms in the mean"}


def _load() -> dict[str, Any]:
    """Calls of rank_contents at fixed moments, however long the one before takes; waiting for it counts."""
    from functions.feed.handlers.rank_contents import handler

    calls = _calls(PER_SECOND * FOR_S)
    handler(calls[0], None)
    began, took = time.perf_counter(), []
    for number, call in enumerate(calls):
        due = began + number / PER_SECOND
        time.sleep(max(due - time.perf_counter(), 0))
        if handler(call, None)["code"] != 200:
            raise Refused("a call was not answered")
        took.append((time.perf_counter() - due) * 1_000)
    return {"ms": took, "note": f"{len(took) / (time.perf_counter() - began):.0f} calls/s"}


def _home() -> dict[str, Any]:
    """Home pages; Refused where the median page has fewer than MIN_CANDIDATES candidates."""
    from functions.feed import candidate_sources, recommend_home
    from functions.feed.feed_ranker import open_feed_ranker
    from functions.feed.requests import HomeRequest
    from functions.feed.store.relationships import Relationships
    from shared.config import settings
    from shared.store import open_store

    store, options = open_store(), settings().options
    feed_ranker = open_feed_ranker(store, settings().artifact_keys, options.of(Members))
    accounts, request = [str(call["accountId"]) for call in _calls(500)], HomeRequest(max_results=25)
    feed_ranker.refresh(NOW)
    post_index = feed_ranker.post_index
    assert post_index is not None
    numbers = []
    for account in accounts[:50]:
        viewer = feed_ranker.viewer(ObjectId(account))
        relationships = Relationships(store).follows_and_blocks(viewer.users, options.of(Home).max_follows)
        interactions = candidate_sources.past_interactions(store, viewer, options.of(Home), now=NOW)
        authors = [*relationships.blocked, *viewer.users]
        excluded = candidate_sources.excluded_posts(post_index, interactions, authors)
        guest_feed = candidate_sources.GuestFeedReader(store.guest_feed, post_index, viewer.country)
        candidates = candidate_sources.retrieve_candidates(
            post_index, viewer, guest_feed, relationships.followed, excluded, options.of(Home), NOW
        )
        numbers.append(len(candidates.post))
    if np.median(numbers) < MIN_CANDIDATES:
        raise Refused(f"only {np.median(numbers)} candidates")
    took = [
        _timed(lambda account=account: recommend_home.run(feed_ranker, options.of(Home), account, request, now=NOW))  # type: ignore[misc]
        for account in accounts
    ]
    return {"ms": took, "note": f"{len(took)} pages, {int(np.median(numbers))} candidates in the median"}


def _calls(number: int) -> list[dict[str, Any]]:
    """Requests of accounts that have models, each for IDS posts drawn at random."""
    from shared.store import open_store

    store, rng = open_store(), np.random.default_rng(0)
    accounts = [row["account"] for row in store.analytics.mlArtifacts.find({}, {"account": 1}).limit(2_000)]
    posts = [row["_id"] for row in store.app.contents.find({"visibility": "publish"}, {"_id": 1}).limit(20_000)]
    return [
        {
            "accountId": str(accounts[rng.integers(len(accounts))]),
            "contents": [str(posts[i]) for i in rng.choice(len(posts), min(IDS, len(posts)), replace=False)],
        }
        for _ in range(number)
    ]


def _timed(call: Callable[[], Any]) -> float:
    """How long a call takes [ms]."""
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1_000


if __name__ == "__main__":
    if sys.argv[1:] not in (["rank"], ["load"], ["home"], ["cold"]):
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
