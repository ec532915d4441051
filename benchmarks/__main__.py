"""python -m benchmarks: every floor, measured in one run.

Uses the embedded MongoDB, or the one of MONGO_URI if it is on this machine. Ends with code 1 when a floor is missed.
"""

import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import typer
from rich.console import Console

from benchmarks import answers, bots, callers, changes, language, ranking, readings, runtimes, table, topics
from benchmarks.bots import AuthorSeparation, DetectionResult
from benchmarks.callers import LoadPoint
from benchmarks.changes import Reaction
from benchmarks.floors import ARTIFACT_KB, Figure
from benchmarks.jobs import JOBS, TRAIN, Measured, from_nothing, measure
from benchmarks.language import Accuracy
from benchmarks.places import NOW, BenchDatabase, StorageSize, Tell, load_average, machine, open_place, stored
from benchmarks.quality import Judgement, judge, mean_ratios
from benchmarks.readings import Extracted
from benchmarks.runtimes import StartupTime
from benchmarks.swaps import ImpressionCount, under_readers
from benchmarks.topics import Results as TopicResults
from local.mongod import mongo_server
from local.parameters import seed_number, several, world_size
from shared import command_line

RESULTS = Path(__file__).parent / "results"
STEMS = tuple(job.stem for job in JOBS)
PARTS = (
    *STEMS,
    "swaps",
    "quality",
    "members",
    "answers",
    "callers",
    "bots",
    "runtimes",
    "readings",
    "changes",
    "language",
    "topics",
)
RUN_ONCE = ("L",)  # too large to repeat, and without floors
NO_QUALITY = ("L",)

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
console = Console()
if not console.is_terminal:
    console = Console(width=200)  # a file folds nothing


@dataclass(slots=True)
class Results:
    """Everything that one run found."""

    machine: dict[str, Any]
    began_at: datetime
    load_at_start: float
    jobs: list[Measured] = field(default_factory=list)
    stored: list[StorageSize] = field(default_factory=list)
    swaps: ImpressionCount | None = None
    quality: list[Judgement] = field(default_factory=list)
    members: list[ranking.Leaderboard] = field(default_factory=list)
    answers: list[Reaction] = field(default_factory=list)
    callers: list[LoadPoint] = field(default_factory=list)
    bots: list[AuthorSeparation] = field(default_factory=list)
    caught: list[DetectionResult] = field(default_factory=list)
    runtimes: list[StartupTime] = field(default_factory=list)
    readings: list[Extracted] = field(default_factory=list)
    changes: list[Reaction] = field(default_factory=list)
    language: list[Accuracy] = field(default_factory=list)
    topics: TopicResults | None = None
    took_s: float = 0.0

    def figures(self) -> list[Figure]:
        """All that may have a floor."""
        of_jobs = [figure for one in self.jobs for figure in (one.seconds, one.peak_mb)]
        of_swaps = list(self.swaps.figures().values()) if self.swaps else []
        of_texts = [figure for one in self.language for figure in (one.right, one.per_second)]
        of_texts += self.topics.figures() if self.topics else []
        of_changes = [one.figure for one in self.changes]
        of_members = list(ranking.figures(self.members).values()) + [one.figure for one in self.answers]
        of_bots = [*bots.figures(self.bots).values(), *(one.peak for one in self.readings)]
        of_quality = list(mean_ratios(self.quality).values())
        return (
            of_jobs
            + of_swaps
            + of_quality
            + of_members
            + of_bots
            + of_changes
            + of_texts
            + list(runtimes.figures(self.runtimes))
        )

    def sheets(self) -> list[table.Sheet]:
        """One table per part that was measured."""
        found = []
        if self.jobs:
            found.append(table.of_jobs(self.jobs))
        if len({one.size for one in self.jobs}) > 1:
            found.append(table.of_growth(self.jobs))
        if self.stored:
            found.append(table.of_stored(self.stored))
        if self.swaps:
            found.append(table.of_swaps(self.swaps))
        if self.quality:
            found += [table.of_ratios(self.quality), table.of_rankers(self.quality)]
        if self.members:
            found += ranking.sheets(self.members)
        if self.answers:
            found.append(answers.sheet_of(self.answers))
        if self.callers:
            found.append(callers.sheet_of(self.callers))
        if self.bots:
            found += bots.sheets(self.bots, self.caught)
        if self.runtimes:
            found.append(runtimes.sheet_of(self.runtimes))
        if self.readings:
            found.append(readings.sheet_of(self.readings))
        if self.changes:
            found.append(changes.sheet_of(self.changes))
        if self.language:
            found.append(language.sheet_of(self.language))
        if self.topics:
            found += self.topics.sheets()
        return found

    def save(self, name: str) -> None:
        """Write `<name>.json` and `<name>.md`."""
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{name}.json").write_text(json.dumps(plain(self), indent=1) + "\n")
        where = ", ".join(f"{key} {value}" for key, value in self.machine.items())
        head = (
            f"# {name}\n\n{self.began_at:%Y-%m-%d %H:%M} UTC, {self.took_s:.0f} s, load {self.load_at_start}; {where}\n"
        )
        (RESULTS / f"{name}.md").write_text("\n".join([head, *(sheet.markdown() for sheet in self.sheets())]))


