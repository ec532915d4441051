"""Training a challenger of the live bot detector; loads scikit-learn."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import sklearn

from functions.bots import evaluation
from functions.bots.detector import FINGERPRINT, Detector, probability
from functions.bots.labels import REPEATS, SPLITS, LabelledSet
from functions.bots.options import Bots
from functions.bots.reading_features import FEATURES
from shared.artifacts import Challenge, Manifest, outcome_of
from shared.columns import FloatArray
from shared.report import Detail

CHANCE_AUC: Final = 0.5  # ROC AUC of scores that do not depend on who is a bot

Metrics = Mapping[str, Any]


def challenge_live(
    challenge: Challenge, live: tuple[Detector, Manifest] | None, labelled: LabelledSet, options: Bots
) -> tuple[bool, dict[str, Detail]]:
    """Train a detector, and promote it if it separates bots from people better than chance and no worse than the live
    one; returns whether it was promoted, and details for the report.

    live  the detector that is live, with its manifest; None where there is none that may be used
    """
    detector, metrics, unseen = train(labelled, options)
    comparison = compare_with_live(live, detector, unseen, labelled) if live else {}
    promoted = metrics["ours"]["roc_auc"] > CHANCE_AUC and (
        comparison.get("auc_difference", 0.0) >= -options.max_loss_se * comparison.get("auc_error", 0.0)
    )
    frozen: dict[str, Detail] = {}
    if promoted:
        promoted = challenge.promote(
            detector.to_bytes(),
            window=labelled.span,
            features=FEATURES.names,
            fingerprint=FINGERPRINT,
            metrics={**metrics, **comparison},
            libraries={"numpy": np.__version__, "scikit-learn": sklearn.__version__},
            also={
                "dataset": labelled.ids,
                "model_classes": [[0, evaluation.BOT_CLASS], [1, evaluation.HUMAN_CLASS]],
                "evaluationReport": evaluation.report(unseen >= detector.limit, labelled.bot),
            },
        )
        frozen = {} if promoted else {"frozen": challenge.key}
    measures = {"roc_auc": float(metrics["ours"]["roc_auc"]), **labelled.counts(), **comparison}
    challenge.conclude(outcome_of(promoted, is_frozen=bool(frozen)), measures)
    ours = {name: round(float(value), 4) for name, value in metrics["ours"].items()}
    return promoted, {**ours, "threshold": round(detector.limit, 4), "promoted": int(promoted), **frozen}


def train(labelled: LabelledSet, options: Bots) -> tuple[Detector, Metrics, FloatArray]:
    """A detector, cross-validated metrics of it and of the baselines, and (n,) its cross-validated scores 0..1."""
    features, bot = labelled.features, labelled.bot
    ours = evaluation.out_of_fold(evaluation.one_class(options.explained_ratio), features, bot, SPLITS, REPEATS)
    slope, offset = evaluation.calibration(ours, bot)
    unseen = probability(-ours, slope, offset)
    detector = Detector(
        one_class_pca=evaluation.one_class_pca(features[bot], options.explained_ratio),
        slope=np.array([slope]),
        offset=np.array([offset]),
        threshold=np.array([evaluation.threshold_for(unseen, bot, options.precision_ratio, options.recall_ratio)]),
        people=np.quantile(features[~bot], [0.1, 0.5, 0.9], axis=0),
        bots=np.median(features[bot], axis=0),
    )
    baselines = {}
    for name, fit in evaluation.BASELINES.items():
        scores = evaluation.out_of_fold(fit, features, bot, SPLITS, 1)
        threshold = evaluation.threshold_for(scores, bot, options.precision_ratio, options.recall_ratio)
        baselines[name] = {
            **evaluation.metrics(scores, bot, options.daily_budget),
            **evaluation.report(scores >= threshold, bot),
        }
    metrics = {
        "ours": evaluation.metrics(ours, bot, options.daily_budget),
        "others": baselines,
        "threshold": detector.limit,
        "hyperparameters": {"splits": SPLITS, "repeats": REPEATS},
        **labelled.counts(),
    }
    return detector, metrics, unseen


def compare_with_live(
    live: tuple[Detector, Manifest], candidate: Detector, unseen: FloatArray, labelled: LabelledSet
) -> dict[str, float]:
    """ROC AUC of the candidate minus that of the live detector on the same rows, and the standard error of that.

    unseen  (n,) the candidate's cross-validated scores 0..1
    On rows that the live detector was trained on, the candidate is scored as trained on them too; on all other rows
    both are scored as if they had not seen them. So neither has an advantage.
    """
    detector, manifest = live
    trained_on = set(manifest.also["dataset"])
    in_both = np.array([label in trained_on for label in labelled.ids], bool)
    scores = np.where(in_both, candidate.scores(labelled.features), unseen)
    difference, error = evaluation.auc_difference(scores, detector.scores(labelled.features), labelled.bot)
    return {"auc_difference": difference, "auc_error": error}
