"""Init, first call, warm call and peak memory of each function, run from its package as Lambda would run it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from bson import ObjectId

from benchmarks.bench_database import NOW, BenchDatabase, Tell, Workload, work_so_far
from benchmarks.floors import FIRST_ANSWER_S, MEMORY_SHARE, Figure
from benchmarks.table import Sheet, yes_or_no
from layers.build import lock
from layers.package import RESULT, package
from local.functions import ROOT, Function, all_functions, pipeline
from local.sandbox import Outcome, Sandbox, Shipped, python_of_the_runtime, unpack
from shared.artifacts import Registry
from shared.errors import Refused
from shared.runtime.tokens import token_for

API_KEY = "a key of the benchmarks for tokens and of nothing else"
COLD_STARTS = 3  # of functions with a floor
HOUR = timedelta(hours=1)
IDS, ACCOUNTS = 200, 200
# First what fills a new network, then what answers requests, last what removes data.
ORDER = (
    *pipeline(),
    "train_personal",
    "classify_content",
    "apply_verdicts",
    "remove_withdrawn",
    "rank_contents",
    "recommend_home",
)
LAST = ("explain_ranking", "compare_rankings", "recommend_people", "serve_feed", "promote_artifact", "erase_account")


@dataclass(frozen=True, slots=True)
class StartupTime:
    """Times and memory of one function on a network of that size.

    init_s     from the start of the process until it asks for an event, median [s]
    first      init and first call together, median, where the work was done before; of a change: with a new post
    warm_s     the call after the first, median [s]
    nothing_s  the call that found nothing done before [s]
    peak_mb    peak memory over all calls [MB]
    memory     peak memory over the memory that serverless.yml gives [%]
    database   what the last warm call asked of MongoDB
    log_kb     what that call wrote to its log [kB]
    """

    stem: str
    size: str
    init_s: float
    first: Figure
    warm_s: float
    nothing_s: float
    peak_mb: float
    memory: Figure
    database: Workload
    log_kb: float


def measure(bench: BenchDatabase, tell: Tell) -> list[StartupTime]:
    """Measure all functions, each after those whose output it needs; Refused where ORDER lacks a function."""
    functions, version = all_functions(), python_of_the_runtime()
    with lock("package"), TemporaryDirectory() as folder:
        tell("packaging")
        layers = package("prod", version)
        environment = {**bench.environment, "API_KEYS": API_KEY}
        times = []
        for stem in (*ORDER, *LAST):
            tell(f"{bench.size}: {stem} under the runtime")
            shipped = unpack(functions[stem].key, RESULT, Path(folder), layers, environment, slowness=1)
            times.append(_startup_time(bench, functions[stem], shipped, Path(folder)))
    missing = functions.keys() - {one.stem for one in times}
    if missing:
        raise Refused(f"not measured: {', '.join(sorted(missing))}")
    return times


def shipped_function(stem: str, environment: Mapping[str, str], folder: Path) -> Shipped:
    """The function, packaged and unpacked into the folder; it logs warnings only."""
    with lock("package"):
        layers = package("prod", python_of_the_runtime())
        variables = {**environment, "LOG_LEVEL": "WARNING"}
        return unpack(all_functions()[stem].key, RESULT, folder, layers, variables, slowness=1)


def figures(times: list[StartupTime]) -> Iterator[Figure]:
    """The figures that may have a floor."""
    for startup in times:
        yield from (startup.first, startup.memory)


def sheet_of(times: list[StartupTime]) -> Sheet:
    """One row per function."""
    rows = [
        (
            one.stem,
            one.size,
            f"{one.init_s:.2f} s",
            one.first.text,
            one.first.floor_text,
            f"{one.warm_s * 1_000:,.0f} ms",
            f"{one.nothing_s:.2f} s",
            f"{one.database.commands}, {one.database.read:,}, {one.database.written:,}",
            f"{one.log_kb:.1f} kB",
            f"{one.peak_mb:,.0f} MB",
            one.memory.text,
            one.memory.floor_text,
            yes_or_no([one.first, one.memory]),
        )
        for one in times
    ]
    columns = (
        "function",
        "world",
        "init",
        "first answer",
        "floor",
        "warm",
        "from nothing",
        "commands, read, written",
        "log",
        "peak",
        "of its memory",
        "floor",
        "met",
    )
    note = (
        "awslambdaric, package and layers, nothing else. First answer: init and call, in a new process, where little "
        f"is new (median of {COLD_STARTS} where it has a floor); from nothing: the call that did all the work. "
        "Commands to the database, documents and log: of a warm call."
    )
    return Sheet("Functions under Lambda's runtime", columns, rows, note)


def _startup_time(bench: BenchDatabase, function: Function, shipped: Shipped, folder: Path) -> StartupTime:
    log, has_floors = folder / "log", bench.size == "M"
    with Sandbox(shipped, log) as fresh:
        nothing = _invoke(fresh, _event(bench, function, 0))
    cold: list[Outcome] = []
    warm: list[Outcome] = []
    for number in range(1, 1 + (COLD_STARTS if function.stem in FIRST_ANSWER_S else 1)):
        with Sandbox(shipped, log) as sandbox:
            cold.append(_invoke(sandbox, _event(bench, function, number)))
            event = _event(bench, function, number)
            before, log_bytes = work_so_far(bench.store), log.stat().st_size
            warm.append(_invoke(sandbox, event))
            database, log_kb = work_so_far(bench.store) - before, (log.stat().st_size - log_bytes) / 1_000
    peak = max(one.peak_mb for one in (nothing, *cold, *warm))
    return StartupTime(
        function.stem,
        bench.size,
        median(one.init_s or 0.0 for one in cold),
        Figure(median(one.first_s for one in cold), "s", FIRST_ANSWER_S.get(function.stem) if has_floors else None),
        median(one.seconds for one in warm),
        nothing.seconds,
        peak,
        Figure(100 * peak / (shipped.memory * 1.048576), "%", MEMORY_SHARE if has_floors else None),
        database,
        log_kb,
    )


def answered(sandbox: Sandbox, request: Mapping[str, Any]) -> Outcome:
    """The answer over HTTP; Refused where it is not 200."""
    outcome = _invoke(sandbox, request)
    if outcome.answer["statusCode"] != HTTPStatus.OK:
        raise Refused(f"{request['rawPath']}: {outcome.answer}")
    return outcome


def _invoke(sandbox: Sandbox, event: Any) -> Outcome:
    """Refused where the function fails."""
    outcome = sandbox.invoke(event)
    if outcome.error:
        raise Refused(f"{sandbox.function.name}: {outcome.error}")
    return outcome


def _event(bench: BenchDatabase, function: Function, number: int) -> Mapping[str, Any]:
    """The function's sample event with ids of this network; a scheduled run is due `number` hours after NOW."""
    sample: dict[str, Any] = json.loads((ROOT / "events" / function.domain / f"{function.stem}.json").read_text())
    store = bench.store
    if function.cron:
        return sample | {"time": (NOW + number * HOUR).isoformat()}
    if function.stem in ("apply_verdicts", "remove_withdrawn"):
        return sample
    if function.stem == "classify_content":  # a new post each time: a known one is skipped
        post, detail = str(ObjectId()), sample["detail"]
        change = {"documentKey": {"_id": post}, "fullDocument": detail["fullDocument"] | {"_id": post}}
        return sample | {"detail": detail | change}
    accounts = [str(row["_id"]) for row in store.app.accounts.find({}, {"_id": 1}).limit(ACCOUNTS)]
    posts = [str(row["_id"]) for row in store.app.contents.find({"visibility": "publish"}, {"_id": 1}).limit(IDS)]
    ranking = {"accountId": accounts[0], "contents": posts}
    if function.stem == "train_personal":
        body = json.dumps({"time": NOW.isoformat(), "accounts": accounts})
        return {"Records": [sample["Records"][0] | {"body": body}]}
    if function.stem == "serve_feed":
        token = token_for(accounts[0], API_KEY.encode(), now=datetime.now(UTC), valid_for=timedelta(hours=12))
        headers = sample["headers"] | {"authorization": f"Bearer {token}"}
        return sample | {"headers": headers, "body": json.dumps(ranking)}
    if function.stem == "promote_artifact":
        version = Registry(store.analytics, bench.settings.artifact_keys).live_version("topics", "all")
        return sample | {"family": "topics", "key": "all", "version": version}
    if function.stem == "compare_rankings":
        version = Registry(store.analytics, bench.settings.artifact_keys).live_version("country", "us")
        return sample | {"key": "us", "left": version, "right": "none"}
    return {**sample, **ranking} if function.stem == "rank_contents" else sample | {"accountId": accounts[0]}
