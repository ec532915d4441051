"""Answers over HTTP under more and more concurrent callers, until the 99th percentile exceeds its budget.

Each caller has an execution environment of its own, as on Lambda: a process under awslambdaric, called again as soon
as it has answered. The functions, the callers and MongoDB share this machine's cores, so the result says where these
are used up, and what one request costs the database.
"""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.bench_database import BenchDatabase, Tell, server_cpu_seconds
from benchmarks.floors import Figure
from benchmarks.load.runtimes import API_KEY, IDS, answered, shipped_function
from benchmarks.table import Sheet
from local.functions import ROOT
from local.sandbox import Sandbox
from shared.runtime.tokens import token_for

CALLERS = (1, 2, 4, 8, 16, 32)  # at once
FOR_S = 10.0  # of each
BUDGET_MS = 100.0  # upper bound of the 99th percentile, as the caller waits


@dataclass(frozen=True, slots=True)
class LoadPoint:
    """The load of so many concurrent callers.

    callers      each with an execution environment of its own [count]
    per_second   answers of all callers [1/s]
    p50, p99     time that a caller waits for an answer [ms]
    queries      to the database for one answer [count]
    database_ms  processor time of the database for one answer [ms]; None where it is not on this machine
    connections  open at the database [count]
    """

    callers: int
    per_second: float
    p50: Figure
    p99: Figure
    queries: float
    database_ms: float | None
    connections: int


def measure(bench: BenchDatabase, tell: Tell) -> list[LoadPoint]:
    """One load point for each number of callers, on a network whose models are trained."""
    requests = _requests(bench)
    points = []
    with TemporaryDirectory() as folder, ExitStack() as environments:
        shipped = shipped_function("serve_feed", {**bench.environment, "API_KEYS": API_KEY}, Path(folder))
        sandboxes: list[Sandbox] = []
        for callers in CALLERS:
            tell(f"{bench.size}: {callers} callers at once")
            while len(sandboxes) < callers:
                sandbox = environments.enter_context(Sandbox(shipped, Path(folder) / "log"))
                answered(sandbox, requests[0])
                sandboxes.append(sandbox)
            points.append(_load_point(bench, sandboxes, requests))
            if points[-1].p99.value > BUDGET_MS:
                break
    return points


def sheet_of(points: list[LoadPoint]) -> Sheet:
    """One row per number of callers."""
    rows = [
        (
            str(point.callers),
            f"{point.per_second:,.0f}",
            point.p50.text,
            point.p99.text,
            f"{point.queries:.1f}",
            "" if point.database_ms is None else f"{point.database_ms:.2f} ms",
            str(point.connections),
        )
        for point in points
    ]
    columns = ("callers", "answers a second", "p50", "p99", "queries each", "of the database each", "connections")
    note = (
        f"{IDS} posts ranked over HTTP, {FOR_S:.0f} s each; callers, functions and MongoDB share the cores. "
        f"It ends where the 99th percentile is above {BUDGET_MS:.0f} ms."
    )
    return Sheet("Many callers at once, world M", columns, rows, note)


def _load_point(bench: BenchDatabase, sandboxes: list[Sandbox], requests: list[Any]) -> LoadPoint:
    """Call each sandbox again and again for FOR_S seconds, in a thread of its own."""
    before, cpu = _operations(bench), server_cpu_seconds(bench.store)
    began = time.perf_counter()

    def call(number: int) -> list[float]:
        took: list[float] = []
        sandbox = sandboxes[number]
        while time.perf_counter() - began < FOR_S:
            at = time.perf_counter()
            answered(sandbox, requests[(number * 7919 + len(took)) % len(requests)])
            took.append((time.perf_counter() - at) * 1_000)
        return took

    with ThreadPoolExecutor(len(sandboxes)) as callers:
        waits_ms = np.concatenate(list(callers.map(call, range(len(sandboxes)))))
    seconds = time.perf_counter() - began
    cpu_after = server_cpu_seconds(bench.store)
    p50, p99 = np.quantile(waits_ms, (0.5, 0.99)).tolist()
    return LoadPoint(
        len(sandboxes),
        len(waits_ms) / seconds,
        Figure(p50, "ms"),
        Figure(p99, "ms"),
        (_operations(bench) - before) / len(waits_ms),
        None if cpu is None or cpu_after is None else (cpu_after - cpu) * 1_000 / len(waits_ms),
        bench.store.client.admin.command("serverStatus")["connections"]["current"],
    )


def _operations(bench: BenchDatabase) -> int:
    """Queries and batches that the server has answered since its start."""
    counters = bench.store.client.admin.command("serverStatus")["opcounters"]
    return int(counters["query"] + counters["getmore"])


def _requests(bench: BenchDatabase) -> list[Any]:
    """Requests of accounts that have models, each for IDS posts drawn at random."""
    sample = json.loads((ROOT / "events" / "feed" / "serve_feed.json").read_text())
    rng = np.random.default_rng(0)
    accounts = [str(row["account"]) for row in bench.store.analytics.mlArtifacts.find({}, {"account": 1}).limit(500)]
    posts = [
        str(row["_id"]) for row in bench.store.app.contents.find({"visibility": "publish"}, {"_id": 1}).limit(20_000)
    ]
    http_requests = []
    for account in accounts:
        token = token_for(account, API_KEY.encode(), now=datetime.now(UTC), valid_for=timedelta(hours=12))
        contents = [posts[i] for i in rng.choice(len(posts), IDS, replace=False)]
        headers = sample["headers"] | {"authorization": f"Bearer {token}"}
        http_requests.append(
            sample | {"headers": headers, "body": json.dumps({"accountId": account, "contents": contents})}
        )
    return http_requests
