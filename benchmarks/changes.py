"""From a change to what is known of it: latency, throughput and cold start, each in a process of its own."""

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from bson import ObjectId

from benchmarks.floors import CHANGES, Figure
from benchmarks.places import Tell, databases
from benchmarks.table import Sheet, told_met
from local import ownership
from local.waiting import is_late
from shared.errors import Refused
from shared.store import Store, schema

ROOT = Path(__file__).parent.parent
POSTS = Path(__file__).with_name("topic_posts.tsv")
INTO_NOTHING, INTO_TOPICS = 60_000, 6_000  # changes
PER_SECOND, FOR_S = 50, 20  # posts of the latency test
COLD_STARTS = 5
READY_WITHIN_S = 60.0

# Languages that the posts of topic_posts.tsv lack.
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


@dataclass(frozen=True, slots=True)
class Reaction:
    """One line of the table; `told` is what else there is to know."""

    what: str
    figure: Figure
    told: str = ""


def measure(uri: str, tell: Tell) -> list[Reaction]:
    """Everything, on databases that are dropped afterwards."""
    with _place(uri) as (store, environment):
        found = []
        tell("changes: cold start of classify_content")
        found += cold_starts(store, environment)
        tell(f"changes: {INTO_NOTHING:,} into a receiver that does nothing")
        found += throughput(store, environment, "nothing", INTO_NOTHING)
        tell(f"changes: {INTO_TOPICS:,} into classify_content")
        found += throughput(store, environment, "here", INTO_TOPICS)
        tell(f"changes: {PER_SECOND} posts a second for {FOR_S} s")
        return found + latency(store, environment)


def sheet_of(found: list[Reaction]) -> Sheet:
    """As a table."""
    rows = [(one.what, one.figure.told, one.figure.floor_told, told_met([one.figure]), one.told) for one in found]
    note = "Posts of 3 to 40 words in ten languages. The server shares the two cores."
    return Sheet("Changes, from MongoDB to contentinfo", ("what", "measured", "floor", "met", "of it"), rows, note)


def cold_starts(store: Store, environment: dict[str, str]) -> list[Reaction]:
    """Whole processes, from the start of the interpreter to its end, each with one post to describe."""
    _run(environment, "benchmarks.invoke", "topics", "train_topics", datetime.now(UTC).isoformat())
    times = []
    for _ in range(COLD_STARTS):
        ownership.delete(store.app.contentinfo, {})
        now = datetime.now(UTC).isoformat()
        took, answer = _run(environment, "benchmarks.invoke", "topics", "classify_content", now)
        if answer.get("written") != 1:
            raise Refused(f"classify_content described nothing: {answer}")
        times.append(took)
    seconds = [took["seconds"] for took in times]
    peak = max(took["peak_kb"] for took in times) / 1024
    told = f"{min(seconds):.2f} to {max(seconds):.2f} s, {peak:.0f} MB"
    return [Reaction("cold start of classify_content", Figure(median(seconds), "s", CHANGES["cold start"]), told)]


def throughput(store: Store, environment: dict[str, str], receiver: str, count: int) -> list[Reaction]:
    """How fast a relay gets through a backlog, and what it holds meanwhile."""
    _begin_here(store)
    rng = random.Random(7)
    for start in range(0, count, 1_000):
        store.app.contents.insert_many([_post(rng) for _ in range(min(1_000, count - start))])
    took, answer = _run(environment, "benchmarks.relaying", receiver, str(count))
    rate = answer["changes"] / max(answer["seconds"], took["cpu_seconds"])
    told = f"{answer['changes']:,} in {answer['seconds']:.1f} s, {took['cpu_seconds']:.1f} s of processor in all"
    name = f"relay into {'nothing' if receiver == 'nothing' else 'classify_content'}"
    memory = Figure(took["peak_kb"] / 1024, "MB", CHANGES.get(f"{name}, memory"))
    ownership.delete(store.app.contents, {})
    return [Reaction(name, Figure(rate, "/s", CHANGES[name], at_least=True), told), Reaction(f"{name}, memory", memory)]


