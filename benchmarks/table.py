"""What was found, as tables: on the terminal, and in Markdown beside the JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

from rich.console import Console
from rich.table import Table

from benchmarks.floors import (
    BASELINE_RATIO_OF_THE_ORIGINAL,
    ORIGINAL,
    ORIGINAL_JOBS,
    ORIGINAL_NOTE,
    ORIGINAL_QUALITY,
    ORIGINAL_SWAPS,
    Figure,
)
from benchmarks.jobs import Measured
from benchmarks.places import StorageSize
from benchmarks.quality import Judgement, mean_ratios
from benchmarks.swaps import ImpressionCount
from shared.ml.ranking import Quality

RUNS = {"first": "from nothing", "again": "after changes"}


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table with a title and a line below it."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    note: str = ""

    @property
    def said(self) -> str:
        """The note, and what the mark of a column means."""
        return " ".join(part for part in (self.note, ORIGINAL_NOTE if ORIGINAL in self.columns else "") if part)

    def show(self, console: Console) -> None:
        """Print it."""
        table = Table(title=self.title, caption=self.said, title_justify="left", caption_justify="left")
        for column in self.columns:
            table.add_column(column, overflow="fold")
        for row in self.rows:
            table.add_row(*row, style="red" if "NO" in row else None)
        console.print(table)

    def markdown(self) -> str:
        """The same for a file."""
        lines = [f"## {self.title}", "", _line(self.columns), _line("---" for _ in self.columns)]
        return "\n".join([*lines, *map(_line, self.rows), "", *([self.said, ""] if self.said else [])])


def of_jobs(found: Sequence[Measured]) -> Sheet:
    """Time and memory of each job, beside their floors."""
    rows = []
    for one in found:
        figures = (one.seconds, one.peak_mb)
        server = [run.server_cpu_seconds for run in one.runs if run.server_cpu_seconds is not None]
        rows.append(
            (
                one.stem,
                RUNS[one.kind],
                one.size,
                one.seconds.told,
                one.peak_mb.told,
                ", ".join(figure.floor_told for figure in figures if figure.floor is not None),
                told_met(figures),
                f"{fmean(run.client_cpu_seconds for run in one.runs):.2f} s",
                f"{fmean(server):.2f} s" if server else "",
                f"{fmean(run.database.read for run in one.runs):,.0f}",
                f"{fmean(run.database.written for run in one.runs):,.0f}",
                f"{max(run.load for run in one.runs):.1f}",
                ORIGINAL_JOBS.get((one.stem, one.size), ""),
            )
        )
    columns = (
        "job",
        "run",
        "world",
        "time",
        "memory",
        "floor",
        "met",
        "its CPU",
        "server's CPU",
        "read",
        "written",
        "load",
        ORIGINAL,
    )
    note = (
        "Whole processes, from start to end: median time, largest peak memory. Floors are for world M. Read and "
        "written: documents of the database. Changes: 1 % of the input; for plan_personal_training, which "
        "includes train_personal, 5 % of the accounts did something."
    )
    return Sheet("Jobs", columns, rows, note)


def of_growth(found: Sequence[Measured]) -> Sheet:
    """How time and memory of each job grow with the network."""
    sizes = tuple(dict.fromkeys(one.size for one in found))
    rows = []
    for stem, kind in dict.fromkeys((one.stem, one.kind) for one in found):
        by_size = {one.size: one for one in found if (one.stem, one.kind) == (stem, kind)}
        measured = [by_size[size] for size in sizes if size in by_size]
        times = " -> ".join(one.seconds.told for one in measured)
        ratios = " -> ".join(
            f"x {after.seconds.value / before.seconds.value:.1f}" for before, after in pairwise(measured)
        )
        run = RUNS[kind]
        rows.append((stem, run, times, ratios, " -> ".join(one.peak_mb.told for one in measured)))
    note = "Posts: S 5,000, M 50,000, L 150,000. Engagements: S 50,000, M 500,000, L 1,500,000."
    return Sheet(f"Growth, {' -> '.join(sizes)}", ("job", "run", "time", "growth", "memory"), rows, note)


def of_stored(found: Sequence[StorageSize]) -> Sheet:
    """What each collection takes on disk after the jobs."""
    rows = [
        (one.size, one.collection, f"{one.documents:,}", f"{one.mb:,.1f} MB", f"{one.index_mb:,.1f} MB")
        for one in found
    ]
    columns = ("world", "collection", "documents", "on disk", "its indexes")
    return Sheet(
        "Storage, after all jobs", columns, rows, "As MongoDB compresses it; what freed space it keeps counts."
    )


def of_swaps(seen: ImpressionCount) -> Sheet:
    """What readers met while generations were swapped."""
    rows = [
        (name, figure.told, figure.floor_told, told_met([figure]), ORIGINAL_SWAPS.get(name, ""))
        for name, figure in seen.figures().items()
    ]
    counts = seen.counts
    answered = counts.get("retried reads", 0) - counts.get("failed reads", 0)
    note = (
        f"{counts['reads']:,} pages, {counts.get('explained', 0):,} of them explained, over {seen.generations} "
        f"generations; {answered} reads failed once and were answered when asked again; a page "
        f"took {seen.median_ms} ms in the median, {seen.p99_ms} ms at the 99th percentile, beside the job that builds."
    )
    title = f"Guest feed, {seen.swaps} swaps under 4 readers"
    return Sheet(title, ("met by readers", "number", "floor", "met", ORIGINAL), rows, note)


def of_ratios(found: Sequence[Judgement]) -> Sheet:
    """NDCG@10 of the live rankers against popularity x decay, network by network."""
    rows = [
        (
            one.size,
            str(one.seed),
            one.protocol,
            f"{one.lists:,}",
            one.ratio.told,
            f"{one.interval[0]:.3f} - {one.interval[1]:.3f}",
            one.ratio.floor_told,
            told_met([one.ratio]),
            ", ".join(f"{name} ({number})" for name, number in one.answered.items()),
            BASELINE_RATIO_OF_THE_ORIGINAL + " x",
        )
        for one in found
    ]
    for (size, protocol), mean in mean_ratios(found).items():
        seeds = [one.ratio.value for one in found if (one.size, one.protocol) == (size, protocol)]
        spread = f"{min(seeds):.3f} - {max(seeds):.3f} (seeds)"
        rows.append((size, "mean", protocol, "", mean.told, spread, mean.floor_told, told_met([mean]), "", ""))
    columns = (
        "world", "seed", "200 candidates", "people", "ratio", "95 %", "floor", "met", "answered by (countries)",
        ORIGINAL,
    )  # fmt: skip
    return Sheet("Country rankers, NDCG@10 over popularity x decay", columns, rows)


def of_rankers(found: Sequence[Judgement]) -> Sheet:
    """NDCG@10 / Recall@10 / AUC of each ranker, means over the seeds."""
    rows = []
    for size, protocol in dict.fromkeys((one.size, one.protocol) for one in found):
        those = [one.rankers for one in found if (one.size, one.protocol) == (size, protocol)]
        for name in those[0]:
            mean = told_quality([rankers[name] for rankers in those])
            rows.append((size, protocol, name, mean, ORIGINAL_QUALITY.get((name, size), "")))
    note = "How the original drew candidates was not published; its `model` is its cold start as shipped."
    return Sheet(
        "Rankers, NDCG@10 / Recall@10 / AUC", ("world", "200 candidates", "ranker", "mean", ORIGINAL), rows, note
    )


def told_met(figures: Sequence[Figure]) -> str:
    """Yes, NO, or nothing where nothing is asked for.

    >>> told_met([Figure(1, "s", 2), Figure(9, "MB", 8)]), told_met([Figure(1, "s")])
    ('NO', '')
    """
    asked = [figure.met for figure in figures if figure.met is not None]
    return ("yes" if all(asked) else "NO") if asked else ""


def told_quality(several: Sequence[Quality]) -> str:
    """Means as .278 / .294 / .825."""
    means = (fmean(getattr(one, name) for one in several) for name in ("ndcg_at_10", "recall_at_10", "auc"))
    return " / ".join(f"{mean:.3f}".removeprefix("0") for mean in means)


def _line(cells: Sequence[str] | object) -> str:
    return f"| {' | '.join(cells)} |"  # type: ignore[arg-type]
