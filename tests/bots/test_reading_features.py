"""Each reading feature against its formula, and for any readings finite and not negative."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from functions.bots.reading_features import FEATURES, LAYOUT, CentralMoments, Rhythm, quantile
from functions.bots.windows import Windows

START = 1_769_860_800.0  # noon


def window(gaps, seconds, widest=None):
    """The window of one credential, padded with nan to `widest` readings."""
    widest = widest or len(seconds)
    padding = np.full(widest - len(seconds), np.nan)
    at = START + np.cumsum(gaps)
    begun, reading, gap = (np.concatenate([np.asarray(values, float), padding])[None] for values in (at, seconds, gaps))
    return Windows(np.array([b"sx"], "S41"), np.array([len(seconds)]), begun, reading, gap, np.array([0]))


def features(gaps, seconds, widest=None):
    return dict(zip(FEATURES.names, FEATURES.matrix(Rhythm(window(gaps, seconds, widest)))[0].tolist(), strict=True))


@pytest.fixture
def series():
    rng = np.random.default_rng(1)
    return rng.lognormal(1, 1, 500) + 2, rng.lognormal(1, 1, 500)


def test_other_formulas_have_another_layout(series):
    """Where a value is another one on purpose, raise the layout and write both down here."""
    gaps, seconds = series
    gaps[::50] += 5_000
    values = [float(f"{value:.3g}") for value in features(gaps, seconds.round(2)).values()]

    assert (LAYOUT, values) == ("3", [1.43, 1.81, 0.881, 0.509, 1.05, 1.76, 0.452, 1.1, 0.868, 0.02, 37.4, 0.725])


def test_the_four_features_of_the_contract_are_what_its_formulas_say(series):
    gaps, seconds = series
    kept, between = (values[values <= np.quantile(values, 0.95)] for values in (seconds, gaps))

    computed = features(gaps, seconds)

    assert computed["postReadingTimeAbsSkew"] == pytest.approx(abs(stats.skew(kept, bias=False)), rel=1e-5)
    assert computed["postReadingTimeAbsKurt"] == pytest.approx(abs(stats.kurtosis(kept, bias=False)), rel=1e-5)
    assert computed["postReadingTimeNormStd"] == pytest.approx(kept.std(ddof=1) / kept.mean(), rel=1e-5)
    assert computed["postReadingTimeDifferenceNormStd"] == pytest.approx(between.std(ddof=1) / between.mean(), rel=1e-5)
    assert FEATURES.names[:4] == (
        "postReadingTimeAbsSkew",
        "postReadingTimeAbsKurt",
        "postReadingTimeNormStd",
        "postReadingTimeDifferenceNormStd",
    )


def test_further_features_are_what_they_are_called(series):
    gaps, seconds = series
    computed = features(gaps, seconds)

    assert computed["postReadingTimeLogStd"] == pytest.approx(np.log(seconds).std(), rel=1e-5)
    assert computed["gapLogStd"] == pytest.approx(np.log(gaps).std(), rel=1e-5)
    assert computed["postReadingTimeTail"] == pytest.approx(
        np.log(np.quantile(seconds, 0.95) / np.median(seconds)), rel=1e-2
    )
    assert computed["gapBurstiness"] == pytest.approx(gaps.std() / (gaps.std() + gaps.mean()), rel=1e-5)
    assert computed["viewsPerHour"] == pytest.approx(499 / (gaps[1:].sum() / 3600), rel=1e-4)


def test_pauses_and_hours_of_the_day_and_repeated_times_are_counted():
    computed = features([3600.0] * 48, [2.0, 2.0, *np.arange(46) * 0.01])

    assert computed["pauseRatio"] == 1
    assert computed["hourSpread"] == pytest.approx(1), "every hour alike"
    assert computed["repeatedReadingRatio"] == pytest.approx(2 / 48)
    assert features([1.0] * 48, range(48))["hourSpread"] == 0, "all within one hour"


def test_padding_after_the_readings_changes_nothing(series):
    gaps, seconds = series

    assert features(gaps, seconds, widest=700) == features(gaps, seconds)


def test_somebody_who_never_varies_has_no_spread_at_all():
    computed = features([4.0] * 100, [0.1] * 100)

    spreads = set(FEATURES.names) - {"repeatedReadingRatio", "viewsPerHour", "hourSpread"}
    assert {name: computed[name] for name in spreads} == dict.fromkeys(spreads, 0.0)
    assert computed["repeatedReadingRatio"] == 1
    assert computed["viewsPerHour"] == pytest.approx(900)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1e9), st.floats(0, 1e9)), min_size=1, max_size=60))
def test_whatever_is_read_every_feature_is_finite_and_not_negative(pairs):
    gaps, seconds = zip(*pairs, strict=True)

    matrix = FEATURES.matrix(Rhythm(window(gaps, seconds)))

    assert np.isfinite(matrix).all()
    assert (matrix >= 0).all()


def test_a_quantile_lies_between_values_and_ignores_what_is_missing():
    rng = np.random.default_rng(2)
    table = rng.normal(size=(20, 30))
    table[rng.random(table.shape) < 0.3] = np.nan

    assert quantile(table, 0.95) == pytest.approx(np.nanquantile(table, 0.95, axis=1))
    assert np.isnan(quantile(np.full((1, 3), np.nan), 0.5)).all()


def test_moments_of_two_values_have_no_skewness():
    moments = CentralMoments.of(np.array([[1.0, 1.0, np.nan]]))

    assert (moments.absolute_skewness.tolist(), moments.absolute_kurtosis.tolist()) == ([0.0], [0.0])
