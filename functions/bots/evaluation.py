"""How well detectors tell bots from people, on features that none of them has learnt from; and the others beside ours.

Every one gives (n,) scores, higher is more like a bot. `bot` (n,) says who is one.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, classification_report, precision_recall_curve, roc_auc_score
from sklearn.model_selection import RepeatedStratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import RobustScaler

from functions.bots.detector import OneClassPca, log_distance, one_sided, scaled_by
from shared.columns import BoolArray, FloatArray

Fit = Callable[
    [FloatArray, BoolArray], Callable[[FloatArray], FloatArray]
]  # learns from features and who is a bot; gives a score

BOT_CLASS, HUMAN_CLASS = "bot_class", "human_class"
SPREAD_OF: Final = (5.0, 95.0)  # percentiles of the bots that make one spread
MIN_VARIANCE: Final = 0.01  # of the bots in any direction, in squared spreads
SEED: Final = 0


def one_class_pca(bots: FloatArray, explained: float) -> OneClassPca:
    """What bots (n, k) look like; of their principal components as many as explain that part of the variance."""
    scaler = RobustScaler(quantile_range=SPREAD_OF).fit(np.log1p(bots))
    centre, scale = np.asarray(scaler.center_), np.asarray(scaler.scale_)
    scaled = one_sided(scaled_by(bots, centre, scale))
    with np.errstate(invalid="ignore"):  # bots that are all the same vary in no direction, and leave 0 of 0 explained
        components = PCA(min(max(explained, 1e-6), 1 - 1e-6), svd_solver="full").fit(scaled)
    # A few dozen bots do not know every direction in which bots differ: each gets some room.
    precision = np.linalg.inv(components.get_covariance() + np.eye(scaled.shape[1]) * MIN_VARIANCE)
    return OneClassPca(centre, scale, np.asarray(components.mean_), np.asarray((precision + precision.T) / 2))


def one_class(explained: float) -> Fit:
    """Ours."""

    def fit(features: FloatArray, bot: BoolArray) -> Callable[[FloatArray], FloatArray]:
        learnt = one_class_pca(features[bot], explained)
        return lambda others: -log_distance(learnt.squared_mahalanobis(others))

    return fit


def isolation_forest(features: FloatArray, bot: BoolArray) -> Callable[[FloatArray], FloatArray]:
    """One-class too: how hard it is to set somebody apart from bots by random cuts."""
    forest = IsolationForest(n_estimators=50, random_state=SEED).fit(features[bot])
    return lambda others: np.asarray(forest.score_samples(others))


def ecod(features: FloatArray, bot: BoolArray) -> Callable[[FloatArray], FloatArray]:
    """One-class too: how far somebody is in the tails of each of the bots' features (Li et al., "ECOD", 2022).

    Fit on the bots: a value's tail is the part of them that lies as far out; of left, right and the side to which they
    are skewed, the rarest counts.
    """
    ordered = np.sort(features[bot], axis=0)
    n = len(ordered)
    skewed_left = _skewness(ordered) < 0

    def score(others: FloatArray) -> FloatArray:
        left = np.stack(
            [np.searchsorted(ordered[:, k], others[:, k], "right") for k in range(ordered.shape[1])], axis=1
        )
        right = np.stack(
            [n - np.searchsorted(ordered[:, k], others[:, k], "left") for k in range(ordered.shape[1])], axis=1
        )
        tails = [-np.log(np.maximum(one, 0.5) / n) for one in (left, right)]
        skewed = np.where(skewed_left, tails[0], tails[1])
        return np.asarray(-np.maximum.reduce([tails[0].sum(axis=1), tails[1].sum(axis=1), skewed.sum(axis=1)]))

    return score


def supervised(features: FloatArray, bot: BoolArray) -> Callable[[FloatArray], FloatArray]:
    """Logistic regression, which learns from people too."""
    model = make_pipeline(RobustScaler(), LogisticRegression(max_iter=1_000)).fit(np.log1p(features), bot)
    return lambda others: np.asarray(model.decision_function(np.log1p(others)))


OTHERS: Final[dict[str, Fit]] = {"isolation forest": isolation_forest, "ECOD": ecod, "supervised": supervised}


def out_of_fold(fit: Fit, features: FloatArray, bot: BoolArray, splits: int, repeats: int) -> FloatArray:
    """(n,) scores of everybody by models that learnt from others: the mean over repeated, stratified splits."""
    total, times = np.zeros(len(features)), max(repeats, 1)
    for learnt, rest in folds(bot, splits, times):
        total[rest] += fit(features[learnt], bot[learnt])(features[rest])
    return total / times


def folds(bot: BoolArray, splits: int, repeats: int) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """Rows to learn from and rows to judge by; each row is judged once in every repeat, and no fold lacks a class."""
    parts = max(min(splits, int(bot.sum()), int((~bot).sum())), 2)
    drawn = RepeatedStratifiedKFold(n_splits=parts, n_repeats=repeats, random_state=SEED)
    yield from drawn.split(np.zeros(len(bot)), bot)


def metrics(scores: FloatArray, bot: BoolArray, budget: int) -> dict[str, float]:
    """ROC AUC, average precision, and precision among the first of a budget that is no larger than the bots are."""
    first = np.argsort(-scores, kind="stable")[: max(min(budget, int(bot.sum())), 1)]
    return {
        "roc_auc": float(roc_auc_score(bot, scores)),
        "average_precision": float(average_precision_score(bot, scores)),
        "precision_at_budget": float(bot[first].mean()),
        "budget": len(first),
    }


def report(flagged: BoolArray, bot: BoolArray) -> dict[str, float]:
    """The flat map of the original: `bot_class_precision`, `accuracy`, `macro_avg_f1-score` and so on."""
    found = classification_report(
        ~bot, ~flagged, labels=[False, True], target_names=[BOT_CLASS, HUMAN_CLASS], output_dict=True, zero_division=0.0
    )
    flat: dict[str, float] = {}
    for name, value in found.items():
        if isinstance(value, dict):
            flat |= {f"{name}_{what}".replace(" ", "_"): float(number) for what, number in value.items()}
        else:
            flat[name] = float(value)
    return flat


def threshold_for(scores: FloatArray, bot: BoolArray, precision: float, recall: float) -> float:
    """The score from which on somebody is a suspect: the one that finds that part of the bots, or a higher one where
    among those above it too few would be bots; above all scores where that helps nowhere."""
    by_recall = float(np.quantile(scores[bot], 1 - recall))
    precisions, _, thresholds = precision_recall_curve(bot, scores)
    good = thresholds[(precisions[:-1] >= precision) & (thresholds >= by_recall)]
    return float(good.min()) if len(good) else float(scores.max()) + 1.0


def calibration(scores: FloatArray, bot: BoolArray) -> tuple[float, float]:
    """Slope, over the negative score, and offset of a logistic curve through who is a bot (Platt, 1999)."""
    model = LogisticRegression(C=1e3, max_iter=1_000).fit(-scores[:, None], bot)
    return min(float(model.coef_[0, 0]), -1e-3), float(model.intercept_[0])


def auc_difference(one: FloatArray, other: FloatArray, bot: BoolArray) -> tuple[float, float]:
    """ROC AUC of `one` less that of `other` on the same rows, and its standard error (DeLong et al., 1988)."""
    placed = [_placements(scores, bot) for scores in (one, other)]
    of_bots, of_people = placed[0][0] - placed[1][0], placed[0][1] - placed[1][1]
    error = np.sqrt(of_bots.var(ddof=1) / len(of_bots) + of_people.var(ddof=1) / len(of_people))
    return float(of_bots.mean()), float(error)


def _placements(scores: FloatArray, bot: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Of each bot the part of people below it, of each person the part of bots above; ties count half."""
    bots, people = np.sort(scores[bot]), np.sort(scores[~bot])

    def below(values: FloatArray, among: FloatArray) -> FloatArray:
        return np.asarray(
            (np.searchsorted(among, values, "left") + np.searchsorted(among, values, "right")) / 2 / len(among)
        )

    return below(scores[bot], people), 1 - below(scores[~bot], bots)


def _skewness(features: FloatArray) -> FloatArray:
    off = features - features.mean(axis=0)
    spread = np.maximum(off.std(axis=0), 1e-12)
    return np.asarray(((off / spread) ** 3).mean(axis=0))
