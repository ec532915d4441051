import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from functions.bots.reading_features import FEATURES, CentralMoments, Rhythm, quantile
from functions.bots.windows import Windows

START = 1_769_860_800.0  # noon


def window(gaps, seconds, widest=None):
    """One credential; `widest` leaves room behind its readings."""
    widest = widest or len(seconds)
    room = np.full(widest - len(seconds), np.nan)
    at = START + np.cumsum(gaps)
    begun, reading, gap = (np.concatenate([np.asarray(one, float), room])[None] for one in (at, seconds, gaps))
    return Windows(np.array([b"sx"], "S41"), np.array([len(seconds)]), begun, reading, gap, np.array([0]))


def features(gaps, seconds, widest=None):
    return dict(zip(FEATURES.names, FEATURES.matrix(Rhythm(window(gaps, seconds, widest)))[0].tolist(), strict=True))


@pytest.fixture
def series():
    rng = np.random.default_rng(1)
    return rng.lognormal(1, 1, 500) + 2, rng.lognormal(1, 1, 500)


def test_the_four_features_of_the_contract_are_what_its_formulas_say(series):
    gaps, seconds = series
    kept, between = (one[one <= np.quantile(one, 0.95)] for one in (seconds, gaps))

    found = features(gaps, seconds)

    assert found["postReadingTimeAbsSkew"] == pytest.approx(abs(stats.skew(kept, bias=False)), rel=1e-5)
    assert found["postReadingTimeAbsKurt"] == pytest.approx(abs(stats.kurtosis(kept, bias=False)), rel=1e-5)
    assert found["postReadingTimeNormStd"] == pytest.approx(kept.std(ddof=1) / kept.mean(), rel=1e-5)
    assert found["postReadingTimeDifferenceNormStd"] == pytest.approx(between.std(ddof=1) / between.mean(), rel=1e-5)
    assert FEATURES.names[:4] == (
        "postReadingTimeAbsSkew",
        "postReadingTimeAbsKurt",
        "postReadingTimeNormStd",
        "postReadingTimeDifferenceNormStd",
    )


def test_further_features_are_what_they_are_called(series):
    gaps, seconds = series
    found = features(gaps, seconds)

    assert found["postReadingTimeLogStd"] == pytest.approx(np.log(seconds).std(), rel=1e-5)
    assert found["gapLogStd"] == pytest.approx(np.log(gaps).std(), rel=1e-5)
    assert found["postReadingTimeTail"] == pytest.approx(
        np.log(np.quantile(seconds, 0.95) / np.median(seconds)), rel=1e-2
    )
    assert found["gapBurstiness"] == pytest.approx(gaps.std() / (gaps.std() + gaps.mean()), rel=1e-5)
    assert found["viewsPerHour"] == pytest.approx(499 / (gaps[1:].sum() / 3600), rel=1e-4)


def test_pauses_and_hours_of_the_day_and_repeated_times_are_counted():
    found = features([3600.0] * 48, [2.0, 2.0, *np.arange(46) * 0.01])

    assert found["pauseRatio"] == 1
    assert found["hourSpread"] == pytest.approx(1), "every hour alike"
    assert found["repeatedReadingRatio"] == pytest.approx(2 / 48)
    assert features([1.0] * 48, range(48))["hourSpread"] == 0, "all within one hour"


def test_room_behind_the_readings_changes_nothing(series):
    gaps, seconds = series

    assert features(gaps, seconds, widest=700) == features(gaps, seconds)


def test_somebody_who_never_varies_has_no_spread_at_all():
    found = features([4.0] * 100, [0.1] * 100)

    spreads = set(FEATURES.names) - {"repeatedReadingRatio", "viewsPerHour", "hourSpread"}
    assert {name: found[name] for name in spreads} == dict.fromkeys(spreads, 0.0)
    assert found["repeatedReadingRatio"] == 1
    assert found["viewsPerHour"] == pytest.approx(900)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1e9), st.floats(0, 1e9)), min_size=1, max_size=60))
def test_whatever_is_read_every_feature_is_finite_and_not_negative(pairs):
    gaps, seconds = zip(*pairs, strict=True)

    found = FEATURES.matrix(Rhythm(window(gaps, seconds)))

    assert np.isfinite(found).all()
    assert (found >= 0).all()


def test_a_quantile_lies_between_values_and_ignores_what_is_missing():
    rng = np.random.default_rng(2)
    table = rng.normal(size=(20, 30))
    table[rng.random(table.shape) < 0.3] = np.nan

    assert quantile(table, 0.95) == pytest.approx(np.nanquantile(table, 0.95, axis=1))
    assert np.isnan(quantile(np.full((1, 3), np.nan), 0.5)).all()


def test_moments_of_two_values_have_no_skewness():
    found = CentralMoments.of(np.array([[1.0, 1.0, np.nan]]))

    assert (found.absolute_skewness.tolist(), found.absolute_kurtosis.tolist()) == ([0.0], [0.0])
