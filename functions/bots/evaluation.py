"""Fitting the detector, baselines to compare it with, and metrics on features that a model was not fitted on.

Throughout, `features` is (n, k), `bot` (n,) is true for bots, and `scores` are (n,), higher = more like a bot.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, classification_report, precision_recall_curve, roc_auc_score
from sklearn.model_selection import RepeatedStratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import RobustScaler

from functions.bots.detector import OneClassPca, log_distance, one_sided, scale_features
from shared.columns import BoolArray, FloatArray

Score = Callable[[FloatArray], FloatArray]  # (n, k) features to (n,) scores
Fit = Callable[[FloatArray, BoolArray], Score]  # learns from features and which of them are bots'

BOT_CLASS, HUMAN_CLASS = "bot_class", "human_class"
SPREAD_PERCENTILES: Final = (5.0, 95.0)  # of the bots; the distance between them is one spread
MIN_VARIANCE: Final = 0.01  # added to the bots' variance in every direction [squared bot spreads]
SEED: Final = 0


def one_class_pca(bots: FloatArray, explained: float) -> OneClassPca:
    """Fit the distance from bots.

    bots       (n, k) features of bots
    explained  part of their variance that the principal components explain, 0..1; it decides how many there are
    """
    scaler = RobustScaler(quantile_range=SPREAD_PERCENTILES).fit(np.log1p(bots))
    centre, scale = np.asarray(scaler.center_), np.asarray(scaler.scale_)
    scaled = one_sided(scale_features(bots, centre, scale))
    with np.errstate(invalid="ignore"):  # equal bots have no variance at all: the explained part is 0 / 0
        components = PCA(min(max(explained, 1e-6), 1 - 1e-6), svd_solver="full").fit(scaled)
    # A few dozen bots do not show every direction in which bots differ: each direction gets a minimum of variance.
    precision = np.linalg.inv(components.get_covariance() + np.eye(scaled.shape[1]) * MIN_VARIANCE)
    return OneClassPca(centre, scale, np.asarray(components.mean_), np.asarray((precision + precision.T) / 2))


def one_class(explained: float) -> Fit:
    """The detector in use; `explained` as for `one_class_pca`."""

    def fit(features: FloatArray, bot: BoolArray) -> Score:
        model = one_class_pca(features[bot], explained)
        return lambda unseen: -log_distance(model.squared_mahalanobis(unseen))

    return fit


def supervised(features: FloatArray, bot: BoolArray) -> Score:
    """Two-class baseline: logistic regression, which learns from people too; where it is far ahead, there are enough
    labels for a supervised method.

    features  (n, k)
    bot       (n,) whether each row is of a bot
    """
    model = make_pipeline(RobustScaler(), LogisticRegression(max_iter=1_000)).fit(np.log1p(features), bot)
    return lambda unseen: np.asarray(model.decision_function(np.log1p(unseen)))


BASELINES: Final[dict[str, Fit]] = {"supervised": supervised}


def out_of_fold(fit: Fit, features: FloatArray, bot: BoolArray, splits: int, repeats: int) -> FloatArray:
    """(n,) cross-validated scores: each row is scored by models fitted without it, the mean over all repeats.

    features  (n, k)
    bot       (n,) whether each row is of a bot
    """
    total, times = np.zeros(len(features)), max(repeats, 1)
    for train, test in folds(bot, splits, times):
        total[test] += fit(features[train], bot[train])(features[test])
    return total / times


def folds(bot: BoolArray, splits: int, repeats: int) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """(n_train,) indices of training rows and (n_test,) of test rows, stratified; each row is a test row once in every
    repeat, and no fold lacks a class. With few of one class there are fewer folds than `splits`, at least two.

    bot  (n,) whether each row is of a bot
    """
    n_splits = max(min(splits, int(bot.sum()), int((~bot).sum())), 2)
    stratified = RepeatedStratifiedKFold(n_splits=n_splits, n_repeats=repeats, random_state=SEED)
    yield from stratified.split(np.zeros(len(bot)), bot)


def metrics(scores: FloatArray, bot: BoolArray, budget: int) -> dict[str, float]:
    """ROC AUC, average precision and precision at `budget`, each 0..1, and the budget that was used: at most as many
    credentials as there are bots.

    scores  (n,) higher is more suspicious
    bot     (n,) whether each credential is one
    """
    top = np.argsort(-scores, kind="stable")[: max(min(budget, int(bot.sum())), 1)]
    return {
        "roc_auc": float(roc_auc_score(bot, scores)),
        "average_precision": float(average_precision_score(bot, scores)),
        "precision_at_budget": float(bot[top].mean()),
        "budget": len(top),
    }


def report(flagged: BoolArray, bot: BoolArray) -> dict[str, float]:
    """Precision, recall, F1 and support of each class as the artifact keeps them, in one flat map:
    `bot_class_precision`, `accuracy`, `macro_avg_f1-score` and so on.

    flagged  (n,) true for credentials that a detector calls bots
    bot      (n,) whether each credential is one
    """
    by_class = classification_report(
        ~bot, ~flagged, labels=[False, True], target_names=[BOT_CLASS, HUMAN_CLASS], output_dict=True, zero_division=0.0
    )
    flat: dict[str, float] = {}
    for name, value in by_class.items():
        if isinstance(value, dict):
            flat |= {f"{name}_{metric}".replace(" ", "_"): float(number) for metric, number in value.items()}
        else:
            flat[name] = float(value)
    return flat


def threshold_for(scores: FloatArray, bot: BoolArray, precision: float, recall: float) -> float:
    """The score from which on a credential is a suspect: the highest threshold with that recall, or the lowest above
    it with that precision; above all scores where none has that precision.

    scores             (n,) higher is more suspicious
    bot                (n,) whether each credential is one
    precision, recall  0..1
    """
    by_recall = float(np.quantile(scores[bot], 1 - recall))
    precisions, _, thresholds = precision_recall_curve(bot, scores)
    precise_enough = thresholds[(precisions[:-1] >= precision) & (thresholds >= by_recall)]
    return float(precise_enough.min()) if len(precise_enough) else float(scores.max()) + 1.0


def calibration(scores: FloatArray, bot: BoolArray) -> tuple[float, float]:
    """Slope and offset of the logistic curve that gives the probability of a bot for a negated score (Platt scaling,
    1999); the slope is below 0.

    scores  (n,) higher is more suspicious
    bot     (n,) whether each credential is one
    """
    model = LogisticRegression(C=1e3, max_iter=1_000).fit(-scores[:, None], bot)
    return min(float(model.coef_[0, 0]), -1e-3), float(model.intercept_[0])


def auc_difference(challenger: FloatArray, live: FloatArray, bot: BoolArray) -> tuple[float, float]:
    """ROC AUC of the challenger's scores minus that of the live model's on the same rows, and the standard error of the
    difference (DeLong et al., 1988).

    challenger, live  (n,) scores, higher is more suspicious
    bot               (n,) whether each credential is one
    """
    placements = [_placements(scores, bot) for scores in (challenger, live)]
    of_bots, of_people = placements[0][0] - placements[1][0], placements[0][1] - placements[1][1]
    error = np.sqrt(of_bots.var(ddof=1) / len(of_bots) + of_people.var(ddof=1) / len(of_people))
    return float(of_bots.mean()), float(error)


def _placements(scores: FloatArray, bot: BoolArray) -> tuple[FloatArray, FloatArray]:
    """(n_bots,) part of the people who score below each bot, and (n_people,) part of the bots that score above each
    person, 0..1; ties count half."""
    bots, people = np.sort(scores[bot]), np.sort(scores[~bot])

    def below(values: FloatArray, among: FloatArray) -> FloatArray:
        return np.asarray(
            (np.searchsorted(among, values, "left") + np.searchsorted(among, values, "right")) / 2 / len(among)
        )

    return below(scores[bot], people), 1 - below(scores[~bot], bots)
