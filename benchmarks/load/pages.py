"""Pages of the console on world M: what each takes, what a first visit loads, and from a key to the changed page."""

import base64
import gzip
import json
import os
import re
import shutil
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from importlib import import_module
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.bench_database import NOW, BenchDatabase, Tell
from benchmarks.floors import PAGES, Figure
from benchmarks.load.children import measured
from benchmarks.load.jobs import GUEST_FEED, from_nothing
from benchmarks.load.reaction import Reaction
from benchmarks.load.runtimes import answered, shipped_function
from benchmarks.table import Sheet
from console import assets
from console.access import COOKIE, LOGIN
from console.app import ROUTES
from console.rights import RIGHTS, ROLES
from console.store.members import LANGUAGES, Member, Members
from console.store.sessions import Sessions
from local.console_pages import paths
from local.functions import function
from local.http import Listener, event_of, serving
from local.long_lists import lengthen, start_lists
from local.query_profile import profiled
from local.sandbox import Sandbox
from shared.config import HERE
from shared.errors import Refused
from shared.store import Store, open_store

MODULE = "benchmarks.load.pages"
WARMING, CALLS, COLD_STARTS = 5, 200, 5  # calls of each page, and processes
ROWS = 100_000  # that are added to each list
KEYS = 100  # verdicts
WITHOUT = ("/console/static/{file}", "/console/login/callback")  # no pages, or of another set-up
# Pages that ask for a comparison once they are there; that waits for compare_rankings, which has its own process and
# memory in a cloud.
COMPARING = ("/console/models/{family}/{key}/rankings", "/console/models/{family}/{key}/effect")
COMPARISONS = 5  # times
MEASURE_KEY = """
key => new Promise(resolve => {
  const before = document.querySelector("h2").textContent, began = performance.now();
  const look = () => {
    const heading = document.querySelector("h2");
    if (!heading || heading.textContent === before) requestAnimationFrame(look);
    else requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - began)));  // behind what is painted
  };
  document.body.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
  requestAnimationFrame(look);
})
"""


def measure(bench: BenchDatabase, tell: Tell) -> list[Reaction]:
    """All figures, on a network whose jobs have run; without a browser, those of keys are left out."""
    tell(f"{bench.size}: build_guest_feed, for the pages of feeds")
    from_nothing(bench, GUEST_FEED, NOW)
    reactions = []
    tell(f"{bench.size}: other jobs, and {ROWS:,} rows for each list")
    measured(bench, MODULE, "prepare")
    tell(f"{bench.size}: comparisons that pages load")
    for path, milliseconds in measured(bench, MODULE, "comparisons").items():
        note = f"asked for by the page, with compare_rankings: median of {COMPARISONS}"
        reactions.append(Reaction(f"the comparison of {path}", Figure(median(milliseconds), "ms"), note))
    tell(f"{bench.size}: what pages ask of the database")
    profile = measured(bench, MODULE, "profile")
    tell(f"{bench.size}: pages under the runtime")
    with TemporaryDirectory() as folder:
        shipped, log = shipped_function("serve_console", bench.environment, Path(folder)), Path(folder) / "log"
        with Sandbox(shipped, log) as sandbox:
            for path, page in profile["pages"].items():
                size, queries, documents = page["bytes"] / 1_000, page["queries"], page["examined"]
                note = f"{size:.1f} kB compressed, {queries} queries, {documents} documents"
                milliseconds = [answered(sandbox, page["event"]).seconds * 1_000 for _ in range(WARMING + CALLS)]
                p50, p99 = np.quantile(milliseconds[WARMING:], (0.5, 0.99)).tolist()
                reactions += [
                    Reaction(f"{path}, p50", Figure(p50, "ms", PAGES["p50"]), note),
                    Reaction(f"{path}, p99", Figure(p99, "ms", PAGES["p99"])),
                ]
            peak_mb = answered(sandbox, profile["login"]).peak_mb
        reactions.append(Reaction("memory", Figure(peak_mb, "MB", PAGES["memory"]), "after all pages"))
        tell(f"{bench.size}: pages, cold starts")
        cold = []
        for _ in range(COLD_STARTS):
            with Sandbox(shipped, log) as sandbox:
                cold.append(answered(sandbox, profile["login"]).first_s)
    note = f"{min(cold):.2f} to {max(cold):.2f} s, from the start of the process to its answer"
    reactions.append(Reaction("cold start to the first page", Figure(median(cold), "s", PAGES["cold"]), note))
    scans = [path for path, page in profile["pages"].items() if page["scans"]]
    reactions.append(Reaction("pages that scan a collection", Figure(len(scans), "", PAGES["scans"]), ", ".join(scans)))
    for visit in ("first visit", "later visits"):
        reactions.append(
            Reaction(visit, Figure(profile[visit] / 1_000, "kB", PAGES[visit]), "Today, in Thai, compressed")
        )
    if shutil.which("chromium") and _has_playwright():
        tell(f"{bench.size}: pages, keys")
        milliseconds = measured(bench, MODULE, "keys")["ms"]
        p50, p99 = np.quantile(milliseconds, (0.5, 0.99)).tolist()
        note = f"{len(milliseconds)} verdicts by a key in Chromium, {p50:.0f} ms in the median"
        reactions.append(Reaction("key to changed page, p99", Figure(p99, "ms", PAGES["key"]), note))
    return reactions