def plain(value: Any) -> Any:
    """As JSON holds it; a figure also says whether it meets its floor.

    >>> plain([Figure(1, "s", 2)])
    [{'value': 1, 'unit': 's', 'floor': 2, 'at_least': False, 'met': True}]
    """
    if is_dataclass(value):
        known = {one.name: plain(getattr(value, one.name)) for one in fields(value)}
        return known | {"met": value.met} if isinstance(value, Figure) else known
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value.isoformat() if isinstance(value, datetime) else value


def file_name(text: str) -> str:
    """A name that a file can have in every folder; BadParameter for any other, before anything is measured."""
    if text and not re.fullmatch(r"[\w.-]{1,100}", text):
        raise typer.BadParameter("needs letters, digits, dots and hyphens")
    return text


@app.command(help=__doc__)
def bench(
    sizes: Annotated[
        str, typer.Option(parser=several(world_size), metavar="SIZES", help="of the demo networks: XS, S, M, L")
    ] = "S,M",
    runs: Annotated[int, typer.Option(min=1, help="of each job; the median counts")] = 3,
    seeds: Annotated[
        str,
        typer.Option(
            parser=several(seed_number),
            metavar="SEEDS",
            help="of the networks that rankers are judged on; jobs run on the first",
        ),
    ] = "7,8,9",
    only: Annotated[str, typer.Option(help=f"some of {', '.join(PARTS)}")] = "",
    name: Annotated[str, typer.Option(parser=file_name, help="of the files in benchmarks/results")] = "",
    data: Annotated[Path, typer.Option(help="folder of the data sets")] = Path("../shared/data"),
) -> None:
    """Measure, print, save."""
    chosen_sizes, chosen = sizes.split(","), set(_chosen(only, PARTS, "--only") or PARTS)
    chosen_seeds = [int(seed) for seed in seeds.split(",")]
    began = time.perf_counter()
    with mongo_server() as uri, console.status("") as status:
        results = Results(machine(uri), datetime.now(UTC), load_average())

        def tell(what: str) -> None:
            status.update(f"{time.perf_counter() - began:6.0f} s  {what}")

        for size in chosen_sizes:
            parts = chosen if size == chosen_sizes[-1] else chosen - {"runtimes"}  # of the largest
            measure_size(uri, size, parts, chosen_seeds, 1 if size in RUN_ONCE else runs, results, tell)
        if "swaps" in chosen:
            with open_place(uri, "XS", chosen_seeds[0], tell) as place:
                results.swaps = under_readers(place, tell)
                console.print(f"swaps: {results.swaps.counts} {results.swaps.errors}", highlight=False)
        if "readings" in chosen:
            results.readings = readings.measure(uri, tell)
        if "changes" in chosen:
            results.changes = changes.measure(uri, tell)
        if "language" in chosen:
            tell("language")
            results.language = language.measure(data)
        if "topics" in chosen:
            tell("topics")
            results.topics = topics.measure(data)
        deskdrop = data / "deskdrop" / "interactions.csv.gz"
        if "members" in chosen and deskdrop.exists():
            results.members += ranking.stand_deskdrop(uri, deskdrop, tell)
    for part in ("language", "topics"):
        if part in chosen and not getattr(results, part):
            console.print(f"{part}: skipped, its sentences are not below {data}")
    if "members" in chosen and not deskdrop.exists():
        console.print(f"Deskdrop: skipped, it is not below {data}")
    results.took_s = round(time.perf_counter() - began, 1)
    for sheet in results.sheets():
        sheet.show(console)
    whole = not only and {"S", "M"} <= set(chosen_sizes) and runs >= 3 and len(chosen_seeds) >= 3
    results.save(name or ("full" if whole else "partial"))
    asked = [figure.met for figure in results.figures() if figure.met is not None]
    console.print(f"{sum(asked)} of {len(asked)} floors met, in {results.took_s:.0f} s")
    raise typer.Exit(0 if all(asked) else 1)


