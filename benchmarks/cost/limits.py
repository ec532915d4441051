"""Which limit a growing network reaches first.

Beyond these limits the work has to be divided: docs/capacity.md says how.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.cost.assumptions import DAY_S, MEASURED, Assumed
from benchmarks.cost.measurements import Measurements, TimeSpent, on_lambda
from benchmarks.cost.network import Network
from benchmarks.table import RUNS, Sheet
from local.functions import all_functions, declared

MILLION = 1_000_000
MAX_ACCOUNTS = 1_000_000_000  # limits beyond are not shown
MAX_S, MAX_MB = 900, 10_240  # of a function on Lambda
MIB = 1.048576  # MB
NODE_CORES, NODE_GB = 64, 4_000  # of one node of the database; the largest that clouds offer
KINDS = ITS_MEMORY, ITS_TIME, MAX_MEMORY, MAX_TIME, ELSE = (
    "memory in serverless.yml",
    "time-out in serverless.yml",
    "Lambda's memory",
    "Lambda's time-out",
    "else",
)


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit, and the size of the network that reaches it.

    accounts  of the network that reaches the limit
    title     what is limited: a function, a run of a job, or a resource of the database
    kind      one of KINDS
    amount    the limit itself, as text
    """

    accounts: float
    title: str
    kind: str
    amount: str


def limits(measured: Measurements, assumed: Assumed) -> list[Limit]:
    """All limits, the one that is reached first before the others."""
    unsorted = [*_of_jobs(measured, assumed), *_of_answers(measured, assumed), *_of_the_database(measured, assumed)]
    return sorted(unsorted, key=lambda limit: limit.accounts)


def _of_jobs(measured: Measurements, assumed: Assumed) -> Iterator[Limit]:
    declarations, posts_each = declared(), assumed.posts * MEASURED.days
    for growth in measured.growths.values():
        function = all_functions()[growth.stem]
        if growth.stem == "plan_personal_training":  # which was measured together with train_personal
            if growth.kind == "first":  # all accounts in one process
                continue
            function = all_functions()["train_personal"]
        memory, timeout = declarations[function.key]["memorySize"], declarations[function.key]["timeout"]
        seconds, run = on_lambda(growth, memory), f"{function.stem}, {RUNS[growth.kind]}"
        for kind, amount, posts in (
            (ITS_MEMORY, f"{memory:,} MB", growth.peak_mb.reaches(memory * MIB)),
            (ITS_TIME, f"{timeout} s", seconds.reaches(timeout)),
            (MAX_MEMORY, f"{MAX_MB:,} MB", growth.peak_mb.reaches(MAX_MB * MIB)),
            (MAX_TIME, f"{MAX_S} s", growth.seconds.reaches(MAX_S)),
        ):
            yield Limit(posts / posts_each, run, kind, amount)


def _of_answers(measured: Measurements, assumed: Assumed) -> Iterator[Limit]:
    declarations, network = declared(), Network(MILLION, assumed, measured)
    spent = network.functions()
    for stem, key in (("serve_feed", "serveFeed"), ("classify_content", "classifyContent")):
        concurrency = declarations[key]["reservedConcurrency"]
        needed = spent.get(stem, TimeSpent()).seconds / DAY_S * assumed.peak / MILLION
        yield Limit(_over(concurrency, needed), stem, ELSE, f"{concurrency} at once")
    memory = measured.peak_mb("serve_feed")
    for kind, limit_mb in ((ITS_MEMORY, declarations["serveFeed"]["memorySize"]), (MAX_MEMORY, MAX_MB)):
        yield Limit(
            memory.reaches(limit_mb * MIB) / (assumed.posts * MEASURED.days), "serve_feed", kind, f"{limit_mb:,} MB"
        )
    containers = declarations["trainPersonal"]["reservedConcurrency"]
    each = measured.train_each(declarations["trainPersonal"]["memorySize"]).seconds * assumed.active_ratio
    amount = f"a day of {containers} containers"
    yield Limit(_over(containers * DAY_S, each), f"train_personal, {RUNS['again']}", ELSE, amount)


def _of_the_database(measured: Measurements, assumed: Assumed) -> Iterator[Limit]:
    """Limits of one replica set."""

    def reaches(of: Callable[[Network], float], limit: float) -> float:
        """The accounts at which a quantity reaches the limit; every estimated quantity is linear in accounts."""
        at_one, at_two = (of(Network(accounts, assumed, measured)) for accounts in (MILLION, 2.0 * MILLION))
        return max(MILLION + _over(limit - at_one, at_two - at_one) * MILLION, 0.0)

    oplog = f"{assumed.oplog_gb:.0f} GB a day"
    yield Limit(reaches(Network.oplog_gb, assumed.oplog_gb), "database, oplog", ELSE, oplog)
    cores = reaches(lambda network: network.cores(network.functions()), NODE_CORES)
    yield Limit(cores, "database, cores", ELSE, f"{NODE_CORES} a node")
    yield Limit(reaches(lambda network: network.stored_gb, NODE_GB), "database, disk", ELSE, f"{NODE_GB:,} GB a node")


def _over(limit: float, each: float) -> float:
    return limit / each if each else float("inf")


def sheet_of(all_limits: Sequence[Limit]) -> Sheet:
    """One row per limited thing, in the order in which their first limits are reached."""
    reached = [limit for limit in all_limits if limit.accounts < MAX_ACCOUNTS]
    rows = []
    for title in dict.fromkeys(limit.title for limit in reached):
        by_kind = {one.kind: f"{_rounded(one.accounts)} ({one.amount})" for one in reached if one.title == title}
        rows.append((title, *(by_kind.get(kind, "") for kind in KINDS)))
    note = f"In accounts, to two digits, in the order of the first; what lies beyond {MAX_ACCOUNTS:,} is left out."
    return Sheet("Which limit is met first", ("", *KINDS), rows, note)


def _rounded(accounts: float) -> str:
    """To two digits.

    >>> _rounded(123_456.0), _rounded(0.4)
    ('120,000', '0')
    """
    return f"{float(f'{accounts:.2g}'):,.0f}"
