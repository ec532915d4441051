"""Popularity that decays with age: the baseline that models add to, and the ranking where there is no model."""

from dataclasses import dataclass

import numpy as np

from shared.columns import FloatArray


@dataclass(frozen=True, slots=True)
class PopularityDecay:
    """How the popularity of a post decays with its age: by the factor 2^(-age / half-life) + floor.

    half_life_hours  above 0 [hours]
    floor            share of the popularity that never decays, 0..1
    """

    half_life_hours: float = 24.0
    floor: float = 0.0

    def logits(self, popularity: FloatArray, age: FloatArray) -> FloatArray:
        """(n,) log of the popularity [engagements] + 1, decayed by the age [hours]; an age below 0 counts as 0."""
        return np.asarray(np.log(popularity + 1) + self.log_factor(age))

    def log_factor(self, age: FloatArray) -> FloatArray:
        """Log of the factor on the popularity, in the shape of `age` [hours], finite also where the factor is 0."""
        return np.asarray(np.log(np.exp2(-np.maximum(age, 0.0) / self.half_life_hours) + self.floor + 1e-300))
