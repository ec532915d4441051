"""Bot detection on unreviewed credentials, by the live detector and by other methods.

The world's truth, which no function reads, says which credentials are bots.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest, RandomForestClassifier
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score
from sklearn.preprocessing import RobustScaler

from benchmarks.bench_database import NOW, BenchDatabase, Tell, review_anew
from benchmarks.floors import BOTS, Figure
from benchmarks.table import Sheet, yes_or_no
from functions.bots import evaluation, flag_suspects, train_bot_detector
from functions.bots.detector import FAMILY, FINGERPRINT, KEY, Detector
from functions.bots.labels import LabelledSet
from functions.bots.options import Bots
from functions.bots.reading_features import FEATURES
from functions.bots.store.credential_features import CredentialFeatures
from shared.artifacts import Registry
from shared.columns import BoolArray, FloatArray, to_bson

N_CONTRACT_FEATURES = 4  # which come first
PRECISION = 0.9  # at which recall is measured
PACE_FEATURES = ("gapLogStd", "gapBurstiness", "pauseRatio", "viewsPerHour", "hourSpread")
OURS = "ours, live"


@dataclass(frozen=True, slots=True)
class MethodResult:
    """How well one method separates bots from people among the unreviewed credentials of one network, all 0..1."""

    seed: int
    method: str
    roc_auc: float
    average_precision: float
    recall: float


@dataclass(frozen=True, slots=True)
class DetectionResult:
    """What the live detector would put before the reviewers of one network.

    judged, unjudged  (bots, people) among reviewed and unreviewed credentials [count]
    flagged           unreviewed credentials above the threshold [count]
    precision, recall  of the flagged ones, 0..1
    """

    seed: int
    judged: tuple[int, int]
    unjudged: tuple[int, int]
    flagged: int
    precision: float
    recall: float


def evaluate(bench: BenchDatabase, tell: Tell) -> tuple[list[MethodResult], DetectionResult | None]:
    """Train every method on the reviewed credentials of a network, and measure it on the unreviewed ones.

    Returns nothing where too few are reviewed for a detector, or where all the others are bots or all are people.
    """
    tell(f"{bench.size}, seed {bench.seed}: bots")
    store, options = bench.store, bench.settings.options.of(Bots)
    review_anew(bench, NOW)
    registry = Registry(store.analytics, bench.settings.artifact_keys)
    report = train_bot_detector.run(store, registry, options, now=NOW)
    detector, _ = registry.load(FAMILY, KEY, FINGERPRINT, Detector.read)
    if detector is None:
        reason = report.details.get("skipped", "none is better than a coin")
        tell(f"{bench.size}, seed {bench.seed}: no detector, {reason}")
        return [], None
    truth = {row["seenCredential"]: row["isBot"] for row in bench.truth.truth_credentials.find()}
    labelled = LabelledSet.read(store, options, now=NOW)
    rows = flag_suspects.newest_of_each(CredentialFeatures(store).unjudged(FEATURES.names, options))
    features = flag_suspects.features_of(rows)
    bot = np.array([truth[credential] for credential in to_bson(rows["credential"])], bool)
    if bot.all() or not bot.any():
        tell(f"{bench.size}, seed {bench.seed}: nobody to tell apart among {len(bot)} unjudged")
        return [], None
    scores = {OURS: detector.scores(features)} | {
        name: fit(labelled.features, labelled.bot)(features) for name, fit in methods(options.explained_ratio).items()
    }
    results = [_result(bench.seed, name, score, bot) for name, score in scores.items()]
    above = scores[OURS] >= detector.limit
    detection = DetectionResult(
        bench.seed,
        (int(labelled.bot.sum()), int((~labelled.bot).sum())),
        (int(bot.sum()), int((~bot).sum())),
        int(above.sum()),
        float(bot[above].mean()) if above.any() else 0.0,
        float(above[bot].mean()),
    )
    return results, detection


def methods(explained: float) -> dict[str, evaluation.Fit]:
    """The methods that ours is compared with, by name; each learns from the reviewed credentials."""
    return {
        "ours, without what tells the pace": without(PACE_FEATURES, evaluation.one_class(explained)),
        "ours, of the contract's four features": without(
            FEATURES.names[N_CONTRACT_FEATURES:], evaluation.one_class(explained)
        ),
        "plain one-class PCA, four features": with_contract_features(plain_pca),
        "as the original: PCA(1) unscaled, four features": with_contract_features(original_pca),
        "isolation forest": isolation_forest,
        "ECOD (pyod)": each_alone(by_pyod("ecod", "ECOD")),
        "PCA (pyod)": by_pyod("pca", "PCA"),
        "supervised: logistic regression": evaluation.supervised,
        "supervised: random forest": random_forest,
        "supervised: random forest, four features": with_contract_features(random_forest),
    }


def with_contract_features(fit: evaluation.Fit) -> evaluation.Fit:
    """The same method with the contract's four features alone."""
    return lambda features, bot: _after(
        lambda unseen: unseen[:, :N_CONTRACT_FEATURES], fit(features[:, :N_CONTRACT_FEATURES], bot)
    )


def without(names: Sequence[str], fit: evaluation.Fit) -> evaluation.Fit:
    """The same method with these features hidden: each is replaced by the bots' median."""
    hidden = [FEATURES.names.index(name) for name in names]

    def learn(features: FloatArray, bot: BoolArray) -> Callable[[FloatArray], FloatArray]:
        median = np.median(features[bot], axis=0)

        def hide(unseen: FloatArray) -> FloatArray:
            replaced = unseen.copy()
            replaced[:, hidden] = median[hidden]
            return replaced

        return _after(hide, fit(hide(features), bot))

    return learn


