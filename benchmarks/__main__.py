"""python -m benchmarks: every floor, measured in one run.

Uses the embedded MongoDB, or the one of MONGO_URI if it is on this machine. Ends with code 1 when a floor is missed.
"""

import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median
from typing import Annotated

import typer

from benchmarks import bots
from benchmarks.bench_database import (
    NOW,
    BenchDatabase,
    Tell,
    load_average,
    machine,
    open_bench_database,
    storage_sizes,
)
from benchmarks.floors import ARTIFACT_KB, Figure
from benchmarks.load import answers, callers, changes, jobs, pages, readings, runtimes
from benchmarks.load.jobs import JOBS, TRAIN, from_nothing
from benchmarks.load.reaction import Reaction
from benchmarks.load.swaps import under_readers
from benchmarks.ranking import country_quality, networks
from benchmarks.ranking.deskdrop import read_deskdrop
from benchmarks.run_results import RunResults
from benchmarks.table import console_of_width
from benchmarks.text import language_accuracy, topic_accuracy
from layers.build import lock
from layers.package import install_osls
from local.mongod import mongo_server
from local.parameters import seed_number, several, world_size
from shared import command_line

STEMS = tuple(job.stem for job in JOBS)
PARTS = (
    *STEMS,
    "swaps",
    "quality",
    "members",
    "answers",
    "callers",
    "pages",
    "bots",
    "runtimes",
    "readings",
    "changes",
    "language",
    "topics",
)
RUN_ONCE = ("L",)  # sizes that are too large to repeat, and have no floors
NO_QUALITY = ("L",)  # sizes whose rankings are not evaluated

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
console = console_of_width(200)
say = partial(console.print, markup=False, highlight=False, soft_wrap=True)


def file_name(text: str) -> str:
    """A name that a file can have on every system; BadParameter for any other, before anything is measured."""
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
    world_sizes, parts = sizes.split(","), set(_names(only, PARTS, "--only") or PARTS)
    world_seeds = [int(seed) for seed in seeds.split(",")]
    if "runtimes" in parts:
        with lock("package"):
            install_osls()  # first: where Node is missing, it is told before anything is measured
    deskdrop = data / "deskdrop" / "interactions.csv.gz"
    has_deskdrop = "members" in parts and deskdrop.exists()
    events = read_deskdrop(deskdrop, datetime.now(UTC), say) if has_deskdrop else []
    began = time.perf_counter()
    with mongo_server() as uri, console.status("") as status:
        results = RunResults(machine(uri), datetime.now(UTC), load_average())

        def tell(step: str) -> None:
            status.update(f"{time.perf_counter() - began:6.0f} s  {step}")

        for size in world_sizes:
            of_size = parts if size == world_sizes[-1] else parts - {"runtimes"}  # on the last size alone
            measure_size(uri, size, of_size, world_seeds, 1 if size in RUN_ONCE else runs, results, tell)
        if "swaps" in parts:
            with open_bench_database(uri, "XS", world_seeds[0], tell) as database:
                results.swaps = under_readers(database, tell)
                console.print(f"swaps: {results.swaps.counts} {results.swaps.errors}", highlight=False, markup=False)
        if "readings" in parts:
            results.readings = readings.measure(uri, tell)
        if "changes" in parts:
            results.changes = changes.measure(uri, tell)
        if "language" in parts:
            tell("language")
            results.language = language_accuracy.measure(data)
        if "topics" in parts:
            tell("topics")
            results.topics = topic_accuracy.measure(data)
        if events:
            results.members += networks.evaluate_deskdrop(uri, events, tell)
    for part in ("language", "topics"):
        if part in parts and not getattr(results, part):
            console.print(f"{part}: skipped, its sentences are not below {data}", markup=False)
    if "members" in parts and not events:
        console.print(f"Deskdrop: skipped, it is not below {data}", markup=False)
    results.took_s = round(time.perf_counter() - began, 1)
    for sheet in results.sheets():
        sheet.show(console)
    whole = not only and {"S", "M"} <= set(world_sizes) and runs >= 3 and len(world_seeds) >= 3
    results.save(name or ("full" if whole else "partial"))
    met = [figure.met for figure in results.figures() if figure.met is not None]
    console.print(f"{sum(met)} of {len(met)} floors met, in {results.took_s:.0f} s", markup=False)
    raise typer.Exit(0 if all(met) else 1)