def sheet_of(reactions: list[Reaction]) -> Sheet:
    """One row per page and quantile."""
    rows = [reaction.row() for reaction in reactions]
    return Sheet("Pages of the console, world M", ("what", "measured", "floor", "met", "of it"), rows)


def _has_playwright() -> bool:
    try:
        import_module("playwright.sync_api")
    except ModuleNotFoundError:
        return False
    return True


def main(kind: str) -> None:
    """Measure one kind in this process, and print it as JSON."""
    print(json.dumps(KINDS[kind]()))


def _tokens(store: Store) -> dict[str, str]:
    """A session of each role."""
    now = datetime.now(UTC)
    for role in ROLES:
        if Members(store).find(f"bench {role}") is None:
            Members(store).enrol(Member(f"bench {role}", role, LANGUAGES[0]), by="bench", now=now)
    return {role: Sessions(store).start(f"bench {role}", role, now=now) for role in ROLES}


def _event(path: str, token: str) -> dict[str, Any]:
    headers = {"cookie": f"{COOKIE}={token}", "sec-fetch-site": "same-origin", "accept-encoding": "gzip"}
    return event_of("GET", path, headers, b"")


def _called(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """The answer in this process."""
    answer: Mapping[str, Any] = import_module("console.handlers.serve_console").handler(event, None)
    return answer


def _got(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same; Refused where it is no page."""
    answer = _called(event)
    if answer["statusCode"] != HTTPStatus.OK:
        raise Refused(f"{event['rawPath']}: {answer['statusCode']}")
    return answer


def _size(answer: Mapping[str, Any]) -> int:
    """Bytes of a body as they are sent."""
    return len(base64.b64decode(answer["body"]) if answer["isBase64Encoded"] else answer["body"].encode())


def _prepare() -> dict[str, int]:
    """Describe all posts, measure the feed, and fill all lists."""
    store, now = open_store(), datetime.now(UTC)
    for stem in ("reclassify_contents", "measure_feed"):
        function(stem).invoke(at=NOW)
    _tokens(store)
    start_lists(store, now)
    lengthen(store, ROWS, now)
    return {"rows": ROWS}


def _profile() -> dict[str, Any]:
    """Each page: the event that asks for it, its size, and what it asks of the database."""
    store = open_store()
    tokens, addresses = _tokens(store), paths(store)
    pages = {}
    for route in ROUTES:
        if route.method != "GET" or route.path in WITHOUT:
            continue
        role = next((role for role in ROLES if role in RIGHTS.get(route.right, ())), ROLES[0])
        event = _event(addresses[route.path], tokens[role])
        with profiled(store.app, store.analytics) as operations:
            answer = _got(event)
        pages[route.path] = {
            "event": event,
            "bytes": _size(answer),
            "queries": len(operations),
            "examined": sum(operation.examined for operation in operations),
            "scans": any(operation.scans_collection for operation in operations),
        }
    return {"pages": pages, "login": _event(LOGIN, ""), **_visits(tokens[ROLES[0]])}


def _comparisons() -> dict[str, list[float]]:
    """What pages ask another function for, which this process has, too; after one call to warm up."""
    os.environ["EVERY_FUNCTION"] = HERE
    store = open_store()
    token, addresses = _tokens(store)["operator"], paths(store)
    took: dict[str, list[float]] = {}
    for path in COMPARING:
        event = _event(f"{addresses[path]}&wait=yes", token)
        _called(event)  # the first one reads the network, for longer than a page waits
        took[path] = []
        for _ in range(COMPARISONS):
            began = time.perf_counter()
            _got(event)
            took[path].append((time.perf_counter() - began) * 1_000)
    return took


def _visits(token: str) -> dict[str, int]:
    """Bytes of Today with all that it loads, and of Today alone."""
    page = _got(_event("/console", token))
    text = gzip.decompress(base64.b64decode(page["body"])).decode()
    files = set(re.findall(rf'(?:href|src)="({assets.PATH}[^"]+)"', text))
    sheets = [file for file in files if file.endswith(".css")]
    for sheet in sheets:
        content = assets.asset(sheet.removeprefix(assets.PATH)).content.decode()
        files |= {assets.PATH + name for name in re.findall(r"url\(([\w.-]+)\)", content)}
    return {
        "first visit": _size(page) + sum(_size(_got(_event(file, ""))) for file in files),
        "later visits": _size(page),
    }


def _keys() -> dict[str, Any]:
    """Verdicts on suspects by alternating keys, from the key to the next suspect on the screen."""
    from playwright.sync_api import sync_playwright

    store, now = open_store(), datetime.now(UTC)
    handler = import_module("console.handlers.serve_console").handler
    link = Sessions(store).login_link("moderator", now=now)
    with Listener() as listener, serving(handler, listener) as address, sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=options)
        page = browser.new_page()
        page.goto(f"{address}/console/login?link={link}&next=/console/suspects")
        milliseconds = [page.evaluate(MEASURE_KEY, "bp"[number % 2]) for number in range(KEYS)]
        browser.close()
    return {"ms": milliseconds}


KINDS = {"prepare": _prepare, "profile": _profile, "comparisons": _comparisons, "keys": _keys}

if __name__ == "__main__":
    if sys.argv[1:] not in ([kind] for kind in KINDS):
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
