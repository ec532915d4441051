"""From a change of a post to its contentinfo: latency, throughput and cold start, each in a process of its own."""

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from statistics import median, quantiles
from typing import Any

from bson import ObjectId

from benchmarks.bench_database import Tell, databases
from benchmarks.floors import CHANGES, Figure
from benchmarks.load.reaction import Reaction
from benchmarks.table import Sheet
from benchmarks.text.our_posts import read_posts
from local import ownership
from local.functions import ROOT
from local.waiting import is_late
from shared.engagement_kinds import POSITIVE_KINDS
from shared.errors import Refused
from shared.store import Store, schema

INTO_NOTHING, INTO_TOPICS = 60_000, 6_000  # changes, by receiver
PER_SECOND, FOR_S = 50, 20  # posts a second of the latency test, for so many seconds
COLD_STARTS = 5
READY_WITHIN_S = 60.0

# In languages that the posts of topic_posts.tsv lack.
MORE_TEXTS = (
    "駅前の新しいパン屋さん、朝から行列ができていてびっくりした",
    "오늘 퇴근길에 본 노을이 너무 예뻐서 사진을 찍었어요",
    "Esta tarde vamos al cine a ver la película que todos recomiendan",
    "Le train de ce matin avait encore une heure de retard",
    "Resep sambal ini gampang sekali dan pedasnya pas",
    "今天的地铁特别挤，下次还是骑车去上班吧",
    "Heute gab es im Büro Kuchen, weil unsere Kollegin Geburtstag hatte",
    "Chiều nay trời mưa to quá nên mình ở nhà đọc sách",
)


def measure(uri: str, tell: Tell) -> list[Reaction]:
    """Measure everything, on databases that are dropped afterwards."""
    with _databases(uri) as (store, environment):
        reactions = []
        tell("changes: cold start of classify_content")
        reactions += cold_starts(store, environment)
        tell(f"changes: {INTO_NOTHING:,} into a receiver that does nothing")
        reactions += throughput(store, environment, "nothing", INTO_NOTHING)
        tell(f"changes: {INTO_TOPICS:,} into classify_content")
        reactions += throughput(store, environment, "here", INTO_TOPICS)
        tell(f"changes: {PER_SECOND} posts a second for {FOR_S} s")
        return reactions + latency(store, environment)


def sheet_of(reactions: list[Reaction]) -> Sheet:
    """One row per quantity."""
    rows = [reaction.row() for reaction in reactions]
    note = "Posts of 3 to 40 words in ten languages. The server shares the two cores."
    return Sheet("Changes, from MongoDB to contentinfo", ("what", "measured", "floor", "met", "of it"), rows, note)


def cold_starts(store: Store, environment: dict[str, str]) -> list[Reaction]:
    """Time of whole processes, from the start of the interpreter to its end, each with one post to describe."""
    _run(environment, "benchmarks.load.invoke", "topics", "train_topics", datetime.now(UTC).isoformat())
    usages = []
    for _ in range(COLD_STARTS):
        ownership.delete(store.app.contentinfo, {})
        now = datetime.now(UTC).isoformat()
        usage, answer = _run(environment, "benchmarks.load.invoke", "topics", "classify_content", now)
        if answer.get("written") != 1:
            raise Refused(f"classify_content described nothing: {answer}")
        usages.append(usage)
    seconds = [usage["seconds"] for usage in usages]
    peak = max(usage["peak_kb"] for usage in usages) / 1024
    note = f"{min(seconds):.2f} to {max(seconds):.2f} s, {peak:.0f} MB"
    return [Reaction("cold start of classify_content", Figure(median(seconds), "s", CHANGES["cold start"]), note)]


def throughput(store: Store, environment: dict[str, str], receiver: str, count: int) -> list[Reaction]:
    """Throughput and peak memory of a relay that works off a backlog.

    receiver  "nothing", or "here" for classify_content in the relay's process
    """
    _begin_here(store)
    rng = random.Random(7)
    for start in range(0, count, 1_000):
        store.app.contents.insert_many([_post(rng) for _ in range(min(1_000, count - start))])
    usage, answer = _run(environment, "benchmarks.load.relaying", receiver, str(count))
    rate = answer["changes"] / max(answer["seconds"], usage["cpu_seconds"])
    note = f"{answer['changes']:,} in {answer['seconds']:.1f} s, {usage['cpu_seconds']:.1f} s of processor in all"
    name = f"relay into {'nothing' if receiver == 'nothing' else 'classify_content'}"
    memory = Figure(usage["peak_kb"] / 1024, "MB", CHANGES.get(f"{name}, memory"))
    ownership.delete(store.app.contents, {})
    return [Reaction(name, Figure(rate, "/s", CHANGES[name], at_least=True), note), Reaction(f"{name}, memory", memory)]


