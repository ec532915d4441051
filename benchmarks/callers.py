"""The on-demand path under ever more callers at once, until their 99th percentile leaves its budget.

Each caller has an execution environment of its own, as on Lambda: a process under awslambdaric, called again as soon
as it has answered. All of them, the callers, and MongoDB share this machine's cores, so what is found is where these
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

from benchmarks.floors import Figure
from benchmarks.places import BenchDatabase, Tell, server_cpu_seconds
from benchmarks.runtimes import API_KEY, IDS
from benchmarks.table import Sheet
from layers.build import lock
from layers.package import RESULT, package
from local.functions import ROOT
from local.sandbox import Sandbox, Shipped, python_of_the_runtime, unpack
from shared.errors import Refused
from shared.runtime.tokens import token_for

AT_ONCE = (1, 2, 4, 8, 16, 32)
FOR_S = 10.0
BUDGET_MS = 100.0  # of the 99th percentile, seen by the caller
KEY = "serveFeed"


@dataclass(frozen=True, slots=True)
class LoadPoint:
    """So many callers at once.

    callers           each with an environment of its own
    per_second        answers
    p50, p99          what a caller waits for [ms]
    queries           of the database, for one answer
    database_ms       processor time of the database for one answer; None where it is not on this machine
    connections       open at the database
    """

    callers: int
    per_second: float
    p50: Figure
    p99: Figure
    queries: float
    database_ms: float | None
    connections: int


def measure(place: BenchDatabase, tell: Tell) -> list[LoadPoint]:
    """On a network whose models are trained."""
    requests = _requests(place)
    found = []
    with TemporaryDirectory() as folder, ExitStack() as environments:
        shipped = _shipped(place, Path(folder))
        sandboxes: list[Sandbox] = []
        for callers in AT_ONCE:
            tell(f"{place.size}: {callers} callers at once")
            while len(sandboxes) < callers:
                sandbox = environments.enter_context(Sandbox(shipped, Path(folder) / "log"))
                _answer(sandbox, requests[0])
                sandboxes.append(sandbox)
            found.append(_pressed(place, sandboxes, requests))
            if found[-1].p99.value > BUDGET_MS:
                break
    return found


def sheet_of(found: list[LoadPoint]) -> Sheet:
    """As a table."""
    rows = [
        (
            str(one.callers),
            f"{one.per_second:,.0f}",
            one.p50.told,
            one.p99.told,
            f"{one.queries:.1f}",
            "" if one.database_ms is None else f"{one.database_ms:.2f} ms",
            str(one.connections),
        )
        for one in found
    ]
    columns = ("callers", "answers a second", "p50", "p99", "queries each", "of the database each", "connections")
    note = (
        f"{IDS} posts ranked over HTTP, {FOR_S:.0f} s each; callers, functions and MongoDB share the cores. "
        f"It ends where the 99th percentile is above {BUDGET_MS:.0f} ms."
    )
    return Sheet("Many callers at once, world M", columns, rows, note)


def _shipped(place: BenchDatabase, folder: Path) -> Shipped:
    with lock("package"):
        layers = package("prod", python_of_the_runtime())
        given = {**place.environment, "API_KEYS": API_KEY, "LOG_LEVEL": "WARNING"}
        return unpack(KEY, RESULT, folder, layers, given, slowness=1)


def _pressed(place: BenchDatabase, sandboxes: list[Sandbox], requests: list[Any]) -> LoadPoint:
    before, cpu = _operations(place), server_cpu_seconds(place.store)
    began = time.perf_counter()

    def call(number: int) -> list[float]:
        took: list[float] = []
        sandbox = sandboxes[number]
        while time.perf_counter() - began < FOR_S:
            at = time.perf_counter()
            _answer(sandbox, requests[(number * 7919 + len(took)) % len(requests)])
            took.append((time.perf_counter() - at) * 1_000)
        return took

    with ThreadPoolExecutor(len(sandboxes)) as callers:
        waits = np.concatenate(list(callers.map(call, range(len(sandboxes)))))
    spent = time.perf_counter() - began
    cpu_after = server_cpu_seconds(place.store)
    p50, p99 = np.quantile(waits, (0.5, 0.99)).tolist()
    return LoadPoint(
        len(sandboxes),
        len(waits) / spent,
        Figure(p50, "ms"),
        Figure(p99, "ms"),
        (_operations(place) - before) / len(waits),
        None if cpu is None or cpu_after is None else (cpu_after - cpu) * 1_000 / len(waits),
        place.store.client.admin.command("serverStatus")["connections"]["current"],
    )


def _operations(place: BenchDatabase) -> int:
    counted = place.store.client.admin.command("serverStatus")["opcounters"]
    return int(counted["query"] + counted["getmore"])


def _answer(sandbox: Sandbox, request: Any) -> None:
    outcome = sandbox.invoke(request)
    if outcome.error or outcome.answer["statusCode"] != 200:
        raise Refused(f"{KEY}: {outcome.error or outcome.answer}")


def _requests(place: BenchDatabase) -> list[Any]:
    """Of accounts that have models, each for posts drawn at random."""
    sample = json.loads((ROOT / "events" / "feed" / "serve_feed.json").read_text())
    rng = np.random.default_rng(0)
    accounts = [str(one["account"]) for one in place.store.analytics.mlArtifacts.find({}, {"account": 1}).limit(500)]
    posts = [
        str(one["_id"]) for one in place.store.app.contents.find({"visibility": "publish"}, {"_id": 1}).limit(20_000)
    ]
    made = []
    for account in accounts:
        token = token_for(account, API_KEY.encode(), now=datetime.now(UTC), valid_for=timedelta(hours=12))
        contents = [posts[one] for one in rng.choice(len(posts), IDS, replace=False)]
        headers = sample["headers"] | {"authorization": f"Bearer {token}"}
        made.append(sample | {"headers": headers, "body": json.dumps({"accountId": account, "contents": contents})})
    return made