def measure_size(
    uri: str, size: str, parts: set[str], seeds: Sequence[int], runs: int, results: RunResults, tell: Tell
) -> None:
    """Measure all parts on networks of one size, and add them to the results.

    Country rankers and bots come before the jobs, whose runs after changes alter the network.
    """
    with_quality = "quality" in parts and size not in NO_QUALITY
    with_members = "members" in parts and size not in NO_QUALITY
    with_bots = "bots" in parts and size == "M"
    stems = parts & set(STEMS)
    for number, seed in enumerate(seeds):
        first = number == 0  # of the seeds; what follows is measured on it alone
        with_answers, with_callers, with_pages = (
            first and size == "M" and part in parts for part in ("answers", "callers", "pages")
        )
        with_jobs, with_runtimes = first and bool(stems), first and "runtimes" in parts
        on_accounts = with_members or with_answers or with_callers or with_pages
        if not any((with_quality, with_bots, on_accounts, with_jobs, with_runtimes)):
            continue
        with open_bench_database(uri, size, seed, tell) as bench:
            if with_quality:
                evaluate_country_rankers(bench, results, tell)
            if with_bots:
                evaluate_bots(bench, results, tell)
            if on_accounts:
                bench.add_text()
                networks.train(bench, NOW, tell)
            if with_members:
                results.members += networks.evaluate_world(bench, tell)
            if with_answers:
                results.answers += [*answers.measure(bench, tell), model_size(bench)]
            if with_callers:
                results.callers += callers.measure(bench, tell)
            if with_pages:
                results.pages += pages.measure(bench, tell)
            if with_jobs:
                for measured in jobs.measure(bench, stems, runs, tell):
                    results.jobs.append(measured)
                    figures = f"{measured.seconds.text}, {measured.peak_mb.text}"
                    console.print(f"{size} {measured.stem} {measured.kind}: {figures}", highlight=False, markup=False)
                results.stored += storage_sizes(bench)
            if with_runtimes:
                results.runtimes += runtimes.measure(bench, tell)


def evaluate_country_rankers(bench: BenchDatabase, results: RunResults, tell: Tell) -> None:
    """Train the country rankers, and evaluate them under each protocol."""
    name = f"{bench.size} seed {bench.seed}"
    tell(f"{bench.size}, seed {bench.seed}: train_coldstart")
    trained = from_nothing(bench, TRAIN, NOW)
    for quality in country_quality.evaluate(bench, tell):
        results.quality.append(quality)
        console.print(f"{name}, {quality.protocol}: {quality.ratio.text}", highlight=False, markup=False)
    console.print(f"{name}: {trained.report}", highlight=False, markup=False)


def evaluate_bots(bench: BenchDatabase, results: RunResults, tell: Tell) -> None:
    """Evaluate the bot detector beside other methods."""
    by_method, detection = bots.evaluate(bench, tell)
    results.bots += by_method
    results.caught += [detection] if detection else []
    first = by_method[0] if by_method else "too few to learn from, or to tell apart"
    console.print(f"{bench.size} seed {bench.seed}, bots: {first}", highlight=False, markup=False)


def model_size(bench: BenchDatabase) -> Reaction:
    """Size of the accounts' models, median [kB]."""
    sizes = [len(row["artifact"]) / 1_000 for row in bench.store.analytics.mlArtifacts.find({}, {"artifact": 1})]
    note = f"{len(sizes):,} accounts, {max(sizes):.1f} kB the largest"
    return Reaction("model of an account, median", Figure(median(sizes), "kB", ARTIFACT_KB), note)


def _names(text: str, allowed: tuple[str, ...], option: str) -> list[str]:
    """Names separated by commas; BadParameter for one that is not allowed."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in allowed]
    if unknown:
        raise typer.BadParameter(f"{option}: no {unknown[0]}; there are {', '.join(allowed)}")
    return names


def main() -> None:
    """Run the command; an expected failure is one sentence, without a trace."""
    command_line.run(app)


if __name__ == "__main__":
    main()
