"""Fitting, thresholds, calibration and metrics of the detector, against scikit-learn and simulation."""

import numpy as np
import pytest
from sklearn.metrics import precision_score, recall_score, roc_auc_score

from functions.bots import evaluation

RNG = np.random.default_rng(4)
BOT = np.arange(120) < 30
SCORES = np.where(BOT, RNG.normal(1.5, 1, 120), RNG.normal(0, 1, 120))
FEATURES = np.abs(np.where(BOT[:, None], RNG.normal(0.3, 0.1, (120, 12)), RNG.normal(1.5, 0.4, (120, 12))))


def test_the_difference_of_two_aucs_is_exact_and_its_error_is_that_of_many_draws():
    other = SCORES + RNG.normal(0, 2, 120)

    difference, error = evaluation.auc_difference(SCORES, other, BOT)

    assert difference == pytest.approx(roc_auc_score(BOT, SCORES) - roc_auc_score(BOT, other))
    drawn = []
    for _ in range(600):
        rows = np.concatenate([RNG.choice(np.flatnonzero(BOT), 30), RNG.choice(np.flatnonzero(~BOT), 90)])
        drawn.append(roc_auc_score(BOT[rows], SCORES[rows]) - roc_auc_score(BOT[rows], other[rows]))
    assert error == pytest.approx(np.std(drawn), rel=0.2)


def test_the_threshold_finds_the_part_of_bots_that_is_asked_for_where_precision_allows():
    low = evaluation.threshold_for(SCORES, BOT, precision=0.1, recall=0.8)
    high = evaluation.threshold_for(SCORES, BOT, precision=0.9, recall=0.8)

    assert recall_score(BOT, low <= SCORES) == pytest.approx(0.8, abs=0.04)
    assert precision_score(BOT, high <= SCORES) >= 0.9
    assert high > low


def test_where_no_threshold_is_precise_enough_nobody_is_a_suspect():
    assert evaluation.threshold_for(-SCORES, BOT, precision=0.9, recall=0.9) > 1


def test_a_calibrated_score_is_the_chance_of_a_bot():
    from functions.bots.detector import probability

    rng = np.random.default_rng(1)
    logs = rng.normal(3, 2, 4_000)
    bot = rng.random(4_000) < probability(logs, -1.2, 3.0)

    slope, offset = evaluation.calibration(-logs, bot)

    calibrated = probability(logs, slope, offset)
    for low in (0.1, 0.4, 0.7):
        in_bin = (calibrated >= low) & (calibrated < low + 0.2)
        assert bot[in_bin].mean() == pytest.approx(calibrated[in_bin].mean(), abs=0.05)


@pytest.mark.parametrize(
    "fit", [evaluation.one_class(0.99), *evaluation.BASELINES.values()], ids=["ours", *evaluation.BASELINES]
)
def test_every_detector_scores_bots_above_people_that_it_has_not_seen(fit):
    scores = evaluation.out_of_fold(fit, FEATURES, BOT, 5, 2)

    assert roc_auc_score(BOT, scores) > 0.9
    assert evaluation.out_of_fold(fit, FEATURES, BOT, 5, 2).tolist() == scores.tolist(), "the same again"


def test_nobody_is_judged_by_a_detector_that_has_seen_them():
    is_training_row: list[bool] = []

    def fit(features, bot):
        trained_on = set(features[:, 0].tolist())

        def score(unseen):
            is_training_row.extend(value in trained_on for value in unseen[:, 0].tolist())
            return np.zeros(len(unseen))

        return score

    evaluation.out_of_fold(fit, FEATURES, BOT, 5, 2)

    assert len(is_training_row) == 2 * len(BOT)
    assert not any(is_training_row)


def test_splits_have_both_classes_however_few_of_one_there_are():
    bot = np.arange(20) < 3

    for train, test in evaluation.folds(bot, 5, 2):
        assert 0 < bot[train].sum() < len(train)
        assert 0 < bot[test].sum() < len(test)


def test_the_report_has_the_names_of_the_original_and_counts_a_bot_as_class_0():
    report = evaluation.report(np.array([True, True, False, False]), np.array([True, False, False, False]))

    assert report["bot_class_precision"] == 0.5
    assert report["bot_class_recall"] == 1
    assert report["human_class_recall"] == pytest.approx(2 / 3)
    assert report["accuracy"] == 0.75
    names = {f"{rows}_{metric}" for rows in ("bot_class", "human_class", "macro_avg", "weighted_avg")
             for metric in ("precision", "recall", "f1-score", "support")}  # fmt: skip
    assert report.keys() == names | {"accuracy"}


def test_the_budget_is_no_larger_than_the_bots_are():
    assert evaluation.metrics(SCORES, BOT, budget=100)["budget"] == 30
    assert evaluation.metrics(SCORES, BOT, budget=5)["precision_at_budget"] == BOT[np.argsort(-SCORES)[:5]].mean()
