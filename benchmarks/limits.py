"""Which limit a growing network meets first.

Beyond these the work has to be cut up: docs/capacity.md says how.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.estimate import DAY_S, MEASURED, Assumed, Measurements, Network, TimeSpent, on_lambda
from benchmarks.scale import MILLION
from benchmarks.table import RUNS, Sheet
from local.functions import all_functions, declared

MAX_ACCOUNTS = 1_000_000_000
MAX_S, MAX_MB = 900, 10_240  # of a function
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
    """What a network of so many accounts outgrows.

    kind   one of KINDS
    given  how much that is
    """

    accounts: float
    what: str
    kind: str
    given: str


def limits(measured: Measurements, assumed: Assumed) -> list[Limit]:
    """All that a growing network meets, the first one first."""
    found = [*_of_jobs(measured, assumed), *_of_answers(measured, assumed), *_of_the_database(measured, assumed)]
    return sorted(found, key=lambda one: one.accounts)


def _of_jobs(measured: Measurements, assumed: Assumed) -> Iterator[Limit]:
    shaped, posts_each = declared(), assumed.posts * MEASURED.days
    for growth in measured.growths.values():
        one = all_functions()[growth.stem]
        if growth.stem == "plan_personal_training":  # which fed the other, in one process
            if growth.kind == "first":  # everybody, in one message
                continue
            one = all_functions()["train_personal"]
        memory, timeout = shaped[one.key]["memorySize"], shaped[one.key]["timeout"]
        took, run = on_lambda(growth, memory), f"{one.stem}, {RUNS[growth.kind]}"
        for kind, given, posts in (
            (ITS_MEMORY, f"{memory:,} MB", growth.peak_mb.reaches(memory * MIB)),
            (ITS_TIME, f"{timeout} s", took.reaches(timeout)),
            (MAX_MEMORY, f"{MAX_MB:,} MB", growth.peak_mb.reaches(MAX_MB * MIB)),
            (MAX_TIME, f"{MAX_S} s", growth.seconds.reaches(MAX_S)),
        ):
            yield Limit(posts / posts_each, run, kind, given)


def _of_answers(measured: Measurements, assumed: Assumed) -> Iterator[Limit]:
    shaped, alike = declared(), Network(MILLION, assumed, measured)
    spent = alike.functions()
    for stem, key in (("serve_feed", "serveFeed"), ("classify_content", "classifyContent")):
        at_once = shaped[key]["reservedConcurrency"]
        needed = spent.get(stem, TimeSpent()).seconds / DAY_S * assumed.peak / MILLION
        yield Limit(_over(at_once, needed), stem, ELSE, f"{at_once} at once")
    memory = measured.peak_mb("serve_feed")
    for kind, given in ((ITS_MEMORY, shaped["serveFeed"]["memorySize"]), (MAX_MEMORY, MAX_MB)):
        yield Limit(memory.reaches(given * MIB) / (assumed.posts * MEASURED.days), "serve_feed", kind, f"{given:,} MB")
    containers = shaped["trainPersonal"]["reservedConcurrency"]
    each = measured.train_each(shaped["trainPersonal"]["memorySize"]).seconds * assumed.active_ratio
    everybody = f"a day of {containers} containers"
    yield Limit(_over(containers * DAY_S, each), f"train_personal, {RUNS['again']}", ELSE, everybody)


def _of_the_database(measured: Measurements, assumed: Assumed) -> Iterator[Limit]:
    """Of one replica set."""

    def reaches(of: Callable[[Network], float], limit: float) -> float:
        """In accounts; what is asked grows in a line, by how it was estimated."""
        one, two = (of(Network(accounts, assumed, measured)) for accounts in (MILLION, 2.0 * MILLION))
        return max(MILLION + _over(limit - one, two - one) * MILLION, 0.0)

    oplog = f"{assumed.oplog_gb:.0f} GB a day"
    yield Limit(reaches(Network.oplog_gb, assumed.oplog_gb), "database, oplog", ELSE, oplog)
    cores = reaches(lambda one: one.cores(one.functions()), NODE_CORES)
    yield Limit(cores, "database, cores", ELSE, f"{NODE_CORES} a node")
    yield Limit(reaches(lambda one: one.stored_gb, NODE_GB), "database, disk", ELSE, f"{NODE_GB:,} GB a node")


def _over(limit: float, each: float) -> float:
    return limit / each if each else float("inf")


def sheet_of(found: Sequence[Limit]) -> Sheet:
    """A row for all that is limited, by what it meets first."""
    reached = [one for one in found if one.accounts < MAX_ACCOUNTS]
    rows = []
    for what in dict.fromkeys(one.what for one in reached):
        of = {one.kind: f"{_rounded(one.accounts)} ({one.given})" for one in reached if one.what == what}
        rows.append((what, *(of.get(kind, "") for kind in KINDS)))
    note = f"In accounts, to two digits, in the order of the first; what lies beyond {MAX_ACCOUNTS:,} is left out."
    return Sheet("Which limit is met first", ("", *KINDS), rows, note)


def _rounded(accounts: float) -> str:
    """
    >>> _rounded(123_456.0), _rounded(0.4)
    ('120,000', '0')
    """
    return f"{float(f'{accounts:.2g}'):,.0f}"
