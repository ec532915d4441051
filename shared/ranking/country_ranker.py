"""The model that ranks for a country: its own, else the base country's, else the model of all countries."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from shared.artifacts import Artifact, Registry
from shared.columns import Float32Array, FloatArray
from shared.countries import COUNTRIES
from shared.errors import StaleModel
from shared.ml.trees import Trees
from shared.ranking.decay import PopularityDecay
from shared.ranking.features import FEATURES, decayed_popularity_of

COUNTRY: Final = "country"
GLOBAL: Final = "global"
GLOBAL_KEY: Final = "all"  # the key of the model of all countries
HALF_LIFE, FLOOR, WEIGHT = "half_life_hours", "popularity_floor", "weight"  # names in the metrics of a manifest

_MAX_LOGIT = 300.0  # so that the exponential of it, and of its negative, is a finite positive float


class Ranker(Protocol):
    """Scores posts, out of the matrix of FEATURES that is made with its decay of popularity."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def decay(self) -> PopularityDecay: ...

    def logits(self, matrix: Float32Array) -> FloatArray:
        """(n,) any real number, higher ranks first; matrix (n, n_features)."""

    def contributions(self, matrix: Float32Array) -> FloatArray:
        """(n, n_features + 1) what each feature, and last what every post has, adds to the decayed popularity."""


class CountryModel:
    """Decayed popularity plus trees that were trained on one country, or on all.

    decay   of the popularity that the trees add to
    weight  factor of the trees, 0..1; higher the surer it is that they gain anything
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
        """Load a model; StaleModel if the bytes are no trees, or the metrics lack a valid decay and weight."""
        manifest = artifact.manifest
        try:
            half_life, floor, weight = (float(manifest.metrics[name]) for name in (HALF_LIFE, FLOOR, WEIGHT))
        except (KeyError, TypeError, ValueError):
            raise StaleModel(f"model {manifest.key} does not say what it adds to") from None
        if not (half_life > 0 and 0 <= floor <= 1 and 0 <= weight <= 1):
            raise StaleModel(f"model {manifest.key} adds to a popularity that cannot be")
        return cls(manifest.key, manifest.version, artifact.model, PopularityDecay(half_life, floor), weight)

    def metrics(self) -> dict[str, float]:
        """The metrics that `of` reads from a manifest."""
        return {HALF_LIFE: self.decay.half_life_hours, FLOOR: self.decay.floor, WEIGHT: self.weight}

    def logits(self, matrix: Float32Array) -> FloatArray:
        """(n,) log odds that a viewer engages with the post rather than with a random one, up to a constant."""
        return decayed_popularity_of(matrix) + self.weight * self._trees.logits(matrix)

    def contributions(self, matrix: Float32Array) -> FloatArray:
        """(n, n_features + 1) what the trees add by feature, and last for every post, weighted; log odds."""
        return self.weight * self._trees.contributions(matrix)


@dataclass(frozen=True, slots=True)
class DecayedPopularity:
    """The ranker that is used where there is no usable model."""

    decay: PopularityDecay
    name: str = "popularity"
    version: str = ""

    def logits(self, matrix: Float32Array) -> FloatArray:
        """(n,) log of the engagements, decayed by age."""
        return decayed_popularity_of(matrix)

    def contributions(self, matrix: Float32Array) -> FloatArray:
        """(n, n_features + 1) zeros: nothing is added."""
        return np.zeros((len(matrix), matrix.shape[1] + 1))


class Rankers:
    """The ranker of each country; every model is loaded and checked once."""

    def __init__(self, registry: Registry, given: Mapping[tuple[str, str], CountryModel | None] | None = None) -> None:
        """`given` models, by family and key, are used instead of those that are live; None for no model."""
        self._registry = registry
        self._own: dict[tuple[str, str], CountryModel | None] = dict(given or {})
        self.refused: list[str] = []

    def own(self, family: str, key: str) -> CountryModel | None:
        """The model of exactly that key; None if there is none, or it may not be used (`refused` then says why)."""
        if (family, key) not in self._own:
            model, refused = self._registry.load(family, key, FEATURES.fingerprint, CountryModel.of)
            self.refused.extend(refused)
            self._own[family, key] = model
        return self._own[family, key]

    def of(self, country: str, base: str, decay: Callable[[], PopularityDecay] = PopularityDecay) -> Ranker:
        """The country's own model, else the base country's, else that of all countries, else decayed popularity.

        country  its code; empty for an unknown one, for which the model of all countries comes first
        decay    of the popularity; called only if no model may be used
        """
        model = self.own(COUNTRY, country) if country else self.own(GLOBAL, GLOBAL_KEY)
        model = model or self.own(COUNTRY, base)
        return model or self.own(GLOBAL, GLOBAL_KEY) or DecayedPopularity(decay())

    def versions(self, base: str) -> dict[str, str]:
        """By the code of every country, and empty for an unknown one: which model ranks for it, as what is made with it
        records it, e.g. "th: us 20260130T041500Z" where Thailand has the base country's."""
        own = {"", *self._registry.owners(COUNTRY)}
        rankers = {country: self.of(country if country in own else base, base) for country in ("", *COUNTRIES)}
        return {country: f"{country}: {ranker.name} {ranker.version}".rstrip() for country, ranker in rankers.items()}


class SingleModelRankers(Rankers):
    """A model of all countries that need not be in a registry, for every country; decayed popularity if it is None."""

    def __init__(self, model: CountryModel | None) -> None:
        self._model = model
        self.refused = []

    def own(self, family: str, key: str) -> CountryModel | None:
        return self._model if (family, key) == (GLOBAL, GLOBAL_KEY) else None


def scores_from_logits(logits: FloatArray) -> FloatArray:
    """(n,) finite positive scores, in the order of the logits.

    >>> scores_from_logits(np.array([-1e9, 0.0])).round(3).tolist()
    [0.0, 1.0]
    """
    return np.exp(np.clip(logits, -_MAX_LOGIT, _MAX_LOGIT))
