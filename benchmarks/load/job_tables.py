"""Tables of jobs: time and memory, how they grow, and what all jobs leave on disk."""

from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean

from benchmarks.bench_database import StorageSize
from benchmarks.floors import ORIGINAL, ORIGINAL_JOBS
from benchmarks.load.jobs import Measured
from benchmarks.table import RUNS, Sheet, yes_or_no


def job_sheet(measurements: Sequence[Measured]) -> Sheet:
    """Time and memory of each job, beside their floors."""
    rows = []
    for job in measurements:
        figures = (job.seconds, job.peak_mb)
        server = [run.server_cpu_seconds for run in job.runs if run.server_cpu_seconds is not None]
        rows.append(
            (
                job.stem,
                RUNS[job.kind],
                job.size,
                job.seconds.text,
                job.peak_mb.text,
                ", ".join(figure.floor_text for figure in figures if figure.floor is not None),
                yes_or_no(figures),
                f"{fmean(run.client_cpu_seconds for run in job.runs):.2f} s",
                f"{fmean(server):.2f} s" if server else "",
                f"{fmean(run.database.read for run in job.runs):,.0f}",
                f"{fmean(run.database.written for run in job.runs):,.0f}",
                f"{max(run.load for run in job.runs):.1f}",
                ORIGINAL_JOBS.get((job.stem, job.size), ""),
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


def growth_sheet(measurements: Sequence[Measured]) -> Sheet:
    """How time and memory of each job grow with the network."""
    sizes = tuple(dict.fromkeys(job.size for job in measurements))
    rows = []
    for stem, kind in dict.fromkeys((job.stem, job.kind) for job in measurements):
        by_size = {job.size: job for job in measurements if (job.stem, job.kind) == (stem, kind)}
        measured = [by_size[size] for size in sizes if size in by_size]
        times = " -> ".join(job.seconds.text for job in measured)
        ratios = " -> ".join(
            f"x {after.seconds.value / before.seconds.value:.1f}" for before, after in pairwise(measured)
        )
        rows.append((stem, RUNS[kind], times, ratios, " -> ".join(job.peak_mb.text for job in measured)))
    note = "Posts: S 5,000, M 50,000, L 150,000. Engagements: S 50,000, M 500,000, L 1,500,000."
    return Sheet(f"Growth, {' -> '.join(sizes)}", ("job", "run", "time", "growth", "memory"), rows, note)


def storage_sheet(sizes: Sequence[StorageSize]) -> Sheet:
    """What each collection takes on disk after the jobs."""
    rows = [
        (size.size, size.collection, f"{size.documents:,}", f"{size.mb:,.1f} MB", f"{size.index_mb:,.1f} MB")
        for size in sizes
    ]
    columns = ("world", "collection", "documents", "on disk", "its indexes")
    return Sheet(
        "Storage, after all jobs", columns, rows, "As MongoDB compresses it; what freed space it keeps counts."
    )