def measure_size(
    uri: str, size: str, chosen: set[str], seeds: Sequence[int], runs: int, results: Results, tell: Tell
) -> None:
    """All that is measured on networks of one size; quality first, since the jobs' changes come after it."""
    judged = "quality" in chosen and size not in NO_QUALITY
    ranked, answered = "members" in chosen and size not in NO_QUALITY, "answers" in chosen and size == "M"
    pressed = "callers" in chosen and size == "M"
    started = "runtimes" in chosen
    caught, stems = "bots" in chosen and size == "M", chosen & set(STEMS)
    for number, seed in enumerate(seeds):
        first = number == 0
        measured, asked = stems and first, answered and first
        if not (judged or measured or ranked or asked or caught or (first and (pressed or started))):
            continue
        with open_place(uri, size, seed, tell) as place:
            if judged:
                tell(f"{size}, seed {seed}: train_coldstart")
                trained = from_nothing(place, TRAIN, NOW)
                for one in judge(place, tell):
                    results.quality.append(one)
                    console.print(f"{size} seed {seed}, {one.protocol}: {one.ratio.told}", highlight=False)
                console.print(f"{size} seed {seed}: {trained.report}", highlight=False)
            if caught:
                told_apart, flagged = bots.judge(place, tell)
                results.bots += told_apart
                results.caught += [flagged] if flagged else []
                first_of = told_apart[0] if told_apart else "too few to learn from, or to tell apart"
                console.print(f"{size} seed {seed}, bots: {first_of}", highlight=False)
            if ranked or asked or (first and pressed):
                place.add_text()
                ranking.train(place, NOW, tell)
            if ranked:
                results.members += ranking.stand_world(place, tell)
            if asked:
                results.answers += [*answers.measure(place, tell), artifacts_of(place)]
            if first and pressed:
                results.callers += callers.measure(place, tell)
            if measured:
                for found in measure(place, stems, runs, tell):
                    results.jobs.append(found)
                    figures = f"{found.seconds.told}, {found.peak_mb.told}"
                    console.print(f"{size} {found.stem} {found.kind}: {figures}", highlight=False)
                results.stored += stored(place)
            if first and started:
                results.runtimes += runtimes.measure(place, tell)


def artifacts_of(place: BenchDatabase) -> Reaction:
    """How large the models of accounts are."""
    sizes = [len(row["artifact"]) / 1_000 for row in place.store.analytics.mlArtifacts.find({}, {"artifact": 1})]
    told = f"{len(sizes):,} accounts, {max(sizes):.1f} kB the largest"
    return Reaction("model of an account, median", Figure(median(sizes), "kB", ARTIFACT_KB), told)


def _chosen(given: str, allowed: tuple[str, ...], option: str) -> list[str]:
    names = [name.strip() for name in given.split(",") if name.strip()]
    unknown = [name for name in names if name not in allowed]
    if unknown:
        raise typer.BadParameter(f"{option}: no {unknown[0]}; there are {', '.join(allowed)}")
    return names


def main() -> None:
    """What was foreseen is one sentence, without a trace."""
    command_line.run(app)


if __name__ == "__main__":
    main()
