"""The model that answers for a country: its own, the one of the country that stands in for it, or that of all."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from shared.artifacts import Artifact, Registry
from shared.columns import Float32Array, FloatArray
from shared.errors import StaleModel
from shared.ml.trees import Trees
from shared.ranking.decay import PopularityDecay
from shared.ranking.features import FEATURES, decayed_popularity_of

COUNTRY: Final = "country"
GLOBAL: Final = "global"
GLOBAL_KEY: Final = "all"  # the key of the model of all countries
HALF_LIFE, FLOOR, WEIGHT = "half_life_hours", "popularity_floor", "weight"  # in the metrics of a manifest

_MAX_MARGIN = 300.0  # beyond it, a score would be no number that a float holds


class Ranker(Protocol):
    """Scores posts as FEATURES describe them under its decay."""

    @property
    def name(self) -> str: ...

    @property
    def decay(self) -> PopularityDecay: ...

    def logits(self, matrix: Float32Array) -> FloatArray:
        """(n,) any real number, higher ranks first."""


class CountryModel:
    """Trees of one country, or of all, that add to decayed popularity.

    decay   of the popularity that they add to
    weight  what they count for by the evidence for them, 0..1
    """

    def __init__(self, name: str, version: str, model: bytes, decay: PopularityDecay, weight: float) -> None:
        self.name = name
        self.version = version
        self.model = model
        self.decay = decay
        self.weight = weight
        self._trees = Trees(model)

    @classmethod
    def of(cls, artifact: Artifact) -> "CountryModel":
        """StaleModel where the bytes are no trees, or the manifest does not say what they add to."""
        manifest = artifact.manifest
        try:
            half_life, floor, weight = (float(manifest.metrics[name]) for name in (HALF_LIFE, FLOOR, WEIGHT))
        except (KeyError, TypeError, ValueError):
            raise StaleModel(f"model {manifest.key} does not say what it adds to") from None
        if not (half_life > 0 and 0 <= floor <= 1 and 0 <= weight <= 1):
            raise StaleModel(f"model {manifest.key} adds to a popularity that cannot be")
        return cls(manifest.key, manifest.version, artifact.model, PopularityDecay(half_life, floor), weight)

    def metrics(self) -> dict[str, float]:
        """What `of` reads from a manifest."""
        return {HALF_LIFE: self.decay.half_life_hours, FLOOR: self.decay.floor, WEIGHT: self.weight}

    def logits(self, matrix: Float32Array) -> FloatArray:
        """(n,) log odds of an engagement, against a post drawn at random, but for a constant."""
        return decayed_popularity_of(matrix) + self.weight * self._trees.logits(matrix)


@dataclass(frozen=True, slots=True)
class DecayedPopularity:
    """What ranks where no model may be used."""

    decay: PopularityDecay
    name: str = "popularity"

    def logits(self, matrix: Float32Array) -> FloatArray:
        """(n,) log of the decayed engagements."""
        return decayed_popularity_of(matrix)


class Rankers:
    """The ranker of each country; every model is loaded and checked once."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._own: dict[tuple[str, str], CountryModel | None] = {}
        self.refused: list[str] = []

    def own(self, family: str, key: str) -> CountryModel | None:
        """The model of exactly that key; None where it has none, or none that may be used (`refused` says why)."""
        if (family, key) not in self._own:
            model, refused = self._registry.load(family, key, FEATURES.fingerprint, CountryModel.of)
            self.refused.extend(refused)
            self._own[family, key] = model
        return self._own[family, key]

    def of(self, country: str, base: str, decay: Callable[[], PopularityDecay] = PopularityDecay) -> Ranker:
        """Its own model, else the base country's, else that of all countries, else popularity with that decay."""
        own = self.own(COUNTRY, country) or self.own(COUNTRY, base)
        return own or self.own(GLOBAL, GLOBAL_KEY) or DecayedPopularity(decay())


class SingleModelRankers(Rankers):
    """A model of all countries that is in no registry, and nothing beside it."""

    def __init__(self, model: CountryModel | None) -> None:
        self._model = model
        self.refused = []

    def own(self, family: str, key: str) -> CountryModel | None:
        return self._model if (family, key) == (GLOBAL, GLOBAL_KEY) else None


def scores_from_logits(logits: FloatArray) -> FloatArray:
    """(n,) scores out of margins: finite and positive, in the same order.

    >>> scores_from_logits(np.array([-1e9, 0.0])).round(3).tolist()
    [0.0, 1.0]
    """
    return np.exp(np.clip(logits, -_MAX_MARGIN, _MAX_MARGIN))