def latency(store: Store, environment: dict[str, str]) -> list[Reaction]:
    """From before the write of a post, so before its commit, to the sight of its contentinfo in another process."""
    _begin_here(store)
    seen: dict[ObjectId, float] = {}
    done = threading.Event()
    observer = threading.Thread(target=_observe, args=(store, seen, done))
    command = [sys.executable, "-m", "benchmarks.relaying", "here", str(10**9)]
    relay = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment}, stdout=subprocess.DEVNULL)
    try:
        observer.start()
        rng, written = random.Random(8), dict[ObjectId, float]()
        warm = _post(rng)
        store.app.contents.insert_one(warm)
        _await(lambda: warm["_id"] in seen)
        began = time.perf_counter()
        for number in range(PER_SECOND * FOR_S):
            time.sleep(max(began + number / PER_SECOND - time.perf_counter(), 0))
            post = _post(rng)
            written[post["_id"]] = time.perf_counter()
            store.app.contents.insert_one(post)
        _await(lambda: written.keys() <= seen.keys())
    finally:
        done.set()
        relay.terminate()
        relay.wait()
        observer.join()
    took = sorted((seen[key] - at) * 1000 for key, at in written.items())
    p50, p99 = median(took), quantiles(took, n=100)[98]
    told = f"{len(took):,} posts at {PER_SECOND} a second, {took[0]:.0f} to {took[-1]:.0f} ms"
    return [
        Reaction("write to contentinfo, p50", Figure(p50, "ms", CHANGES["p50"]), told),
        Reaction("write to contentinfo, p99", Figure(p99, "ms", CHANGES["p99"]), told),
    ]


def _observe(store: Store, seen: dict[ObjectId, float], done: threading.Event) -> None:
    with store.app.contentinfo.watch([{"$project": {"fullDocument.contentId": 1}}], max_await_time_ms=100) as stream:
        while not done.is_set():
            change = stream.try_next()
            if change and "fullDocument" in change:
                seen.setdefault(change["fullDocument"]["contentId"], time.perf_counter())


def _post(rng: random.Random) -> dict[str, Any]:
    text, now = rng.choice(_texts()), datetime.now(UTC)
    message = {"message": f"{text} {rng.randrange(10_000)}"}
    engagements = {kind: {"count": 0, "refs": []} for kind in ("like", "comment", "recast", "quote")}
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


def _texts() -> list[str]:
    lines = POSTS.read_text(encoding="utf-8").splitlines()[1:]
    return [line.split("\t")[-1] for line in lines] + list(MORE_TEXTS) * 4


def _begin_here(store: Store) -> None:
    """Let the relay begin at this moment."""
    with store.client.start_session() as session:
        store.app.command("ping", session=session)
        start = {"startAt": session.operation_time}
    store.analytics.relayPositions.replace_one({"_id": "contents"}, start, upsert=True)


def _run(environment: dict[str, str], module: str, *arguments: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """(what the process took, the last line that it printed); Refused where it fails."""
    launcher = [sys.executable, "-S", "-E", str(ROOT / "benchmarks" / "launch.py")]
    command = [*launcher, sys.executable, "-m", module, *arguments]
    ended = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    *_, answer, took = ended.stdout.splitlines()
    measured: dict[str, Any] = json.loads(took)
    if measured["code"]:
        raise Refused(f"{module} ended with code {measured['code']}: {ended.stderr.strip()[-2000:]}")
    return measured, json.loads(answer)


def _await(condition: Any) -> None:
    began = time.monotonic()
    while not condition():
        if is_late(began, READY_WITHIN_S):
            raise Refused("posts did not come back")
        time.sleep(0.01)


@contextmanager
def _place(uri: str) -> Iterator[tuple[Store, dict[str, str]]]:
    quiet = {"LOG_LEVEL": "CRITICAL", "POWERTOOLS_METRICS_DISABLED": "true"}
    with databases(uri, "changes", quiet) as (environment, _, store):
        schema.apply(store.app, store.analytics)
        yield store, environment
