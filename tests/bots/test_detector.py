"""The model of bots' reading, its distance against scikit-learn and SciPy."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.decomposition import PCA
from sklearn.preprocessing import RobustScaler

from functions.bots import evaluation
from functions.bots.detector import REASON_TEXTS, Detector, OneClassPca, one_sided
from functions.bots.evaluation import MIN_VARIANCE, SPREAD_PERCENTILES, one_class_pca
from functions.bots.reading_features import FEATURES
from shared.artifacts import Artifact, Manifest
from shared.artifacts.snapshots import packed, unpacked
from shared.errors import StaleModel
from tests.bots.conftest import NOON

NAMES = FEATURES.names
K = len(NAMES)


def artifact(model):
    return Artifact(Manifest("bots", "credentials", "v1", NOON, (NOON, NOON), NAMES, FEATURES.fingerprint), model)


@pytest.fixture
def bots():
    """(40, k) features of bots: about 1, with variation that all features share and variation of each."""
    rng = np.random.default_rng(5)
    return np.maximum(1 + 0.2 * rng.normal(size=(40, 1)) + 0.1 * rng.normal(size=(40, K)), 0.01)


@pytest.fixture
def pca(bots) -> OneClassPca:
    return one_class_pca(bots, 0.99)


@pytest.fixture
def detector(pca, bots):
    people = np.stack([np.full(K, 2.0), np.full(K, 3.0), np.full(K, 4.0)])
    limit = np.array([0.5])
    return Detector(pca, np.array([-1.5]), np.array([5.0]), limit, people, np.median(bots, axis=0))


@pytest.fixture
def by_sklearn(bots):
    """Scaler and principal components of the bots, both fitted by scikit-learn."""
    scaler = RobustScaler(quantile_range=SPREAD_PERCENTILES).fit(np.log1p(bots))
    return scaler, PCA(0.99, svd_solver="full").fit(one_sided(scaler.transform(np.log1p(bots))))


@pytest.fixture
def unlike_bots(pca):
    """(50, k) features on the people's side of the bots' centre, which one-siding leaves as they are."""
    spreads = np.random.default_rng(6).uniform(0, 1.5, (50, K))
    sign = np.array([-1 if monotone_sign > 0 else 1 for monotone_sign in FEATURES.monotone_sign])
    return np.expm1(np.maximum(pca.centre + sign * spreads * pca.scale, 0))


def distance_of_all(pca, features):
    """(n,) squared Mahalanobis distance before the largest coordinate is left out."""
    deviations = pca.deviations(features)
    return ((deviations @ pca.precision) * deviations).sum(axis=1)


def by_density(log_densities, log_density_of_mean):
    """(n,) squared Mahalanobis distance that log densities of a Gaussian imply; at the mean it is 0."""
    return -2 * (log_densities - log_density_of_mean)


def test_without_a_minimum_of_variance_the_distance_is_that_of_sklearns_probabilistic_pca(
    bots, unlike_bots, by_sklearn, monkeypatch
):
    monkeypatch.setattr(evaluation, "MIN_VARIANCE", 0.0)
    scaler, components = by_sklearn

    distance = distance_of_all(one_class_pca(bots, 0.99), unlike_bots)

    of_rows = components.score_samples(scaler.transform(np.log1p(unlike_bots)))
    np.testing.assert_allclose(distance, by_density(of_rows, components.score_samples(components.mean_[None])))


def test_with_a_minimum_of_variance_the_distance_is_that_of_scipys_gaussian(pca, unlike_bots, by_sklearn):
    scaler, components = by_sklearn
    gaussian = multivariate_normal(components.mean_, components.get_covariance() + np.eye(K) * MIN_VARIANCE)

    distance = distance_of_all(pca, unlike_bots)

    of_rows = gaussian.logpdf(scaler.transform(np.log1p(unlike_bots)))
    np.testing.assert_allclose(distance, by_density(of_rows, gaussian.logpdf(components.mean_)))


def test_with_one_feature_left_out_the_distance_is_the_least_of_scipys_gaussians_of_the_others(
    pca, unlike_bots, by_sklearn
):
    scaler, components = by_sklearn
    mean, scaled = components.mean_, scaler.transform(np.log1p(unlike_bots))
    covariance = components.get_covariance() + np.eye(K) * MIN_VARIANCE

    distance = pca.squared_mahalanobis(unlike_bots)

    each = []
    for others in (np.delete(np.arange(K), column) for column in range(K)):
        gaussian = multivariate_normal(mean[others], covariance[np.ix_(others, others)])
        each.append(by_density(gaussian.logpdf(scaled[:, others]), gaussian.logpdf(mean[others])))
    np.testing.assert_allclose(distance, np.min(each, axis=0))


def test_bots_are_near_and_others_are_far(pca, bots):
    assert np.median(pca.squared_mahalanobis(bots)) < 10
    assert pca.squared_mahalanobis(bots + 1).min() > pca.squared_mahalanobis(bots).max()


def test_the_score_falls_with_the_distance_and_lies_between_0_and_1(detector, bots):
    scores = detector.scores(np.linspace(bots.min(), 30, 50)[:, None] * np.ones(K))

    assert ((scores >= 0) & (scores <= 1)).all()
    assert detector.scores(bots).min() > detector.scores(bots + 2).max()


@pytest.mark.parametrize("name", NAMES)
def test_nobody_is_cleared_for_being_more_regular_than_a_bot(pca, name):
    usual = np.expm1(pca.centre)
    monotone_sign = FEATURES.monotone_sign[NAMES.index(name)]
    extreme = usual.copy()
    extreme[NAMES.index(name)] = {-1: 0.0, 0: usual[NAMES.index(name)], 1: 1e6}[monotone_sign]

    assert pca.squared_mahalanobis(extreme[None])[0] == pytest.approx(pca.squared_mahalanobis(usual[None])[0])


@pytest.mark.parametrize("name", NAMES)
def test_faking_a_single_feature_does_not_help(pca, bots, name):
    faked = np.median(bots, axis=0)[None].copy()
    faked[0, NAMES.index(name)] = 1e4 if FEATURES.monotone_sign[NAMES.index(name)] <= 0 else 0.0

    assert pca.squared_mahalanobis(faked)[0] <= np.quantile(pca.squared_mahalanobis(bots), 0.95)


def test_faking_everything_does(pca, bots):
    assert pca.squared_mahalanobis(np.full((1, K), 10.0))[0] > 10 * pca.squared_mahalanobis(bots).max()


def test_a_constant_feature_of_bots_does_no_harm(bots):
    bots[:, 3] = 0.7

    pca = one_class_pca(bots, 0.99)

    assert np.isfinite(pca.squared_mahalanobis(bots)).all()
    assert np.linalg.eigvalsh(pca.precision).min() > 0


def test_bots_that_are_all_the_same_are_still_told_from_others(bots):
    pca = one_class_pca(np.repeat(bots[:1], 20, axis=0), 0.99)

    assert pca.squared_mahalanobis(bots[:1])[0] < pca.squared_mahalanobis(bots[:1] + 5)[0] < np.inf


def test_reasons_are_what_sets_somebody_apart_from_people_the_clearest_first(detector):
    own = np.full(K, 3.0)
    own[NAMES.index("pauseRatio")] = 0.5
    own[NAMES.index("postReadingTimeTail")] = 1.5

    reasons = detector.reasons(own)

    assert [(reason["feature"], reason["value"], reason["people"]) for reason in reasons] == [
        ("pauseRatio", 0.5, [2.0, 4.0]),
        ("postReadingTimeTail", 1.5, [2.0, 4.0]),
    ]
    assert [reason["says"] for reason in reasons] == [
        REASON_TEXTS["pauseRatio"],
        REASON_TEXTS["postReadingTimeTail"],
    ]


def test_every_feature_has_words_for_a_reviewer():
    assert REASON_TEXTS.keys() == set(NAMES)


def test_a_detector_comes_back_as_it_was_kept(detector, bots):
    again = Detector.read(artifact(detector.to_bytes()))

    assert again.scores(bots).tolist() == detector.scores(bots).tolist()
    assert again.limit == detector.limit
    assert again.to_bytes() == detector.to_bytes()


@pytest.mark.parametrize("name", ["precision", "centre", "threshold", "people"])
@pytest.mark.parametrize("fault", ["missing", "another shape", "not finite"])
def test_arrays_that_are_no_detectors_are_refused(detector, name, fault):
    arrays = dict(unpacked(detector.to_bytes()))
    if fault == "missing":
        del arrays[name]
    else:
        arrays[name] = arrays[name][:0] if fault == "another shape" else arrays[name] * np.nan

    with pytest.raises(StaleModel, match=name):
        Detector.read(artifact(packed(arrays)))


def test_what_is_no_npz_is_refused():
    with pytest.raises(StaleModel):
        Detector.read(artifact(b"\x80\x04cos\nsystem\n"))
