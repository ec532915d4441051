"""Bots: how well they are told from people whom nobody has judged, beside other methods; and extraction at scale.

The network's truth, which no function reads, says who is a bot.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score
from sklearn.preprocessing import RobustScaler

from benchmarks.floors import BOTS, Figure
from benchmarks.places import NOW, BenchDatabase, Tell, review_anew
from benchmarks.table import Sheet, told_met
from functions.bots import evaluation, flag_suspects, train_bot_detector
from functions.bots.detector import FAMILY, FINGERPRINT, KEY, Detector
from functions.bots.labels import LabelledSet
from functions.bots.reading_features import FEATURES
from shared.artifacts import Registry
from shared.columns import BoolArray, FloatArray, to_bson

FOUR = 4  # features of the contract come first
PRECISION = 0.9
PACE = ("gapLogStd", "gapBurstiness", "pauseRatio", "viewsPerHour", "hourSpread")
OURS = "ours, live"


@dataclass(frozen=True, slots=True)
class AuthorSeparation:
    """How well one method does on those whom nobody has judged, in one network."""

    seed: int
    method: str
    roc_auc: float
    average_precision: float
    recall: float


@dataclass(frozen=True, slots=True)
class DetectionResult:
    """What the live detector would put before the reviewers, of those whom nobody has judged."""

    seed: int
    judged: tuple[int, int]
    unjudged: tuple[int, int]
    flagged: int
    precision: float
    recall: float


def judge(place: BenchDatabase, tell: Tell) -> tuple[list[AuthorSeparation], DetectionResult | None]:
    """The live detector and others, learnt from the judged and asked about the rest.

    Nothing where too few are judged for a detector, or where the rest are all bots or all people: nobody can be told
    apart there.
    """
    tell(f"{place.size}, seed {place.seed}: bots")
    store, options = place.store, place.settings.options.bots
    review_anew(place, NOW)
    registry = Registry(store.analytics, place.settings.artifact_keys)
    report = train_bot_detector.run(store, registry, options, now=NOW)
    detector, _ = registry.load(FAMILY, KEY, FINGERPRINT, Detector.read)
    if detector is None:
        why = report.details.get("skipped", "none is better than a coin")
        tell(f"{place.size}, seed {place.seed}: no detector, {why}")
        return [], None
    truth = {row["seenCredential"]: row["isBot"] for row in place.truth.truth_credentials.find()}
    judged = LabelledSet.read(store, options, now=NOW)
    rows = flag_suspects.newest_of_each(store.credential_features.unjudged(FEATURES.names))
    features = flag_suspects.features_of(rows)
    bot = np.array([truth[one] for one in to_bson(rows["credential"])], bool)
    if bot.all() or not bot.any():
        tell(f"{place.size}, seed {place.seed}: nobody to tell apart among {len(bot)} unjudged")
        return [], None
    scores = {OURS: detector.scores(features)} | {
        name: fit(judged.features, judged.bot)(features) for name, fit in methods(options.explained_ratio).items()
    }
    found = [_told_apart(place.seed, name, score, bot) for name, score in scores.items()]
    above = scores[OURS] >= detector.limit
    caught = DetectionResult(
        place.seed,
        (int(judged.bot.sum()), int((~judged.bot).sum())),
        (int(bot.sum()), int((~bot).sum())),
        int(above.sum()),
        float(bot[above].mean()) if above.any() else 0.0,
        float(above[bot].mean()),
    )
    return found, caught


def methods(explained: float) -> dict[str, evaluation.Fit]:
    """What ours is compared with, each learning from the judged rows."""
    return {
        "ours, without what tells the pace": without(PACE, evaluation.one_class(explained)),
        "ours, of the contract's four features": without(FEATURES.names[FOUR:], evaluation.one_class(explained)),
        "plain one-class PCA, four features": four(plain_pca),
        "as the original: PCA(1) unscaled, four features": four(original_pca),
        "isolation forest": evaluation.isolation_forest,
        "ECOD": evaluation.ecod,
        "ECOD (pyod)": by_pyod("ecod", "ECOD"),
        "PCA (pyod)": by_pyod("pca", "PCA"),
        "supervised: logistic regression": evaluation.supervised,
        "supervised: random forest": random_forest,
        "supervised: random forest, four features": four(random_forest),
    }


def four(fit: evaluation.Fit) -> evaluation.Fit:
    """The same with the contract's features alone."""
    return lambda features, bot: _after(lambda some: some[:, :FOUR], fit(features[:, :FOUR], bot))


def without(names: Sequence[str], fit: evaluation.Fit) -> evaluation.Fit:
    """The same with these features hidden: everybody has the bots' median."""
    hidden = [FEATURES.names.index(name) for name in names]

    def learn(features: FloatArray, bot: BoolArray) -> Callable[[FloatArray], FloatArray]:
        usual = np.median(features[bot], axis=0)

        def covered(some: FloatArray) -> FloatArray:
            shown = some.copy()
            shown[:, hidden] = usual[hidden]
            return shown

        return _after(covered, fit(covered(features), bot))

    return learn


