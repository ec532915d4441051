"""What a network of so many accounts spends in a day, function by function, and what it pays for beside functions."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import takewhile

from cronsim import CronSim

from benchmarks.cost.assumptions import DAY, DAY_S, MEASURED, NODES, Assumed, Prices
from benchmarks.cost.growth import Growth
from benchmarks.cost.measurements import Measurements, TimeSpent, on_lambda
from functions.feed.options import Members
from local.functions import Function, all_functions, declared

QUEUES, POLLS = 5, 5 * DAY_S / 20  # polls of a queue a day: five pollers, each waiting 20 s
PROPORTIONAL = ("measure_feed",)  # jobs that were not measured at several sizes, and grow


@dataclass(frozen=True, slots=True)
class Line:
    """One function, or something else that is paid for; `number` says how many of it, as text."""

    title: str
    spent: TimeSpent
    dollars: float
    number: str = ""


@dataclass(frozen=True, slots=True)
class Network:
    """A network of so many accounts."""

    accounts: float
    assumed: Assumed
    measured: Measurements

    @property
    def posts(self) -> float:
        """Posts of the window that the jobs read."""
        return self.accounts * self.assumed.posts * MEASURED.days

    def functions(self) -> dict[str, TimeSpent]:
        """What each function takes in a day, by stem; without those that are called now and then."""
        declarations = declared()
        by_stem = {
            function.stem: self._of(function, declarations[function.key]["memorySize"])
            for function in all_functions().values()
            if function.stem not in self.unmeasured()
        }
        return {stem: spent for stem, spent in by_stem.items() if spent.calls}

    def unmeasured(self) -> list[str]:
        """Stems of the functions with a schedule that the saved results do not know: what they take is not told."""
        return [
            function.stem
            for function in all_functions().values()
            if function.cron is not None and not self.measured.knows(function.stem)
        ]

    def _of(self, function: Function, memory: int) -> TimeSpent:
        assumed, growths = self.assumed, self.measured.growths
        if function.stem == "serve_feed":
            return self._answers(memory)
        if function.stem == "classify_content":
            changes = self.accounts * assumed.posts * assumed.changes_a_post
            return self.measured.call(function.stem, memory, assumed.cold_ratio) * changes
        if function.stem == "train_personal":
            return self._training(memory)
        if function.cron is None:
            return TimeSpent()
        runs = runs_a_day(function.cron)
        again = growths.get((function.stem, "again"))
        if function.stem == "plan_personal_training" and again:
            return self._run(again, memory) * runs
        if again:  # one run a day computes everything anew
            return self._run(growths[(function.stem, "first")], memory) + self._run(again, memory) * (runs - 1)
        if (function.stem, "first") in growths:
            return self._run(growths[(function.stem, "first")], memory) * runs
        times = max(self.posts / MEASURED.contents, 1.0) if function.stem in PROPORTIONAL else 1.0
        return replace(self.measured.steady(function.stem, memory) * (runs * times), calls=runs)

    def _run(self, growth: Growth, memory: int) -> TimeSpent:
        """One run of a job whose growth was measured."""
        seconds = on_lambda(growth, memory).at(self.posts)
        curves = growth.read, growth.written, growth.database_s, growth.snapshot_mb
        return TimeSpent(1, seconds, seconds * memory / 1_024, *(curve.at(self.posts) for curve in curves))

    def _answers(self, memory: int) -> TimeSpent:
        """Rankings and pages over HTTP; a page takes more than a ranking by recommend_home minus rank_contents."""
        ranking = self.measured.call("serve_feed", memory, self.assumed.cold_ratio)
        page, ranking_alone = (self.measured.call(stem, memory, 0.0) for stem in ("recommend_home", "rank_contents"))
        pages, rankings = self.accounts * self.assumed.pages, self.accounts * self.assumed.rankings
        return ranking * (pages + rankings) + (page + ranking_alone * -1.0) * pages

    def _training(self, memory: int) -> TimeSpent:
        """Training the active accounts, and the network that each container reads once."""
        reading = replace(self._run(self.measured.growths[("plan_personal_training", "again")], memory), written=0.0)
        containers = min(float(declared()["trainPersonal"]["reservedConcurrency"]), max(self.messages, 1.0))
        trained = self.measured.train_each(memory) * (self.accounts * self.assumed.active_ratio)
        return replace(reading * containers + trained, calls=self.messages)

    @property
    def messages(self) -> float:
        """Messages to trainPersonal in a day."""
        return self.accounts * self.assumed.active_ratio / Members().accounts_per_message

    def each(self) -> dict[str, TimeSpent]:
        """What one answer, one change, one trained account and one post take, by title."""
        declarations, cold = declared(), self.assumed.cold_ratio
        ranking = self.measured.call("serve_feed", declarations["serveFeed"]["memorySize"], cold)
        page = replace(self, accounts=1.0, assumed=replace(self.assumed, pages=1.0, rankings=0.0))
        jobs, of_twice = (replace(self, accounts=accounts)._jobs() for accounts in (self.accounts, 2 * self.accounts))
        return {
            "list of 200 posts ranked": ranking,
            "page of a home": page._answers(declarations["serveFeed"]["memorySize"]),
            "change of a post": self.measured.call(
                "classify_content", declarations["classifyContent"]["memorySize"], cold
            ),
            "account trained anew": self.measured.train_each(declarations["trainPersonal"]["memorySize"]),
            "post, in the jobs of a day": replace((of_twice + jobs * -1.0) * (1 / self.posts), calls=0.0),
        }

    def _jobs(self) -> TimeSpent:
        """What all scheduled functions take in a day."""
        return sum((spent for stem, spent in self.functions().items() if stem in scheduled()), TimeSpent())

    def oplog_gb(self) -> float:
        """Oplog of a day's writes of the functions [GB]."""
        spent = sum(self.functions().values(), TimeSpent())
        return spent.written * self.assumed.oplog_kb / 1e6 + spent.snapshot_mb / 1e3

    @property
    def stored_gb(self) -> float:
        """All collections and their indexes on one node, the application's included [GB]."""
        return sum(curve.at(self.posts) for curve in self.measured.stored_mb.values()) / 1_000

    def lines(self, prices: Prices) -> list[Line]:
        """All that a day costs, function by function, then the rest."""
        functions = self.functions()

        def price(stem: str, spent: TimeSpent) -> float:
            each = prices.lambda_request + (prices.schedule if stem in scheduled() else 0.0)
            return spent.gb_s * prices.lambda_gb_s + spent.calls * each

        lines = [Line(stem, spent, price(stem, spent)) for stem, spent in functions.items()]
        return [*lines, *self._others(functions, prices)]

    def _others(self, functions: Mapping[str, TimeSpent], prices: Prices) -> Iterator[Line]:
        """What is paid for beside functions: triggers, queues, logs, metrics and the database."""
        answers, events = (functions.get(stem, TimeSpent()).calls for stem in ("serve_feed", "classify_content"))
        requests = 3 * self.messages + QUEUES * POLLS  # sent, received, deleted
        platform_kb = self.assumed.platform_log_kb
        logged = (
            sum(spent.calls * (self.measured.log_kb(stem) + platform_kb) for stem, spent in functions.items()) / 1e6
        )
        cores, gigabytes = self.cores(functions), self.stored_gb
        core_dollars, disk_dollars = (
            NODES * cores * 24 * prices.database_core_hour,
            NODES * gigabytes * prices.database_gb_month / 30,
        )
        yield Line("HTTP API", TimeSpent(), answers * prices.http_request, f"{answers:,.0f} requests")
        yield Line("event bus", TimeSpent(), events * prices.event, f"{events:,.0f} events")
        yield Line("queues", TimeSpent(), requests * prices.queue_request, f"{requests:,.0f} requests")
        yield Line("relay", TimeSpent(), 24 * prices.relay_hour, "1 process")
        yield Line("logs", TimeSpent(), logged * prices.log_gb, f"{logged:,.1f} GB")
        yield Line("metrics, alarms", TimeSpent(), prices.watching_month / 30)
        yield Line("database, cores", TimeSpent(), core_dollars, f"{NODES} x {cores:,.1f}")
        yield Line("database, disk", TimeSpent(), disk_dollars, f"{NODES} x {gigabytes:,.0f} GB")

    def cores(self, functions: Mapping[str, TimeSpent]) -> float:
        """Cores that each node of the database needs in its busiest minute."""
        return (
            sum(spent.database_s for spent in functions.values()) / DAY_S * self.assumed.peak / self.assumed.busy_ratio
        )


def scheduled() -> set[str]:
    """Stems of the functions that a schedule starts."""
    return {function.stem for function in all_functions().values() if function.cron}


def runs_a_day(cron: str) -> int:
    """How often a schedule fires in a day; `cron` has five fields.

    >>> runs_a_day("0-59/5 * * * *"), runs_a_day("31 3 * * *")
    (288, 1)
    """
    begin = datetime(2026, 1, 31, tzinfo=UTC) - timedelta(minutes=1)
    return sum(1 for _ in takewhile(lambda at: at <= begin + DAY, CronSim(cron, begin)))