def plain_pca(features: FloatArray, bot: BoolArray) -> Callable[[FloatArray], FloatArray]:
    """Robust scaling, then the log-likelihood of a probabilistic PCA with components for 0.95 of the variance."""
    scaler = RobustScaler().fit(features[bot])
    components = PCA(0.95, svd_solver="full").fit(scaler.transform(features[bot]))
    return lambda unseen: np.asarray(components.score_samples(scaler.transform(unseen)))


def original_pca(features: FloatArray, bot: BoolArray) -> Callable[[FloatArray], FloatArray]:
    """Reconstruction error with one component of unscaled features; a bot's lies near the middle of the bots' range."""
    components = PCA(1).fit(features[bot])

    def distance(rows: FloatArray) -> FloatArray:
        return np.asarray(np.linalg.norm(rows - components.inverse_transform(components.transform(rows)), axis=1))

    of_bots = distance(features[bot])
    middle = (of_bots.min() + of_bots.max()) / 2
    return lambda unseen: -np.abs(distance(unseen) - middle)


def isolation_forest(features: FloatArray, bot: BoolArray) -> Callable[[FloatArray], FloatArray]:
    """A one-class method: the number of random cuts that separate a credential from the bots."""
    forest = IsolationForest(n_estimators=50, random_state=evaluation.SEED).fit(features[bot])
    return lambda unseen: np.asarray(forest.score_samples(unseen))


def random_forest(features: FloatArray, bot: BoolArray) -> Callable[[FloatArray], FloatArray]:
    """A supervised method, 500 trees: it learns from people too."""
    forest = RandomForestClassifier(500, random_state=0, n_jobs=2).fit(features, bot)
    return lambda unseen: np.asarray(forest.predict_proba(unseen)[:, 1])


def by_pyod(module: str, name: str) -> evaluation.Fit:
    """A detector of pyod with its defaults, fit on the bots."""

    def fit(features: FloatArray, bot: BoolArray) -> Callable[[FloatArray], FloatArray]:
        from importlib import import_module

        model = getattr(import_module(f"pyod.models.{module}"), name)()
        model.fit(features[bot])
        return lambda unseen: -np.asarray(model.decision_function(unseen))

    logging.getLogger("numba").setLevel(logging.WARNING)
    return fit


def each_alone(fit: evaluation.Fit) -> evaluation.Fit:
    """The same method for a model that compares the rows that it scores with each other: each row is scored alone."""

    def learn(features: FloatArray, bot: BoolArray) -> Callable[[FloatArray], FloatArray]:
        score = fit(features, bot)
        return lambda unseen: np.concatenate([score(row[np.newaxis]) for row in unseen])

    return learn


def _after(
    change: Callable[[FloatArray], FloatArray], score: Callable[[FloatArray], FloatArray]
) -> Callable[[FloatArray], FloatArray]:
    """(n,) scores of (n, n_features) features, which are changed first."""
    return lambda unseen: score(change(unseen))


def _result(seed: int, method: str, scores: FloatArray, bot: BoolArray) -> MethodResult:
    precision, recall, _ = precision_recall_curve(bot, scores)
    return MethodResult(
        seed,
        method,
        float(roc_auc_score(bot, scores)),
        float(average_precision_score(bot, scores)),
        float(recall[precision >= PRECISION].max()),
    )


def figures(results: Sequence[MethodResult]) -> dict[str, Figure]:
    """The live detector on the network where it is worst, beside the floors."""
    ours = [result for result in results if result.method == OURS]
    if not ours:
        return {}
    return {
        "ROC AUC": Figure(min(result.roc_auc for result in ours), "AUC", BOTS["ROC AUC"], at_least=True),
        "recall": Figure(min(result.recall for result in ours), "recall", BOTS["recall"], at_least=True),
    }


def sheets(results: Sequence[MethodResult], detections: Sequence[DetectionResult]) -> list[Sheet]:
    """Every method, means over the networks with lowest and highest; and what the live threshold flags."""
    with_floors = figures(results)
    rows = []
    for method in dict.fromkeys(result.method for result in results):
        by_seed = [result for result in results if result.method == method]
        measures = ("roc_auc", "average_precision", "recall")
        means = [_mean_and_range([getattr(result, name) for result in by_seed]) for name in measures]
        floors = ", ".join(figure.floor_text for figure in with_floors.values()) if method == OURS else ""
        rows.append((method, *means, floors, yes_or_no(list(with_floors.values())) if method == OURS else ""))
    columns = ("method", "ROC AUC", "average precision", f"recall at precision {PRECISION}", "floor", "met")
    note = (
        "World M, hard bots, on those whom nobody has judged; mean over the seeds (least to most); floors: the worst. "
        "All learn from the same verdicts, the supervised ones from people too: where many people are judged, they are "
        "ahead, and on the contract's four features a random forest is far ahead."
    )
    of_threshold = [
        (
            str(detection.seed),
            f"{detection.judged[0]} / {detection.judged[1]}",
            f"{detection.unjudged[0]} / {detection.unjudged[1]}",
            str(detection.flagged),
            f"{detection.precision:.3f}",
            f"{detection.recall:.3f}",
        )
        for detection in detections
    ]
    heads = ("seed", "judged, bots / people", "the rest, bots / people", "above the threshold", "precision", "recall")
    return [
        Sheet("Bots told from people", columns, rows, note),
        Sheet("What the live threshold flags", heads, of_threshold, "The threshold was chosen on verdicts alone."),
    ]


def _mean_and_range(values: Sequence[float]) -> str:
    return f"{np.mean(values):.3f} ({min(values):.3f} - {max(values):.3f})"
