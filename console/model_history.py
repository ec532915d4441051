"""When each version of a model was live, who made it so, and how it did."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

from console.charts import Chart
from console.figures import Figure, figures
from console.store.audit_log import AuditEntry, AuditLog
from console.store.models import LiveModel, Version
from console.training_reasons import Sentence, gain

PROMOTE: Final = "promote model"  # the act in the audit log
MOVES = 500  # the newest acts among which that of a version is looked for
DONE = ("done", "begun", "Unanswered")  # outcomes of acts that may have come about: whether one did, `promotedAt` says
Promotion = tuple[datetime, str]  # moment and version
NOTED_WITHIN = timedelta(minutes=1)  # between the entry of an act and what it did


@dataclass(frozen=True, slots=True)
class Period:
    """A time in which a version was live.

    end  None while it is live
    by   who made it live; empty where the training itself did
    """

    start: datetime
    end: datetime | None
    by: str


@dataclass(frozen=True, slots=True)
class KeptVersion:
    """A version, how it did, and when it was live, the last time first.

    gain  sentences of how much better it is than what it builds on, with its error
    """

    version: Version
    figures: Sequence[Figure]
    gain: Sequence[Sentence]
    is_live: bool
    periods: Sequence[Period]


def histories(
    audit: AuditLog, family: str, live: LiveModel | None, kept: Sequence[Version], promotions: Sequence[Promotion]
) -> Iterator[KeptVersion]:
    """The versions with the times at which they were live: each until another one was promoted.

    promotions  of all versions of the key, in the order of time
    """
    moves = [move for move in audit.newest(None, MOVES, act=PROMOTE) if move.outcome.startswith(DONE)]
    current = live.version.version if live and live.version else None
    alias_since = live.since if live and live.alias_of else None
    of_live = {(moment, live.version.version) for moment in live.version.promoted} if live and live.version else set()
    known = sorted(of_live.union(promotions))
    starts = [next(group) for _, group in groupby(known, key=lambda promotion: promotion[1])]
    ends = [start for start, _ in starts[1:]] + [alias_since]
    for version in kept:
        name = named(family, version.key, version.version)
        periods = [
            Period(start, end, _mover(moves, name, start))
            for (start, promoted), end in zip(starts, ends, strict=True)
            if promoted == version.version
        ]
        is_live = version.version == current
        metrics = version.metrics
        yield KeptVersion(version, figures(family, metrics), gain(metrics), is_live, periods[::-1])


def _mover(moves: Sequence[AuditEntry], name: str, start: datetime) -> str:
    """Who made that version live then; empty where no entry of the audit log says so."""
    near = (move for move in moves if move.personal.get("object") == name)
    return next((move.by for move in near if move.at <= start < move.at + NOTED_WITHIN), "")


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
