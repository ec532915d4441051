"""Time and memory of jobs as whole processes: from the start of an interpreter to its end, through the real handler."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any

import numpy as np
from bson import ObjectId

from benchmarks.bench_database import (
    NOW,
    BenchDatabase,
    Tell,
    Workload,
    load_average,
    review_anew,
    server_cpu_seconds,
    work_so_far,
)
from benchmarks.floors import LIMITS, Figure, Limits
from local import ownership
from local.functions import ROOT
from shared.errors import Refused
from shared.store import schema

BETWEEN_RUNS = timedelta(minutes=5)
CHANGED_RATIO = 0.01  # of the input, before a run after changes
ACTIVE_RATIO = 0.05  # of the accounts, that engage before a run of the personal training

Change = Callable[[BenchDatabase, datetime, np.random.Generator], None]


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a job.

    seconds             from the start of the process to its end [s]
    peak_mb             peak memory of the process [MB]
    client_cpu_seconds  processor time of the process [s]
    server_cpu_seconds  processor time of the database meanwhile [s]; None where it runs on another machine
    database            what the job asked of the database
    load                load average of the machine before the run
    report              what the handler returned
    """

    seconds: float
    peak_mb: float
    client_cpu_seconds: float
    server_cpu_seconds: float | None
    database: Workload
    load: float
    report: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Job:
    """A function to measure.

    outputs  collections that it writes
    change   changes 1 % of the input, or has 5 % of the accounts engage, as of a moment; None for a job that is
             measured from nothing only
    """

    domain: str
    stem: str
    outputs: tuple[schema.Collection, ...]
    change: Change | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """Runs of a job under the same conditions.

    kind     "first" for runs without earlier output, "again" for runs after changes
    seconds  median time
    peak_mb  largest peak memory
    """

    stem: str
    kind: str
    size: str
    seconds: Figure
    peak_mb: Figure
    runs: list[Run]


def change_posts(bench: BenchDatabase, at: datetime, rng: np.random.Generator) -> None:
    """Give 1 % of the posts one more like."""
    contents = bench.store.app[schema.CONTENTS.name]
    ids = [post["_id"] for post in contents.find({"visibility": "publish"}, {"_id": 1}).sort("_id", 1)]
    sample = [ids[i] for i in rng.choice(len(ids), round(len(ids) * CHANGED_RATIO), replace=False).tolist()]
    contents.update_many(
        {"_id": {"$in": sample}}, {"$inc": {"engagements.like.count": 1}, "$set": {"updatedAt": _before(at)}}
    )


def add_engagements(bench: BenchDatabase, at: datetime, rng: np.random.Generator) -> None:
    """Add 1 % more engagements: the latest ones again, each by another of the accounts that made them.

    So the posts and the accounts are those that are active now, with their uneven activity.
    """
    engagements = bench.store.app[schema.ENGAGEMENTS.name]
    latest = list(engagements.find().sort("_id", -1).limit(round(bench.world.options.engagements * CHANGED_RATIO)))
    people = [(engagement["user"], engagement["account"]) for engagement in latest]
    for engagement, other in zip(latest, rng.permutation(len(people)).tolist(), strict=True):
        user, account = people[other]
        engagement.update(_id=ObjectId(), user=user, account=account, createdAt=_before(at), updatedAt=_before(at))
    engagements.insert_many(latest, ordered=False)


def _before(at: datetime) -> datetime:
    return at - timedelta(minutes=1)


def act_of_some(bench: BenchDatabase, at: datetime, rng: np.random.Generator) -> None:
    """Have 5 % of the accounts engage with one more post."""
    engagements = bench.store.app[schema.ENGAGEMENTS.name]
    people = [row["_id"] for row in bench.store.app.users.find({}, {"_id": 1, "ownerAccount": 1}).sort("_id", 1)]
    owners = {row["_id"]: row["ownerAccount"] for row in bench.store.app.users.find({}, {"ownerAccount": 1})}
    latest = list(engagements.find().sort("_id", -1).limit(round(len(people) * ACTIVE_RATIO)))
    sample = rng.choice(len(people), len(latest), replace=False).tolist()
    for engagement, number in zip(latest, sample, strict=True):
        user = people[number]
        engagement.update(_id=ObjectId(), user=user, account=owners[user], createdAt=_before(at), updatedAt=_before(at))
    engagements.insert_many(latest, ordered=False)


def read_on(bench: BenchDatabase, at: datetime, rng: np.random.Generator) -> None:
    """Have 1 % of the credentials that have reading features read ten more posts."""
    exposures = bench.store.app[schema.FEED_ITEMS.name]
    credentials = sorted(bench.store.analytics[schema.CREDENTIAL_FEATURES.name].distinct("seenCredential"))
    for number in rng.choice(len(credentials), max(round(len(credentials) * CHANGED_RATIO), 1), replace=False).tolist():
        latest = list(exposures.find({"seenCredential": credentials[number]}).sort("seenAt", -1).limit(10))
        for row, exposure in enumerate(latest):
            seen_at = _before(at) - timedelta(seconds=10 * row)
            exposure.update(_id=ObjectId(), seenAt=seen_at, updatedAt=seen_at, createdAt=seen_at)
            exposure["offScreenAt"] = seen_at + timedelta(seconds=float(rng.lognormal(1, 1)))
        exposures.insert_many(latest)


