"""The figures of models: how a model did on later data, beside its baselines, out of the metrics of its manifest."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from shared.store.decoding import as_number

MAX_METRICS, MAX_TEXT_LENGTH = 200, 200  # metrics that are shown, and characters of each name and value

Path = tuple[str, ...]
Verdict = Literal["better", "worse", "same"]


@dataclass(frozen=True, slots=True)
class Measure:
    """Where the metrics of a family have a measure; higher is better.

    name       of the measure
    ours       where the model's value is
    baselines  where the values of those are that it was compared with, by their names, the main one first
    """

    name: str
    ours: Path
    baselines: Mapping[str, Path]


@dataclass(frozen=True, slots=True)
class Figure:
    """The value of a measure beside that of a baseline, both 0..1.

    difference  of the two, positive where the model is better
    """

    measure: str
    ours: float
    baseline: str
    theirs: float

    @property
    def difference(self) -> float:
        return self.ours - self.theirs

    @property
    def verdict(self) -> Verdict:
        return "better" if self.difference > 0 else "worse" if self.difference < 0 else "same"


def _ndcg(*baselines: str) -> tuple[Measure, ...]:
    return (Measure("ndcg", ("model",), {name: (name,) for name in baselines}),)


# The function that trains the models of each family, and whose reports say why it made none live.
TRAINED_BY: Mapping[str, str] = {
    "country": "train_coldstart",
    "global": "train_coldstart",
    "members": "train_members",
    "personal": "train_personal",
    "bots": "train_bot_detector",
    "topics": "train_topics",
}
# By family, the main measure first.
MEASURES: Mapping[str, Sequence[Measure]] = {
    "country": _ndcg("parent", "live", "decayed_popularity", "popularity", "random"),
    "global": _ndcg("decayed_popularity", "live", "popularity", "random"),
    "members": _ndcg("country", "live", "decayed_popularity"),
    "bots": tuple(
        Measure(name, ("ours", name), {"supervised": ("others", "supervised", name)})
        for name in ("roc_auc", "average_precision", "precision_at_budget")
    ),
    "topics": (
        Measure("f1", ("f1_heads",), {"phrases": ("f1_phrases",)}),
        Measure("f1_newer", ("newer_candidate",), {"live": ("newer_live",)}),
    ),
}


def figures(family: str, metrics: Mapping[str, Any]) -> list[Figure]:
    """The figures that the metrics have, the main one first; none for metrics that are not as trainings write them.

    >>> [(figure.baseline, figure.verdict) for figure in figures("members", {"model": 0.5, "country": 0.25})]
    [('country', 'better')]
    """
    compared = []
    for measure in MEASURES.get(family, ()):
        ours = _number(metrics, measure.ours)
        for name, path in measure.baselines.items():
            theirs = _number(metrics, path)
            if ours is not None and theirs is not None:
                compared.append(Figure(measure.name, ours, name, theirs))
    return compared


def listed(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Names and values of all metrics as texts, those in documents under the names of both: ("ours.roc_auc", "0.98").

    >>> listed({"weight": 0.5, "ours": {"budget": 3}})
    [('weight', '0.5'), ('ours.budget', '3')]
    """
    return [(name[:MAX_TEXT_LENGTH], value[:MAX_TEXT_LENGTH]) for name, value in _leaves(metrics, "")][:MAX_METRICS]


def _leaves(metrics: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for name, value in metrics.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", f"{value:.6g}" if isinstance(value, float) else str(value)


def _number(metrics: Any, path: Path) -> float | None:
    for name in path:
        metrics = metrics.get(name) if isinstance(metrics, Mapping) else None
    return as_number(metrics)
