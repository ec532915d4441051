"""Jobs as whole processes: from the start of an interpreter to its end, through the real handler."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from bson import ObjectId

from benchmarks.floors import LIMITS, Figure, Limits
from benchmarks.places import (
    NOW,
    BenchDatabase,
    Tell,
    Workload,
    load_average,
    review_anew,
    server_cpu_seconds,
    work_so_far,
)
from local import ownership
from shared.errors import Refused
from shared.store import schema

ROOT = Path(__file__).parent.parent
BETWEEN_RUNS = timedelta(minutes=5)
CHANGED_RATIO = 0.01
ACTIVE_RATIO = 0.05  # of the accounts did something in a day

Change = Callable[[BenchDatabase, datetime, np.random.Generator], None]


@dataclass(frozen=True, slots=True)
class Run:
    """One process.

    seconds             from its start to its end
    peak_mb             the most memory that it held
    client_cpu_seconds  its own processor time
    server_cpu_seconds  the server's meanwhile; None where the server is elsewhere
    database            what it asked of MongoDB
    load                of the machine when it began
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

    outputs  what it writes
    change   makes 1 % of its input change, or has 5 % of the accounts do something, as of a moment; None for one that
             is measured from nothing only
    """

    domain: str
    stem: str
    outputs: tuple[schema.Collection, ...]
    change: Change | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """Runs of a job under the same conditions; `kind` is first or again."""

    stem: str
    kind: str
    size: str
    seconds: Figure
    peak_mb: Figure
    runs: list[Run]


def change_posts(place: BenchDatabase, at: datetime, rng: np.random.Generator) -> None:
    """1 % of the posts get one more like."""
    contents = place.store.app[schema.CONTENTS.name]
    ids = [post["_id"] for post in contents.find({"visibility": "publish"}, {"_id": 1}).sort("_id", 1)]
    chosen = [ids[i] for i in rng.choice(len(ids), round(len(ids) * CHANGED_RATIO), replace=False).tolist()]
    contents.update_many(
        {"_id": {"$in": chosen}}, {"$inc": {"engagements.like.count": 1}, "$set": {"updatedAt": _before(at)}}
    )


def add_engagements(place: BenchDatabase, at: datetime, rng: np.random.Generator) -> None:
    """1 % more engagements: the latest once more, each by another of the people who did them.

    So they fall on the posts and come from the people that are busy now, of whom some do much.
    """
    engagements = place.store.app[schema.ENGAGEMENTS.name]
    latest = list(engagements.find().sort("_id", -1).limit(round(place.world.options.engagements * CHANGED_RATIO)))
    people = [(act["user"], act["account"]) for act in latest]
    for act, other in zip(latest, rng.permutation(len(people)).tolist(), strict=True):
        user, account = people[other]
        act.update(_id=ObjectId(), user=user, account=account, createdAt=_before(at), updatedAt=_before(at))
    engagements.insert_many(latest, ordered=False)


def _before(at: datetime) -> datetime:
    return at - timedelta(minutes=1)


def act_of_some(place: BenchDatabase, at: datetime, rng: np.random.Generator) -> None:
    """5 % of the accounts like one post more."""
    engagements = place.store.app[schema.ENGAGEMENTS.name]
    people = [row["_id"] for row in place.store.app.users.find({}, {"_id": 1, "ownerAccount": 1}).sort("_id", 1)]
    owners = {row["_id"]: row["ownerAccount"] for row in place.store.app.users.find({}, {"ownerAccount": 1})}
    acts = list(engagements.find().sort("_id", -1).limit(round(len(people) * ACTIVE_RATIO)))
    chosen = rng.choice(len(people), len(acts), replace=False).tolist()
    for act, number in zip(acts, chosen, strict=True):
        user = people[number]
        act.update(_id=ObjectId(), user=user, account=owners[user], createdAt=_before(at), updatedAt=_before(at))
    engagements.insert_many(acts, ordered=False)


def read_on(place: BenchDatabase, at: datetime, rng: np.random.Generator) -> None:
    """1 % of the credentials that can be described read ten posts more."""
    exposures = place.store.app[schema.FEED_ITEMS.name]
    people = sorted(place.store.analytics[schema.CREDENTIAL_FEATURES.name].distinct("seenCredential"))
    for number in rng.choice(len(people), max(round(len(people) * CHANGED_RATIO), 1), replace=False).tolist():
        latest = list(exposures.find({"seenCredential": people[number]}).sort("seenAt", -1).limit(10))
        for row, one in enumerate(latest):
            seen_at = _before(at) - timedelta(seconds=10 * row)
            one.update(_id=ObjectId(), seenAt=seen_at, updatedAt=seen_at, createdAt=seen_at)
            one["offScreenAt"] = seen_at + timedelta(seconds=float(rng.lognormal(1, 1)))
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


def measure(place: BenchDatabase, chosen: set[str], runs: int, tell: Tell) -> Iterator[Measured]:
    """Each chosen job on a network, from nothing and, where it has a `change`, after changes."""
    rng = np.random.default_rng(place.seed)
    due = NOW
    for job in (one for one in JOBS if one.stem in chosen):
        if job.stem in ("build_guest_feed", "refresh_catalogue") and "train_coldstart" not in chosen:
            tell(f"{place.size}: train_coldstart, which {job.stem} needs")
            from_nothing(place, TRAIN, due)
        if job.stem == "plan_personal_training" and "train_members" not in chosen:
            tell(f"{place.size}: train_members, which train_personal needs")
            from_nothing(place, MEMBERS, due)
        if job is DETECTOR or (job is FLAG and DETECTOR.stem not in chosen):
            tell(f"{place.size}: what reviewers have said, which {job.stem} needs")
            review_anew(place, due)
        if job is FLAG and DETECTOR.stem not in chosen:
            from_nothing(place, DETECTOR, due)
        if job.stem == "refresh_engagement_stats":
            place.add_text()
        first = []
        for number in range(runs):
            tell(f"{place.size}: {job.stem} from nothing, {number + 1} of {runs}")
            first.append(from_nothing(place, job, due))
        yield summed(job.stem, "first", place.size, first)
        if job.change:
            again = []
            for number in range(runs):
                due += BETWEEN_RUNS
                tell(f"{place.size}: {job.stem} after changes, {number + 1} of {runs}")
                job.change(place, due, rng)
                again.append(run(place, job, due))
            yield summed(job.stem, "again", place.size, again)
            due += BETWEEN_RUNS


def from_nothing(place: BenchDatabase, job: Job, due: datetime) -> Run:
    """Run a job whose outputs and watermark are not there."""
    for collection in job.outputs:
        database = place.store.app if collection.database == "app" else place.store.analytics
        ownership.drop_collection(database[collection.name])
    ownership.delete(place.store.analytics[schema.WATERMARKS.name], {"_id": job.stem})
    schema.apply(place.store.app, place.store.analytics)
    return run(place, job, due)


def run(place: BenchDatabase, job: Job, due: datetime) -> Run:
    """Run a job in a process of its own; Refused when it fails or writes nothing."""
    place.settle()
    load, served, before = load_average(), server_cpu_seconds(place.store), work_so_far(place.store)
    invocation = [sys.executable, "-m", "benchmarks.invoke", job.domain, job.stem, due.isoformat()]
    launcher = [sys.executable, "-S", "-E", str(ROOT / "benchmarks" / "launch.py")]
    ended = subprocess.run(
        [*launcher, *invocation], cwd=ROOT, env=place.environment, capture_output=True, text=True, check=False
    )
    lines = ended.stdout.splitlines()
    took = json.loads(lines[-1])
    if took["code"]:
        raise Refused(f"{job.stem} ended with code {took['code']}: {ended.stderr.strip()[-2000:]}")
    report: dict[str, Any] = json.loads(lines[-2])
    if not report["written"]:
        raise Refused(f"{job.stem} wrote nothing: {report}")
    after, worked = server_cpu_seconds(place.store), work_so_far(place.store) - before
    server = None if served is None or after is None else round(after - served, 2)
    client = round(took["cpu_seconds"], 2)
    return Run(round(took["seconds"], 3), round(took["peak_kb"] / 1024, 1), client, server, worked, load, report)


def summed(stem: str, kind: str, size: str, runs: list[Run]) -> Measured:
    """The median time and the largest peak, beside their floors on world M."""
    limits = LIMITS.get(stem, Limits()) if size == "M" else Limits()
    seconds = Figure(median(one.seconds for one in runs), "s", limits.first_s if kind == "first" else limits.again_s)
    return Measured(stem, kind, size, seconds, Figure(max(one.peak_mb for one in runs), "MB", limits.peak_mb), runs)
