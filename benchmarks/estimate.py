"""The model behind `benchmarks.capacity`: what a network of so many accounts spends in a day.

Jobs cost what their growth says (`benchmarks.scale`), answers and changes what a warm call took on world M, disk what
the collections of S, M and L take. A core of the machine that measured counts as one vCPU; a function of less memory
gets its part of one.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from pathlib import Path
from typing import Any

from cronsim import CronSim

from benchmarks.scale import SAVED, Curve, Growth, fit, growths
from local.functions import Function, all_functions, declared
from local.world import SIZES
from shared.config import Options

MEASURED = SIZES["M"]  # the world of the floors
DAY, DAY_S = timedelta(days=1), 86_400
VCPU_MB = 1_769  # memory that comes with one vCPU
NODES = 3  # of the database, each with everything
QUEUES, POLLS = 5, 5 * DAY_S / 20  # five pollers for each, that wait 20 s
ACTIVE_RATIO = 0.05  # of the accounts did something where plan_personal_training was measured after changes
UPSERTS = ("classify_content",)  # whose one document the server does not count
PROPORTIONAL = ("measure_feed",)  # jobs that were not measured at several sizes, and grow


@dataclass(frozen=True, slots=True)
class Assumed:
    """Of a mean account and its day, and of what it runs on.

    Per post there are ten engagements and ten exposures, as where we measured.
    """

    posts: float = MEASURED.contents / MEASURED.users / MEASURED.days  # that it publishes
    changes_a_post: float = 1.5  # of its text or visibility, the first included
    pages: float = 4.0  # of its home
    rankings: float = 4.0  # lists of 200 posts that it has ranked
    active_ratio: float = 0.3  # of the accounts did something, and are trained anew
    cold_ratio: float = 0.01  # of the answers begin in a new execution environment
    peak: float = 3.0  # the busiest minute over the mean
    busy_ratio: float = 0.5  # of the database's cores, in that minute, at most
    platform_log_kb: float = 0.5  # that Lambda itself writes of each call
    oplog_kb: float = 0.5  # of a written document
    oplog_gb: float = 50.0  # that it may take


@dataclass(frozen=True, slots=True)
class Prices:
    """In US dollars. Examples of the order that clouds ask for; put yours."""

    lambda_gb_s: float = 16.67e-6
    lambda_request: float = 0.20e-6
    http_request: float = 1.00e-6
    event: float = 1.00e-6  # on the bus
    queue_request: float = 0.40e-6
    schedule: float = 1.00e-6  # each time that one fires
    log_gb: float = 0.50
    relay_hour: float = 0.015  # of a quarter of a vCPU with half a GB
    watching_month: float = 60.0  # metrics, alarms, the dashboard
    database_core_hour: float = 0.27
    database_gb_month: float = 0.25


@dataclass(frozen=True, slots=True)
class TimeSpent:
    """In a day.

    calls       of functions
    seconds     that they run, as Lambda counts them [s]
    gb_s        memory times time [GB s]
    read        documents of the database
    written     documents of the database
    database_s  processor time of the database [s]
    snapshot_mb written as a whole, in few documents [MB]
    """

    calls: float = 0.0
    seconds: float = 0.0
    gb_s: float = 0.0
    read: float = 0.0
    written: float = 0.0
    database_s: float = 0.0
    snapshot_mb: float = 0.0

    def __add__(self, other: "TimeSpent") -> "TimeSpent":
        return TimeSpent(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))

    def __mul__(self, times: float) -> "TimeSpent":
        return TimeSpent(*(getattr(self, one.name) * times for one in fields(self)))


@dataclass(frozen=True, slots=True)
class Line:
    """One function, or something else that is paid for; `number` is told as it is."""

    what: str
    spent: TimeSpent
    dollars: float
    number: str = ""


class Measurements:
    """The saved results, as the estimate needs them."""

    def __init__(self, saved: Sequence[Path] = SAVED) -> None:
        self.growths = {(one.stem, one.kind): one for one in growths(saved)}
        results = [json.loads(file.read_text()) for file in saved]
        rows = [one for file in results for one in file["runtimes"]]
        self._alone = next(file for file in results if file["callers"])["callers"][0]
        self._peaks = _by_size(rows, "stem", lambda one: one["peak_mb"])
        self._warm = {one["stem"]: one for one in rows if one["size"] == "M"}
        stored = [one for file in results for one in file["stored"]]
        self.stored_mb = {
            name: fit(by_size)
            for name, by_size in _by_size(stored, "collection", lambda one: one["mb"] + one["index_mb"]).items()
            if len(by_size) > 1
        }

    def peak_mb(self, stem: str) -> Curve:
        """Memory that a function takes under the runtime [MB]."""
        return fit(self._peaks[stem])

    def log_kb(self, stem: str) -> float:
        """That a call of it writes [kB]."""
        return float(self._warm[stem]["log_kb"])

    def call(self, stem: str, memory: int, cold_ratio: float) -> TimeSpent:
        """One warm call on world M, with its part of a cold start."""
        one, asked = self._warm[stem], self._warm[stem]["database"]
        seconds = _stretched(one["warm_s"] + cold_ratio * one["first"]["value"], memory)
        # One command of a warm answer is the measure for all.
        database_s = asked["commands"] * self._alone["database_ms"] / self._alone["queries"] / 1_000
        written = max(asked["written"], 1 if stem in UPSERTS else 0)
        return TimeSpent(1, seconds, seconds * memory / 1_024, asked["read"], written, database_s)

    def steady(self, stem: str, memory: int) -> TimeSpent:
        """One run of a job that was measured under the runtime alone, from nothing, in a new environment."""
        one = self._warm[stem]
        seconds = _stretched(one["init_s"] + one["nothing_s"], memory)
        return TimeSpent(1, seconds, seconds * memory / 1_024)

    def train_each(self, memory: int) -> TimeSpent:
        """One account in train_personal: what separates everybody from those who did something, with as many posts."""
        everybody, some = (self.growths[("plan_personal_training", kind)] for kind in ("first", "again"))
        accounts_a_post = MEASURED.users / MEASURED.contents * (1 - ACTIVE_RATIO)

        def each(name: str) -> float:
            more: float = getattr(everybody, name).each - getattr(some, name).each
            return max(more, 0.0) / accounts_a_post

        seconds = _stretched(each("seconds"), memory)
        return TimeSpent(0, seconds, seconds * memory / 1_024, each("read"), 1.0, each("database_s"))


@dataclass(frozen=True, slots=True)
class Network:
    """So many accounts."""

    accounts: float
    assumed: Assumed
    measured: Measurements

    @property
    def posts(self) -> float:
        """That count at a time."""
        return self.accounts * self.assumed.posts * MEASURED.days

    def functions(self) -> dict[str, TimeSpent]:
        """What each takes in a day, by stem; without those that are called by hand, now and then."""
        shaped = declared()
        found = {one.stem: self._of(one, shaped[one.key]["memorySize"]) for one in all_functions().values()}
        return {stem: spent for stem, spent in found.items() if spent.calls}

    def _of(self, one: Function, memory: int) -> TimeSpent:
        assumed, growths = self.assumed, self.measured.growths
        if one.stem == "serve_feed":
            return self._answers(memory)
        if one.stem == "classify_content":
            changes = self.accounts * assumed.posts * assumed.changes_a_post
            return self.measured.call(one.stem, memory, assumed.cold_ratio) * changes
        if one.stem == "train_personal":
            return self._training(memory)
        if one.cron is None:
            return TimeSpent()
        runs = runs_a_day(one.cron)
        again = growths.get((one.stem, "again"))
        if one.stem == "plan_personal_training" and again:
            return self._run(again, memory) * runs
        if again:  # everything anew once a day
            return self._run(growths[(one.stem, "first")], memory) + self._run(again, memory) * (runs - 1)
        if (one.stem, "first") in growths:
            return self._run(growths[(one.stem, "first")], memory) * runs
        times = max(self.posts / MEASURED.contents, 1.0) if one.stem in PROPORTIONAL else 1.0
        return replace(self.measured.steady(one.stem, memory) * (runs * times), calls=runs)

    def _run(self, growth: Growth, memory: int) -> TimeSpent:
        seconds = on_lambda(growth, memory).at(self.posts)
        curves = growth.read, growth.written, growth.database_s, growth.snapshot_mb
        asked = (curve.at(self.posts) for curve in curves)
        return TimeSpent(1, seconds, seconds * memory / 1_024, *asked)

    def _answers(self, memory: int) -> TimeSpent:
        """Rankings and pages, all over HTTP: a page takes as much longer as recommend_home does than rank_contents."""
        ranking = self.measured.call("serve_feed", memory, self.assumed.cold_ratio)
        page, alone = (self.measured.call(stem, memory, 0.0) for stem in ("recommend_home", "rank_contents"))
        pages, rankings = self.accounts * self.assumed.pages, self.accounts * self.assumed.rankings
        return ranking * (pages + rankings) + (page + alone * -1.0) * pages

    def _training(self, memory: int) -> TimeSpent:
        """The accounts, and the network that each container reads once."""
        reading = replace(self._run(self.measured.growths[("plan_personal_training", "again")], memory), written=0.0)
        containers = min(float(declared()["trainPersonal"]["reservedConcurrency"]), max(self.messages, 1.0))
        trained = self.measured.train_each(memory) * (self.accounts * self.assumed.active_ratio)
        return replace(reading * containers + trained, calls=self.messages)

    @property
    def messages(self) -> float:
        """To trainPersonal."""
        return self.accounts * self.assumed.active_ratio / Options().members.accounts_a_message

    def each(self) -> dict[str, TimeSpent]:
        """What one of them takes: an answer, a change, an account, a post that counts."""
        shaped, cold = declared(), self.assumed.cold_ratio
        ranking = self.measured.call("serve_feed", shaped["serveFeed"]["memorySize"], cold)
        page = replace(self, accounts=1.0, assumed=replace(self.assumed, pages=1.0, rankings=0.0))
        jobs, more = (replace(self, accounts=accounts)._jobs() for accounts in (self.accounts, 2 * self.accounts))
        return {
            "list of 200 posts ranked": ranking,
            "page of a home": page._answers(shaped["serveFeed"]["memorySize"]),
            "change of a post": self.measured.call("classify_content", shaped["classifyContent"]["memorySize"], cold),
            "account trained anew": self.measured.train_each(shaped["trainPersonal"]["memorySize"]),
            "post, in the jobs of a day": replace((more + jobs * -1.0) * (1 / self.posts), calls=0.0),
        }

    def _jobs(self) -> TimeSpent:
        """All that schedules start."""
        return sum((spent for stem, spent in self.functions().items() if stem in scheduled()), TimeSpent())

    def oplog_gb(self) -> float:
        """That a day's writes of ours take there."""
        spent = sum(self.functions().values(), TimeSpent())
        return spent.written * self.assumed.oplog_kb / 1e6 + spent.snapshot_mb / 1e3

    @property
    def stored_gb(self) -> float:
        """All collections and their indexes on one node, the application's included."""
        return sum(curve.at(self.posts) for curve in self.measured.stored_mb.values()) / 1_000

    def lines(self, prices: Prices) -> list[Line]:
        """The day with its prices."""
        functions = self.functions()

        def price(stem: str, spent: TimeSpent) -> float:
            each = prices.lambda_request + (prices.schedule if stem in scheduled() else 0.0)
            return spent.gb_s * prices.lambda_gb_s + spent.calls * each

        lines = [Line(stem, spent, price(stem, spent)) for stem, spent in functions.items()]
        return [*lines, *self._others(functions, prices)]

    def _others(self, functions: Mapping[str, TimeSpent], prices: Prices) -> Iterator[Line]:
        answers, events = (functions.get(stem, TimeSpent()).calls for stem in ("serve_feed", "classify_content"))
        requests = 3 * self.messages + QUEUES * POLLS  # sent, received, deleted
        kept_kb = self.assumed.platform_log_kb
        logged = sum(one.calls * (self.measured.log_kb(stem) + kept_kb) for stem, one in functions.items()) / 1e6
        cores, gigabytes = self.cores(functions), self.stored_gb
        served, disk = NODES * cores * 24 * prices.database_core_hour, NODES * gigabytes * prices.database_gb_month / 30
        yield Line("HTTP API", TimeSpent(), answers * prices.http_request, f"{answers:,.0f} requests")
        yield Line("event bus", TimeSpent(), events * prices.event, f"{events:,.0f} events")
        yield Line("queues", TimeSpent(), requests * prices.queue_request, f"{requests:,.0f} requests")
        yield Line("relay", TimeSpent(), 24 * prices.relay_hour, "1 process")
        yield Line("logs", TimeSpent(), logged * prices.log_gb, f"{logged:,.1f} GB")
        yield Line("metrics, alarms", TimeSpent(), prices.watching_month / 30)
        yield Line("database, cores", TimeSpent(), served, f"{NODES} x {cores:,.1f}")
        yield Line("database, disk", TimeSpent(), disk, f"{NODES} x {gigabytes:,.0f} GB")

    def cores(self, functions: Mapping[str, TimeSpent]) -> float:
        """Of the database, that its busiest minute needs, each node."""
        return sum(one.database_s for one in functions.values()) / DAY_S * self.assumed.peak / self.assumed.busy_ratio


def scheduled() -> set[str]:
    """The functions that a schedule starts, by stem."""
    return {one.stem for one in all_functions().values() if one.cron}


def runs_a_day(cron: str) -> int:
    """
    >>> runs_a_day("0-59/5 * * * *"), runs_a_day("31 3 * * *")
    (288, 1)
    """
    begin = datetime(2026, 1, 31, tzinfo=UTC) - timedelta(minutes=1)
    return sum(1 for _ in takewhile(lambda at: at <= begin + DAY, CronSim(cron, begin)))


def on_lambda(growth: Growth, memory: int) -> Curve:
    """Its time with that much memory: what it computes takes longer on a part of a vCPU, what it waits for does not."""
    more, seconds, cpu = _stretched(1.0, memory) - 1.0, growth.seconds, growth.cpu_s
    return replace(seconds, fixed=seconds.fixed + more * cpu.fixed, each=seconds.each + more * cpu.each)


def _stretched(seconds: float, memory: int) -> float:
    return seconds * max(VCPU_MB / memory, 1.0)


def _by_size(rows: Sequence[Mapping[str, Any]], key: str, value: Any) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for one in rows:
        found.setdefault(one[key], {})[one["size"]] = value(one)
    return found
