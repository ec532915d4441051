"""Why a training made its model live, or why not: the figures that it compared, and what it had too little of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from console.figures import Figure
from shared.artifacts.training_outcomes import TrainingOutcome
from shared.ml.rates import Z_95
from shared.store.decoding import as_number

NDCG_BASELINES = ("live", "parent", "country", "decayed_popularity")
CHANCE_AUC = 0.5  # ROC AUC of scores that do not depend on who is a bot
NEEDED = ("engagements", "lists", "bots", "people", "gain")  # measures beside `…_needed`

Sentence = tuple[str, Mapping[str, object]]  # key and values


@dataclass(frozen=True, slots=True)
class Reasoned:
    """The outcome of a training, and why it came so.

    figures    of the new model, beside the live one and others
    sentences  about what there was too little of, and about differences
    """

    outcome: TrainingOutcome
    figures: Sequence[Figure]
    sentences: Sequence[Sentence]


def reasoned(outcome: TrainingOutcome) -> Reasoned:
    """The outcome with its reasons, as far as its measures tell them."""
    measures = outcome.measures
    figures = []
    if "ndcg_model" in measures:
        figures += [
            Figure("ndcg", measures["ndcg_model"], name, measures[f"ndcg_{name}"])
            for name in NDCG_BASELINES
            if f"ndcg_{name}" in measures
        ]
    elif "ndcg_live" in measures and "ndcg_parent" in measures:
        figures.append(Figure("ndcg", measures["ndcg_live"], "parent", measures["ndcg_parent"]))
    if "roc_auc" in measures:
        figures.append(Figure("roc_auc", measures["roc_auc"], "chance", CHANCE_AUC))
    if "newer_candidate" in measures and "newer_live" in measures:
        figures.append(Figure("f1_newer", measures["newer_candidate"], "live", measures["newer_live"]))
    sentences: list[Sentence] = [
        (f"trainings.short.{name}", {"found": _shown(measures.get(name, 0.0)), "needed": _shown(needed)})
        for name in NEEDED
        if (needed := measures.get(f"{name}_needed")) is not None and measures.get(name, 0.0) < needed
    ]
    if "auc_difference" in measures and "auc_error" in measures:
        values = {"difference": f"{measures['auc_difference']:+.4f}", "error": f"{measures['auc_error']:.4f}"}
        sentences.append(("trainings.auc", values))
    return Reasoned(outcome, figures, [*sentences, *gain(measures)])


def gain(measures: Mapping[str, Any]) -> list[Sentence]:
    """How much better a ranker is than what it builds on, with what chance alone could make of it."""
    gained, error, needed = (as_number(measures.get(name)) for name in ("gain", "gain_error", "gain_needed"))
    if gained is None:
        return []
    if error is not None:
        interval = Z_95 * error
        return [("trainings.gain", {"gain": f"{gained:+.4f}", "interval": f"{interval:.4f}"})]
    if needed is not None and gained >= needed:
        return [("trainings.gain_enough", {"gain": f"{gained:+.4f}", "needed": f"{needed:.4f}"})]
    return []


def _shown(value: float) -> str:
    """A number of things without decimals, a difference with four."""
    return f"{value:,.0f}" if value == int(value) else f"{value:.4f}"