MODELS = (schema.COUNTRY_ARTIFACTS, schema.GLOBAL_ARTIFACTS, schema.ARTIFACT_VERSIONS)
TRAIN = Job("coldstart", "train_coldstart", MODELS)
MEMBERS = Job("feed", "train_members", (schema.MEMBER_ARTIFACTS,))
PERSONAL = Job("feed", "plan_personal_training", (schema.ACCOUNT_ARTIFACTS,), act_of_some)
GUEST_FEED = Job("coldstart", "build_guest_feed", (schema.GUEST_FEED,))
CATALOGUE = Job("feed", "refresh_catalogue", (schema.SNAPSHOTS,))
EXTRACT = Job("bots", "extract_reading_features", (schema.CREDENTIAL_FEATURES,), read_on)
DETECTOR = Job("bots", "train_bot_detector", (schema.BOT_ARTIFACTS, schema.ARTIFACT_VERSIONS))
FLAG = Job("bots", "flag_suspects", (schema.SUSPECTS,))
JOBS = (
    TRAIN,
    CATALOGUE,
    MEMBERS,
    PERSONAL,
    GUEST_FEED,
    EXTRACT,
    DETECTOR,
    FLAG,
    Job("stats", "refresh_content_stats", (schema.CONTENT_STATS,), change_posts),
    Job("stats", "refresh_creator_stats", (schema.CREATOR_STATS,), change_posts),
    Job("stats", "refresh_hashtag_stats", (schema.HASHTAG_STATS,), change_posts),
    Job("stats", "refresh_engagement_stats", (schema.ENGAGEMENT_STATS,), add_engagements),
)


def measure(bench: BenchDatabase, stems: set[str], runs: int, tell: Tell) -> Iterator[Measured]:
    """Measure these jobs on a network, from nothing and, where they have a `change`, after changes.

    runs  of each job and kind [count]
    """
    rng = np.random.default_rng(bench.seed)
    due = NOW
    for job in (one for one in JOBS if one.stem in stems):
        if job.stem in ("build_guest_feed", "refresh_catalogue") and "train_coldstart" not in stems:
            tell(f"{bench.size}: train_coldstart, which {job.stem} needs")
            from_nothing(bench, TRAIN, due)
        if job.stem == "plan_personal_training" and "train_members" not in stems:
            tell(f"{bench.size}: train_members, which train_personal needs")
            from_nothing(bench, MEMBERS, due)
        if job is DETECTOR or (job is FLAG and DETECTOR.stem not in stems):
            tell(f"{bench.size}: what reviewers have said, which {job.stem} needs")
            review_anew(bench, due)
        if job is FLAG and DETECTOR.stem not in stems:
            from_nothing(bench, DETECTOR, due)
        if job.stem == "refresh_engagement_stats":
            bench.add_text()
        first = []
        for number in range(runs):
            tell(f"{bench.size}: {job.stem} from nothing, {number + 1} of {runs}")
            first.append(from_nothing(bench, job, due))
        yield summary(job.stem, "first", bench.size, first)
        if job.change:
            again = []
            for number in range(runs):
                due += BETWEEN_RUNS
                tell(f"{bench.size}: {job.stem} after changes, {number + 1} of {runs}")
                job.change(bench, due, rng)
                again.append(run(bench, job, due))
            yield summary(job.stem, "again", bench.size, again)
            due += BETWEEN_RUNS


def from_nothing(bench: BenchDatabase, job: Job, due: datetime) -> Run:
    """Run a job after its outputs and its watermark are removed."""
    for collection in job.outputs:
        database = bench.store.app if collection.database == "app" else bench.store.analytics
        ownership.drop_collection(database[collection.name])
    ownership.delete(bench.store.analytics[schema.WATERMARKS.name], {"_id": job.stem})
    schema.apply(bench.store.app, bench.store.analytics)
    return run(bench, job, due)


def run(bench: BenchDatabase, job: Job, due: datetime) -> Run:
    """Run a job in a process of its own, due at that moment; Refused when it fails, writes nothing or meets malformed
    documents, which no measured network has."""
    bench.settle()
    load, cpu_before, before = load_average(), server_cpu_seconds(bench.store), work_so_far(bench.store)
    invocation = [sys.executable, "-m", "benchmarks.load.invoke", job.domain, job.stem, due.isoformat()]
    launcher = [sys.executable, "-S", "-E", str(ROOT / "benchmarks" / "load" / "launch.py")]
    ended = subprocess.run(
        [*launcher, *invocation], cwd=ROOT, env=bench.environment, capture_output=True, text=True, check=False
    )
    lines = ended.stdout.splitlines()
    usage = json.loads(lines[-1])
    if usage["code"]:
        raise Refused(f"{job.stem} ended with code {usage['code']}: {ended.stderr.strip()[-2000:]}")
    report: dict[str, Any] = json.loads(lines[-2])
    if report.get("malformed"):
        raise Refused(f"{job.stem} met malformed documents: {report}")
    if not report["written"]:
        raise Refused(f"{job.stem} wrote nothing: {report}")
    cpu_after, workload = server_cpu_seconds(bench.store), work_so_far(bench.store) - before
    server = None if cpu_before is None or cpu_after is None else round(cpu_after - cpu_before, 2)
    client = round(usage["cpu_seconds"], 2)
    return Run(round(usage["seconds"], 3), round(usage["peak_kb"] / 1024, 1), client, server, workload, load, report)


def summary(stem: str, kind: str, size: str, runs: list[Run]) -> Measured:
    """Median time and largest peak memory of the runs, beside their floors on world M."""
    limits = LIMITS.get(stem, Limits()) if size == "M" else Limits()
    seconds = Figure(median(one.seconds for one in runs), "s", limits.first_s if kind == "first" else limits.again_s)
    return Measured(stem, kind, size, seconds, Figure(max(one.peak_mb for one in runs), "MB", limits.peak_mb), runs)
