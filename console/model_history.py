"""When each version of a model was live, who made it so, and how it did."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from console.charts import Chart
from console.figures import Figure, figures
from console.store.models import LiveModel, Version
from console.training_reasons import Sentence, gain
from shared.artifacts.promotions import Promotion


@dataclass(frozen=True, slots=True)
class Period:
    """A time in which a version was live.

    end  None while it is live, and where that is unknown
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
    family: str, live: LiveModel | None, kept: Sequence[Version], promotions: Sequence[Promotion]
) -> Iterator[KeptVersion]:
    """The versions with the times at which they were live: each until another one was promoted, or the key gave its
    own model up.

    promotions  of the key, in any order
    """
    current = live.version if live else None
    noted = {(change.at, change.version): change.by for change in promotions}
    for version in (*kept, *([current] if current else ())):  # promoted by a release that did not note it
        if version.promoted_at:
            noted.setdefault((version.promoted_at, version.version), "")
    changes = sorted(noted, key=lambda change: change[0])
    starts = [next(group) for _, group in groupby(changes, key=lambda change: change[1])]
    alias_since = live.since if live and live.alias_of else None
    ends = [*(start for start, _ in starts[1:]), alias_since]
    for version in kept:
        periods = [
            Period(start, end, noted[start, promoted])
            for (start, promoted), end in zip(starts, ends, strict=False)
            if promoted == version.version
        ]
        metrics, is_live = version.metrics, current is not None and version.version == current.version
        yield KeptVersion(version, figures(family, metrics), gain(metrics), is_live, periods[::-1])


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
