"""Popularity with decay: what ranks where there is no model, and what models add to."""

from dataclasses import dataclass

import numpy as np

from shared.columns import FloatArray


@dataclass(frozen=True, slots=True)
class PopularityDecay:
    """How the popularity of a post fades with its age.

    half_life_hours  above 0 [hours]
    floor            part of it that never fades, 0..1
    """

    half_life_hours: float = 24.0
    floor: float = 0.0

    def logits(self, popularity: FloatArray, age: FloatArray) -> FloatArray:
        """(n,) log of the engagements [count] + 1, faded by the age [hours]; an age below 0 counts as 0."""
        left = np.exp2(-np.maximum(age, 0.0) / self.half_life_hours) + self.floor
        return np.asarray(np.log(popularity + 1) + np.log(left + 1e-300))
