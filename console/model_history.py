"""When each version of a model was live, who made it so, and how it did."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from console.charts import Chart
from console.figures import Figure, figures
from console.store.audit_log import AuditLog
from console.store.models import LiveModel, Version

PROMOTE = "promote model"  # the act in the audit log
MOVES = 500  # the newest acts among which that of a version is looked for
DONE = ("done", "begun", "Unanswered")  # outcomes of acts that may have come about: whether one did, `promotedAt` says
NOTED_WITHIN = timedelta(minutes=1)  # between the entry of an act and what it did


@dataclass(frozen=True, slots=True)
class KeptVersion:
    """A version, how it did, and when it was live.

    live_from, live_to  the last time that it was; None where it never was, where it still is, or where that is unknown
    by                  who made it live; empty where the training itself did
    """

    version: Version
    figures: Sequence[Figure]
    is_live: bool
    live_from: datetime | None
    live_to: datetime | None
    by: str


def histories(audit: AuditLog, family: str, live: LiveModel | None, kept: Sequence[Version]) -> Iterator[KeptVersion]:
    """The versions with the times at which they were live: each until the next one was promoted."""
    moves = audit.newest(None, MOVES, act=PROMOTE)
    by_object = {(move.personal.get("object"), move.at): move.by for move in moves if move.outcome.startswith(DONE)}
    starts = sorted((version.promoted_at, version.version) for version in kept if version.promoted_at)
    ends = {version: following for (_, version), (following, _) in pairwise(starts)}
    current = live.version.version if live and live.version else None
    alias_since = live.since if live and live.alias_of else None
    for version in kept:
        start, name = version.promoted_at, named(family, version.key, version.version)
        moved = [
            by for (about, at), by in by_object.items() if about == name and start and at <= start < at + NOTED_WITHIN
        ]
        is_live = version.version == current
        end = None if is_live or start is None else ends.get(version.version, alias_since)
        yield KeptVersion(version, figures(family, version.metrics), is_live, start, end, moved[0] if moved else "")


def chart(versions: Sequence[KeptVersion]) -> Chart | None:
    """The main figure beside that of its baseline, by the moment of training; None for less than two values."""
    figured = [(row.version.trained_at.timestamp(), row.figures[0]) for row in versions if row.figures]
    if not figured:
        return None
    newest = figured[0][1]
    points = [(at, [one.ours, one.theirs]) for at, one in figured if one.baseline == newest.baseline]
    labels = ["models.this_model", f"models.baseline.{newest.baseline}"]
    return Chart.of(f"models.chart.{newest.measure}", labels, points)


def named(family: str, key: str, version: str) -> str:
    """How the audit log names a version."""
    return f"{family}/{key} {version}"
