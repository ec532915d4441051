"""What calls and jobs take, read from saved results.

Jobs cost what their growth says, answers and changes what a warm call took on world M, storage what the collections of
S, M and L take. A core of the machine that measured counts as one vCPU; a function with less memory gets a part of one.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from benchmarks.cost.assumptions import MEASURED, VCPU_MB
from benchmarks.cost.growth import SAVED, Curve, Growth, fit, growths

ACTIVE_RATIO = 0.05  # of the accounts that engaged before plan_personal_training was measured after changes
UPSERTS = ("classify_content",)  # functions whose one written document the server does not count


@dataclass(frozen=True, slots=True)
class TimeSpent:
    """What something takes, or takes in a day.

    calls        of functions
    seconds      that they run, as Lambda counts them [s]
    gb_s         memory times time [GB s]
    read         documents of the database
    written      documents of the database
    database_s   processor time of the database [s]
    snapshot_mb  written as a whole, in few documents [MB]
    """

    calls: float = 0.0
    seconds: float = 0.0
    gb_s: float = 0.0
    read: float = 0.0
    written: float = 0.0
    database_s: float = 0.0
    snapshot_mb: float = 0.0

    def __add__(self, other: "TimeSpent") -> "TimeSpent":
        return TimeSpent(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))

    def __mul__(self, times: float) -> "TimeSpent":
        return TimeSpent(*(getattr(self, field.name) * times for field in fields(self)))


class Measurements:
    """The saved results, as the estimate needs them."""

    def __init__(self, saved: Sequence[Path] = SAVED) -> None:
        self.growths = {(growth.stem, growth.kind): growth for growth in growths(saved)}
        results = [json.loads(file.read_text()) for file in saved]
        rows = [row for file in results for row in file["runtimes"]]
        self._single_caller = next(file for file in results if file["callers"])["callers"][0]
        self._peaks = _by_size(rows, "stem", lambda row: row["peak_mb"])
        self._warm = {row["stem"]: row for row in rows if row["size"] == "M"}
        stored = [row for file in results for row in file["stored"]]
        self.stored_mb = {
            name: fit(by_size)
            for name, by_size in _by_size(stored, "collection", lambda row: row["mb"] + row["index_mb"]).items()
            if len(by_size) > 1
        }

    def knows(self, stem: str) -> bool:
        """Whether the results have the function."""
        return stem in self._warm

    def peak_mb(self, stem: str) -> Curve:
        """Memory that a function takes under the runtime [MB]."""
        return fit(self._peaks[stem])

    def log_kb(self, stem: str) -> float:
        """What a call of a function writes to its log [kB]."""
        return float(self._warm[stem]["log_kb"])

    def call(self, stem: str, memory: int, cold_ratio: float) -> TimeSpent:
        """One warm call on world M, with its part of a cold start.

        memory      of the function [MB]
        cold_ratio  part of the calls that begin in a new execution environment, 0..1
        """
        row, database = self._warm[stem], self._warm[stem]["database"]
        seconds = _stretched(row["warm_s"] + cold_ratio * row["first"]["value"], memory)
        # The time of one command is that of a warm answer to a single caller.
        command_ms = self._single_caller["database_ms"], self._single_caller["queries"]
        database_s = database["commands"] * command_ms[0] / command_ms[1] / 1_000
        written = max(database["written"], 1 if stem in UPSERTS else 0)
        return TimeSpent(1, seconds, seconds * memory / 1_024, database["read"], written, database_s)

    def steady(self, stem: str, memory: int) -> TimeSpent:
        """One run of a job that was measured under the runtime alone, from nothing, in a new environment."""
        row = self._warm[stem]
        seconds = _stretched(row["init_s"] + row["nothing_s"], memory)
        return TimeSpent(1, seconds, seconds * memory / 1_024)

    def train_each(self, memory: int) -> TimeSpent:
        """One account in train_personal: the difference between training all accounts and the active ones alone."""
        everybody, active = (self.growths[("plan_personal_training", kind)] for kind in ("first", "again"))
        accounts_a_post = MEASURED.users / MEASURED.contents * (1 - ACTIVE_RATIO)

        def each(name: str) -> float:
            difference: float = getattr(everybody, name).each - getattr(active, name).each
            return max(difference, 0.0) / accounts_a_post

        seconds = _stretched(each("seconds"), memory)
        return TimeSpent(0, seconds, seconds * memory / 1_024, each("read"), 1.0, each("database_s"))


def on_lambda(growth: Growth, memory: int) -> Curve:
    """Time of a job with that much memory [MB]: processor time is stretched on a part of a vCPU, waiting is not."""
    extra, seconds, cpu = _stretched(1.0, memory) - 1.0, growth.seconds, growth.cpu_s
    return replace(seconds, fixed=seconds.fixed + extra * cpu.fixed, each=seconds.each + extra * cpu.each)


def _stretched(seconds: float, memory: int) -> float:
    return seconds * max(VCPU_MB / memory, 1.0)


def _by_size(
    rows: Sequence[Mapping[str, Any]], key: str, value: Callable[[Mapping[str, Any]], float]
) -> dict[str, dict[str, float]]:
    """Values by the key's field, then by size of network."""
    values: dict[str, dict[str, float]] = {}
    for row in rows:
        values.setdefault(row[key], {})[row["size"]] = value(row)
    return values
