"""Fingerprints and matrices of feature sets."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from shared.ml.features import Feature, FeatureSet

Rows = NDArray[Any]

LIKES: Feature[Rows] = Feature("likes", "count", lambda rows: rows)
AGE: Feature[Rows] = Feature("age", "hours", lambda rows: rows * 2.0)


@pytest.mark.parametrize(
    "other",
    [
        (AGE, LIKES),
        (LIKES,),
        (LIKES, AGE, AGE),
        (Feature("like", "count", LIKES.compute), AGE),
        (LIKES, Feature("age", "days", AGE.compute)),
    ],
    ids=["order", "one less", "one more", "name", "unit"],
)
def test_the_fingerprint_changes_with_names_units_and_order(other):
    assert FeatureSet(other).fingerprint != FeatureSet((LIKES, AGE)).fingerprint


def test_the_fingerprint_of_the_same_features_is_the_same():
    likes: Feature[Rows] = Feature("likes", "count", lambda rows: rows + 0, monotone_sign=1)

    assert FeatureSet((likes, AGE)).fingerprint == FeatureSet((LIKES, AGE)).fingerprint


def test_a_matrix_has_one_column_a_feature_in_their_order():
    matrix = FeatureSet((LIKES, AGE)).matrix(np.array([1, 2, 3]))

    assert matrix.dtype == np.float32
    assert matrix.tolist() == [[1, 2], [2, 4], [3, 6]]


def test_what_is_infinite_is_unknown():
    matrix = FeatureSet((LIKES,)).matrix(np.array([np.inf, -np.inf, np.nan, 1.0]))

    assert np.isnan(matrix[:, 0]).tolist() == [True, True, True, False]


def test_what_float32_cannot_hold_is_unknown():
    with np.errstate(over="ignore"):
        assert np.isnan(FeatureSet((LIKES,)).matrix(np.array([1e300]))).all()
