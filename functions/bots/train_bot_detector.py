"""A detector of bots, from what people have judged."""

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import numpy as np
import sklearn

from functions.bots import evaluation
from functions.bots.detector import FAMILY, FINGERPRINT, KEY, Detector, probability
from functions.bots.labels import LabelledSet, missing
from functions.bots.reading_features import FEATURES
from shared.artifacts import Artifact, Manifest, Registry
from shared.columns import FloatArray
from shared.config import Bots
from shared.report import Report
from shared.store import Store
from shared.store.decoding import as_document

NAME: Final = "train_bot_detector"

CHANCE_AUC: Final = 0.5  # ROC AUC of what tells nobody apart

Metrics = Mapping[str, Any]


def run(store: Store, registry: Registry, options: Bots, *, now: datetime) -> Report:
    """Train when a label, an option or the features changed, and make live what tells bots from people, no worse
    than what is live.

    Safe to repeat: the same labels give the same detector. With too few bots or people among them nothing is trained,
    and the report says what is missing.
    """
    with store.leases.hold(NAME):
        trained_on = training_signature(store, options, now)
        instead_of = registry.live_version(FAMILY, KEY)
        live, refused = registry.load(FAMILY, KEY, FINGERPRINT, lambda one: (Detector.read(one), one.manifest))
        if live and not refused and store.watermarks.cursor(NAME, as_document) == trained_on:
            return Report(details={"skipped": "no label changed"})
        judged = LabelledSet.read(store, options, now=now)
        if lacking := missing(judged, options):
            return Report(len(judged), details={"skipped": lacking, **judged.counts()})

        detector, metrics, unseen = learn(judged, options)
        beside = compare_with_live(live, detector, unseen, judged) if live else {}
        better = metrics["ours"]["roc_auc"] > CHANCE_AUC and (
            beside.get("auc_difference", 0.0) >= -options.margin * beside.get("auc_error", 0.0)
        )
        if better:
            also = {
                "dataset": judged.ids,
                "model_classes": [[0, evaluation.BOT_CLASS], [1, evaluation.HUMAN_CLASS]],
                "evaluationReport": evaluation.report(unseen >= detector.limit, judged.bot),
            }
            manifest = manifest_of(judged, {**metrics, **beside}, also, now)
            registry.add(Artifact(manifest, detector.to_bytes()))
            registry.promote(FAMILY, KEY, manifest.version, instead_of=instead_of, at=now)
        store.watermarks.move(NAME, trained_on, now=now)  # a candidate that was refused need not be made again either
    ours = {name: round(float(value), 4) for name, value in metrics["ours"].items()}
    details = {**judged.counts(), **ours, "threshold": round(detector.limit, 4), "promoted": int(better)}
    return Report(len(judged), int(better), details={**details, "refused": len(refused)})


def training_signature(store: Store, options: Bots, now: datetime) -> dict[str, Any]:
    """What a detector depends on: where that is the same, a run makes the same again."""
    labels = store.credential_features.labels(FEATURES.names, now=now)
    return {
        "labels": labels.count,
        "until": labels.until and labels.until.isoformat(),
        "which": labels.fingerprint,
        "options": list(map(str, dataclasses.astuple(options))),
        "fingerprint": FINGERPRINT,
    }


def learn(judged: LabelledSet, options: Bots) -> tuple[Detector, Metrics, FloatArray]:
    """A detector, how well it and others do on what they have not seen, and (n,) its scores as if unseen."""
    features, bot = judged.features, judged.bot
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
    others = {}
    for name, fit in evaluation.OTHERS.items():
        scores = evaluation.out_of_fold(fit, features, bot, options.splits, 1)
        limit = evaluation.threshold_for(scores, bot, options.precision_ratio, options.recall_ratio)
        others[name] = {
            **evaluation.metrics(scores, bot, options.daily_budget),
            **evaluation.report(scores >= limit, bot),
        }
    metrics = {
        "ours": evaluation.metrics(ours, bot, options.daily_budget),
        "others": others,
        "threshold": detector.limit,
        **judged.counts(),
    }
    return detector, metrics, unseen


def compare_with_live(
    live: tuple[Detector, Manifest], candidate: Detector, unseen: FloatArray, judged: LabelledSet
) -> dict[str, float]:
    """By how much the candidate's ROC AUC is above the live detector's on the same rows, and the standard error.

    unseen  (n,) the candidate's scores as if it had not seen the row
    What the live one has learnt from, both have seen; of the rest, neither has. So the comparison favours nobody.
    """
    detector, manifest = live
    learnt = set(manifest.also["dataset"])
    seen_by_both = np.array([one in learnt for one in judged.ids], bool)
    scores = np.where(seen_by_both, candidate.scores(judged.features), unseen)
    difference, error = evaluation.auc_difference(scores, detector.scores(judged.features), judged.bot)
    return {"auc_difference": difference, "auc_error": error}


def manifest_of(judged: LabelledSet, metrics: Metrics, also: Mapping[str, Any], now: datetime) -> Manifest:
    """Of the detector that this run made."""
    return Manifest(
        family=FAMILY,
        key=KEY,
        version=f"{now:%Y%m%dT%H%M%SZ}",
        trained_at=now,
        window=judged.span,
        features=FEATURES.names,
        fingerprint=FINGERPRINT,
        metrics=metrics,
        libraries={"numpy": np.__version__, "scikit-learn": sklearn.__version__},
        also=also,
    )
