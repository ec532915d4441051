"""Everything that one run of all benchmarks measured: its figures, its tables, and its files."""

import json
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import datetime
from typing import Any

from benchmarks import bots, table
from benchmarks.bench_database import StorageSize
from benchmarks.bots import DetectionResult, MethodResult
from benchmarks.floors import Figure
from benchmarks.load import answers, callers, changes, job_tables, pages, readings, runtimes, swaps
from benchmarks.load.callers import LoadPoint
from benchmarks.load.jobs import Measured
from benchmarks.load.reaction import Reaction
from benchmarks.load.readings import Extracted
from benchmarks.load.runtimes import StartupTime
from benchmarks.load.swaps import SwapResult
from benchmarks.ranking import country_quality, report
from benchmarks.ranking.country_quality import CountryQuality
from benchmarks.ranking.leaderboard import Leaderboard
from benchmarks.text import language_accuracy
from benchmarks.text.language_accuracy import Accuracy
from benchmarks.text.topic_accuracy import TopicResults


@dataclass(slots=True)
class RunResults:
    """What one run measured, part by part; the names of the fields are keys of the saved JSON."""

    machine: dict[str, Any]
    began_at: datetime
    load_at_start: float
    jobs: list[Measured] = field(default_factory=list)
    stored: list[StorageSize] = field(default_factory=list)
    swaps: SwapResult | None = None
    quality: list[CountryQuality] = field(default_factory=list)
    members: list[Leaderboard] = field(default_factory=list)
    answers: list[Reaction] = field(default_factory=list)
    callers: list[LoadPoint] = field(default_factory=list)
    pages: list[Reaction] = field(default_factory=list)
    bots: list[MethodResult] = field(default_factory=list)
    caught: list[DetectionResult] = field(default_factory=list)
    runtimes: list[StartupTime] = field(default_factory=list)
    readings: list[Extracted] = field(default_factory=list)
    changes: list[Reaction] = field(default_factory=list)
    language: list[Accuracy] = field(default_factory=list)
    topics: TopicResults | None = None
    took_s: float = 0.0

    def figures(self) -> list[Figure]:
        """All figures that may have a floor."""
        return [
            *(figure for job in self.jobs for figure in (job.seconds, job.peak_mb)),
            *(self.swaps.figures().values() if self.swaps else ()),
            *country_quality.mean_ratios(self.quality).values(),
            *report.figures(self.members).values(),
            *(reaction.figure for reaction in self.answers),
            *(reaction.figure for reaction in self.pages),
            *bots.figures(self.bots).values(),
            *(extracted.peak for extracted in self.readings),
            *(reaction.figure for reaction in self.changes),
            *(figure for accuracy in self.language for figure in (accuracy.right, accuracy.per_second)),
            *(self.topics.figures() if self.topics else ()),
            *runtimes.figures(self.runtimes),
        ]

    def sheets(self) -> list[table.Sheet]:
        """The tables of each part that was measured."""
        sheets = []
        if self.jobs:
            sheets.append(job_tables.job_sheet(self.jobs))
        if len({job.size for job in self.jobs}) > 1:
            sheets.append(job_tables.growth_sheet(self.jobs))
        if self.stored:
            sheets.append(job_tables.storage_sheet(self.stored))
        if self.swaps:
            sheets.append(swaps.sheet_of(self.swaps))
        if self.quality:
            sheets += [country_quality.ratio_sheet(self.quality), country_quality.ranker_sheet(self.quality)]
        if self.members:
            sheets += report.sheets(self.members)
        if self.answers:
            sheets.append(answers.sheet_of(self.answers))
        if self.callers:
            sheets.append(callers.sheet_of(self.callers))
        if self.pages:
            sheets.append(pages.sheet_of(self.pages))
        if self.bots:
            sheets += bots.sheets(self.bots, self.caught)
        if self.runtimes:
            sheets.append(runtimes.sheet_of(self.runtimes))
        if self.readings:
            sheets.append(readings.sheet_of(self.readings))
        if self.changes:
            sheets.append(changes.sheet_of(self.changes))
        if self.language:
            sheets.append(language_accuracy.sheet_of(self.language))
        if self.topics:
            sheets += self.topics.sheets()
        return sheets

    def save(self, name: str) -> None:
        """Write `<name>.json` and `<name>.md` into benchmarks/results."""
        table.RESULTS.mkdir(exist_ok=True)
        (table.RESULTS / f"{name}.json").write_text(json.dumps(as_json(self), indent=1) + "\n")
        machine = ", ".join(f"{key} {value}" for key, value in self.machine.items())
        when = f"{self.began_at:%Y-%m-%d %H:%M} UTC, {self.took_s:.0f} s"
        head = f"# {name}\n\n{when}, load {self.load_at_start}; {machine}\n"
        (table.RESULTS / f"{name}.md").write_text("\n".join([head, *(sheet.markdown() for sheet in self.sheets())]))


def as_json(value: Any) -> Any:
    """The value as JSON holds it: dataclasses become objects; a figure also says whether it meets its floor.

    >>> as_json([Figure(1, "s", 2)])
    [{'value': 1, 'unit': 's', 'floor': 2, 'at_least': False, 'met': True}]
    """
    if is_dataclass(value):
        members = {field.name: as_json(getattr(value, field.name)) for field in fields(value)}
        return members | {"met": value.met} if isinstance(value, Figure) else members
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    return value.isoformat() if isinstance(value, datetime) else value
