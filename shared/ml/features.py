"""Features, each a name, a unit and a function, and sets of features that make the matrix of a model."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

Source = TypeVar("Source")


@dataclass(frozen=True, slots=True)
class Feature(Generic[Source]):
    """One input of a model.

    compute        gives (n_rows,) for a source; nan where the value is not known
    monotone_sign  1 if a higher value may only raise a score, -1 if it may only lower it, 0 for no constraint
    """

    name: str
    unit: str
    compute: Callable[[Source], NDArray[Any]]
    monotone_sign: Literal[-1, 0, 1] = 0


@dataclass(frozen=True, slots=True)
class FeatureSet(Generic[Source]):
    """Features in the order of the columns that models learn from and score."""

    features: tuple[Feature[Source], ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(feature.name for feature in self.features)

    @property
    def monotone_sign(self) -> tuple[int, ...]:
        """The constraint of each feature, in order."""
        return tuple(feature.monotone_sign for feature in self.features)

    @property
    def fingerprint(self) -> str:
        """Twelve hex digits that change with a name, a unit or the order; saved with every model."""
        lines = "\n".join(f"{feature.name} [{feature.unit}]" for feature in self.features)
        return hashlib.sha256(lines.encode()).hexdigest()[:12]

    def matrix(self, source: Source) -> NDArray[np.float32]:
        """(n_rows, n_features) float32, columns in order; infinite values become nan, which means unknown."""
        first = self.features[0].compute(source)
        matrix = np.empty((len(first), len(self.features)), np.float32)
        for column, feature in enumerate(self.features):
            matrix[:, column] = feature.compute(source) if column else first
        matrix[np.isinf(matrix)] = np.nan
        return matrix
