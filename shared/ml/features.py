"""A feature is a name, a unit and one function. A set of them is a matrix."""

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
    monotone_sign  1 when a model may only score higher as the feature grows, -1 the reverse, 0 for no constraint
    """

    name: str
    unit: str
    compute: Callable[[Source], NDArray[Any]]
    monotone_sign: Literal[-1, 0, 1] = 0


@dataclass(frozen=True, slots=True)
class FeatureSet(Generic[Source]):
    """Features in the order that models learn and score them."""

    features: tuple[Feature[Source], ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(feature.name for feature in self.features)

    @property
    def monotone_sign(self) -> tuple[int, ...]:
        """One constraint per feature, in order."""
        return tuple(feature.monotone_sign for feature in self.features)

    @property
    def fingerprint(self) -> str:
        """Changes when a name, a unit or the order changes; saved with every model."""
        lines = "\n".join(f"{feature.name} [{feature.unit}]" for feature in self.features)
        return hashlib.sha256(lines.encode()).hexdigest()[:12]

    def matrix(self, source: Source) -> NDArray[np.float32]:
        """(n_rows, n_features) float32, columns in declared order; infinite values become nan, which means unknown."""
        columns = [feature.compute for feature in self.features]
        first = columns[0](source)
        matrix = np.empty((len(first), len(columns)), np.float32)
        for number, compute in enumerate(columns):
            matrix[:, number] = compute(source) if number else first
        matrix[np.isinf(matrix)] = np.nan
        return matrix
