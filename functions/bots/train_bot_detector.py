"""Train the bot detector on the credentials that reviewers have labelled."""

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import numpy as np
import sklearn

from functions.bots import evaluation
from functions.bots.detector import FAMILY, FINGERPRINT, KEY, Detector, probability
from functions.bots.labels import LabelledSet, insufficient_labels
from functions.bots.reading_features import FEATURES
from shared.artifacts import Artifact, Manifest, Registry
from shared.columns import FloatArray
from shared.config import Bots
from shared.report import Report
from shared.store import Store
from shared.store.decoding import as_document

NAME: Final = "train_bot_detector"

CHANCE_AUC: Final = 0.5  # ROC AUC of scores that do not depend on who is a bot

Metrics = Mapping[str, Any]


def run(store: Store, registry: Registry, options: Bots, *, now: datetime) -> Report:
    """Train when a label, an option or the features changed; promote the detector if it separates bots from people
    better than chance and no worse than the live one.

    Safe to repeat: the same labels give the same detector. With too few labelled bots or people nothing is trained, and
    the report says how many are missing.
    """
    with store.leases.hold(NAME):
        trained_on = training_signature(store, options, now)
        instead_of = registry.live_version(FAMILY, KEY)
        live, refused = registry.load(FAMILY, KEY, FINGERPRINT, _with_manifest)
        if live and not refused and store.watermarks.cursor(NAME, as_document) == trained_on:
            return Report(details={"skipped": "no label changed"})
        labelled = LabelledSet.read(store, options, now=now)
        if reason := insufficient_labels(labelled, options):
            return Report(len(labelled), details={"skipped": reason, **labelled.counts()})

        detector, metrics, unseen = train(labelled, options)
        comparison = compare_with_live(live, detector, unseen, labelled) if live else {}
        promoted = metrics["ours"]["roc_auc"] > CHANCE_AUC and (
            comparison.get("auc_difference", 0.0) >= -options.margin * comparison.get("auc_error", 0.0)
        )
        if promoted:
            also = {
                "dataset": labelled.ids,
                "model_classes": [[0, evaluation.BOT_CLASS], [1, evaluation.HUMAN_CLASS]],
                "evaluationReport": evaluation.report(unseen >= detector.limit, labelled.bot),
            }
            manifest = manifest_of(labelled, {**metrics, **comparison}, also, now)
            registry.add(Artifact(manifest, detector.to_bytes()))
            registry.promote(FAMILY, KEY, manifest.version, instead_of=instead_of, at=now)
        # Also when the detector was not promoted: the same labels would only give the same one again.
        store.watermarks.move(NAME, trained_on, now=now)
    ours = {name: round(float(value), 4) for name, value in metrics["ours"].items()}
    details = {**labelled.counts(), **ours, "threshold": round(detector.limit, 4), "promoted": int(promoted)}
    return Report(len(labelled), int(promoted), details={**details, "refused": len(refused)})


def _with_manifest(artifact: Artifact) -> tuple[Detector, Manifest]:
    return Detector.read(artifact), artifact.manifest


def training_signature(store: Store, options: Bots, now: datetime) -> dict[str, Any]:
    """Everything that a detector depends on: training again with the same signature gives the same detector."""
    labels = store.credential_features.labels(FEATURES.names, now=now)
    return {
        "labels": labels.count,
        "until": labels.until and labels.until.isoformat(),
        "which": labels.fingerprint,
        "options": list(map(str, dataclasses.astuple(options))),
        "fingerprint": FINGERPRINT,
    }


def train(labelled: LabelledSet, options: Bots) -> tuple[Detector, Metrics, FloatArray]:
    """A detector, cross-validated metrics of it and of the baselines, and (n,) its cross-validated scores 0..1."""
    features, bot = labelled.features, labelled.bot
    ours = evaluation.out_of_fold(
        evaluation.one_class(options.explained_ratio), features, bot, options.splits, options.repeats
    )
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
        scores = evaluation.out_of_fold(fit, features, bot, options.splits, 1)
        threshold = evaluation.threshold_for(scores, bot, options.precision_ratio, options.recall_ratio)
        baselines[name] = {
            **evaluation.metrics(scores, bot, options.daily_budget),
            **evaluation.report(scores >= threshold, bot),
        }
    metrics = {
        "ours": evaluation.metrics(ours, bot, options.daily_budget),
        "others": baselines,
        "threshold": detector.limit,
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


def manifest_of(labelled: LabelledSet, metrics: Metrics, also: Mapping[str, Any], now: datetime) -> Manifest:
    """The manifest of the detector that this run trained."""
    return Manifest(
        family=FAMILY,
        key=KEY,
        version=f"{now:%Y%m%dT%H%M%SZ}",
        trained_at=now,
        window=labelled.span,
        features=FEATURES.names,
        fingerprint=FINGERPRINT,
        metrics=metrics,
        libraries={"numpy": np.__version__, "scikit-learn": sklearn.__version__},
        also=also,
    )