def plain_pca(features: FloatArray, bot: BoolArray) -> Callable[[FloatArray], FloatArray]:
    """Robust scaling, components for 0.95 of the variance, distance of the reconstruction and within the components."""
    scaler = RobustScaler().fit(features[bot])
    components = PCA(0.95, svd_solver="full").fit(scaler.transform(features[bot]))
    return lambda some: np.asarray(components.score_samples(scaler.transform(some)))


def original_pca(features: FloatArray, bot: BoolArray) -> Callable[[FloatArray], FloatArray]:
    """One component of unscaled features; how far a distance lies from the middle of the bots' distances."""
    components = PCA(1).fit(features[bot])

    def distance(some: FloatArray) -> FloatArray:
        return np.asarray(np.linalg.norm(some - components.inverse_transform(components.transform(some)), axis=1))

    of_bots = distance(features[bot])
    middle = (of_bots.min() + of_bots.max()) / 2
    return lambda some: -np.abs(distance(some) - middle)


def random_forest(features: FloatArray, bot: BoolArray) -> Callable[[FloatArray], FloatArray]:
    """500 trees, which learn from people too."""
    forest = RandomForestClassifier(500, random_state=0, n_jobs=2).fit(features, bot)
    return lambda some: np.asarray(forest.predict_proba(some)[:, 1])


def by_pyod(module: str, name: str) -> evaluation.Fit:
    """A detector of pyod with its defaults, fit on the bots."""

    def fit(features: FloatArray, bot: BoolArray) -> Callable[[FloatArray], FloatArray]:
        from importlib import import_module

        model = getattr(import_module(f"pyod.models.{module}"), name)()
        model.fit(features[bot])
        return lambda some: -np.asarray(model.decision_function(some))

    logging.getLogger("numba").setLevel(logging.WARNING)
    return fit


def _after(
    change: Callable[[FloatArray], FloatArray], score: Callable[[FloatArray], FloatArray]
) -> Callable[[FloatArray], FloatArray]:
    return lambda some: score(change(some))


def _told_apart(seed: int, method: str, scores: FloatArray, bot: BoolArray) -> AuthorSeparation:
    precision, recall, _ = precision_recall_curve(bot, scores)
    return AuthorSeparation(
        seed,
        method,
        float(roc_auc_score(bot, scores)),
        float(average_precision_score(bot, scores)),
        float(recall[precision >= PRECISION].max()),
    )


def figures(found: Sequence[AuthorSeparation]) -> dict[str, Figure]:
    """The worst network of the live detector, beside the floors."""
    ours = [one for one in found if one.method == OURS]
    if not ours:
        return {}
    return {
        "ROC AUC": Figure(min(one.roc_auc for one in ours), "AUC", BOTS["ROC AUC"], at_least=True),
        "recall": Figure(min(one.recall for one in ours), "recall", BOTS["recall"], at_least=True),
    }


def sheets(found: Sequence[AuthorSeparation], caught: Sequence[DetectionResult]) -> list[Sheet]:
    """Every method, means over the networks with the least and the most; and what the threshold makes of ours."""
    asked = figures(found)
    rows = []
    for method in dict.fromkeys(one.method for one in found):
        those = [one for one in found if one.method == method]
        told = [_spread([getattr(one, name) for one in those]) for name in ("roc_auc", "average_precision", "recall")]
        floors = ", ".join(one.floor_told for one in asked.values()) if method == OURS else ""
        rows.append((method, *told, floors, told_met(list(asked.values())) if method == OURS else ""))
    columns = ("method", "ROC AUC", "average precision", f"recall at precision {PRECISION}", "floor", "met")
    note = (
        "World M, hard bots, on those whom nobody has judged; mean over the seeds (least to most); floors: the worst. "
        "All learn from the same verdicts, the supervised ones from people too: where many people are judged, they are "
        "ahead, and on the contract's four features a random forest is far ahead. pyod's ECOD weighs those whom "
        "it scores together with those whom it has learnt from, so it finds the rarer kind, and that is the bots."
    )
    of_threshold = [
        (
            str(one.seed),
            f"{one.judged[0]} / {one.judged[1]}",
            f"{one.unjudged[0]} / {one.unjudged[1]}",
            str(one.flagged),
            f"{one.precision:.3f}",
            f"{one.recall:.3f}",
        )
        for one in caught
    ]
    heads = ("seed", "judged, bots / people", "the rest, bots / people", "above the threshold", "precision", "recall")
    return [
        Sheet("Bots told from people", columns, rows, note),
        Sheet("What the live threshold flags", heads, of_threshold, "The threshold was chosen on verdicts alone."),
    ]


def _spread(values: Sequence[float]) -> str:
    return f"{np.mean(values):.3f} ({min(values):.3f} - {max(values):.3f})"