def latency(store: Store, environment: dict[str, str]) -> list[Reaction]:
    """Time from before the write of a post until another thread sees its contentinfo; the relay is another process."""
    _begin_here(store)
    seen_at: dict[ObjectId, float] = {}
    done = threading.Event()
    observer = threading.Thread(target=_observe, args=(store, seen_at, done))
    command = [sys.executable, "-m", "benchmarks.load.relaying", "here", str(10**9)]
    relay = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment}, stdout=subprocess.DEVNULL)
    try:
        observer.start()
        rng, written_at = random.Random(8), dict[ObjectId, float]()
        warm = _post(rng)
        store.app.contents.insert_one(warm)
        _await(lambda: warm["_id"] in seen_at)
        began = time.perf_counter()
        for number in range(PER_SECOND * FOR_S):
            time.sleep(max(began + number / PER_SECOND - time.perf_counter(), 0))
            post = _post(rng)
            written_at[post["_id"]] = time.perf_counter()
            store.app.contents.insert_one(post)
        _await(lambda: written_at.keys() <= seen_at.keys())
    finally:
        done.set()
        relay.terminate()
        relay.wait()
        observer.join()
    delays = sorted((seen_at[key] - at) * 1000 for key, at in written_at.items())  # [ms]
    p50, p99 = median(delays), quantiles(delays, n=100)[98]
    note = f"{len(delays):,} posts at {PER_SECOND} a second, {delays[0]:.0f} to {delays[-1]:.0f} ms"
    return [
        Reaction("write to contentinfo, p50", Figure(p50, "ms", CHANGES["p50"]), note),
        Reaction("write to contentinfo, p99", Figure(p99, "ms", CHANGES["p99"]), note),
    ]


def _observe(store: Store, seen_at: dict[ObjectId, float], done: threading.Event) -> None:
    """Note the moment when each post's contentinfo is first seen [s of time.perf_counter]."""
    with store.app.contentinfo.watch([{"$project": {"fullDocument.contentId": 1}}], max_await_time_ms=100) as stream:
        while not done.is_set():
            change = stream.try_next()
            if change and "fullDocument" in change:
                seen_at.setdefault(change["fullDocument"]["contentId"], time.perf_counter())


def _post(rng: random.Random) -> dict[str, Any]:
    """A post as the application writes it, with a random text."""
    text, now = rng.choice(_texts()), datetime.now(UTC)
    message = {"message": f"{text} {rng.randrange(10_000)}"}
    engagements = {kind: {"count": 0, "refs": []} for kind in POSITIVE_KINDS}
    return {
        "_id": ObjectId(),
        "author": {"id": ObjectId(), "type": "people", "castcleId": "someone", "displayName": "Someone"},
        "type": "short",
        "visibility": "publish",
        "payload": message,
        "engagements": engagements,
        "hashtags": [],
        "createdAt": now,
        "updatedAt": now,
    }


@cache
def _texts() -> list[str]:
    return [text for _, text in read_posts()] + list(MORE_TEXTS) * 4


def _begin_here(store: Store) -> None:
    """Have the relay begin at this moment of the change stream."""
    with store.client.start_session() as session:
        store.app.command("ping", session=session)
        start = {"startAt": session.operation_time}
    store.analytics.relayPositions.replace_one({"_id": "contents"}, start, upsert=True)


def _run(environment: dict[str, str], module: str, *arguments: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """(time and memory of the process, the last line that it printed); Refused where it fails."""
    launcher = [sys.executable, "-S", "-E", str(ROOT / "benchmarks" / "load" / "launch.py")]
    command = [*launcher, sys.executable, "-m", module, *arguments]
    ended = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    *_, answer, last = ended.stdout.splitlines()
    usage: dict[str, Any] = json.loads(last)
    if usage["code"]:
        raise Refused(f"{module} ended with code {usage['code']}: {ended.stderr.strip()[-2000:]}")
    return usage, json.loads(answer)


def _await(condition: Callable[[], bool]) -> None:
    began = time.monotonic()
    while not condition():
        if is_late(began, READY_WITHIN_S):
            raise Refused("posts did not come back")
        time.sleep(0.01)


@contextmanager
def _databases(uri: str) -> Iterator[tuple[Store, dict[str, str]]]:
    quiet = {"LOG_LEVEL": "CRITICAL", "POWERTOOLS_METRICS_DISABLED": "true"}
    with databases(uri, "changes", quiet) as (environment, _, store):
        schema.apply(store.app, store.analytics)
        yield store, environment
