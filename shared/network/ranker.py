"""The model that answers for a country: its own, the one of the country that stands in for it, or that of all."""

from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from shared.artifacts import Artifact, Registry
from shared.ml.trees import Trees
from shared.network.features import FEATURES, decayed_popularity_of

COUNTRY: Final = "country"
GLOBAL: Final = "global"
EVERYONE: Final = "all"  # the key of the model of all countries

_MOST_MARGIN = 300.0  # beyond it, a score would be no number that a float holds

Matrix = NDArray[np.float32]
Floats = NDArray[np.float64]


class Ranker(Protocol):
    """Scores posts as FEATURES describe them."""

    @property
    def name(self) -> str: ...

    def margins(self, matrix: Matrix) -> Floats:
        """(n,) any real number, higher ranks first."""


class CountryModel:
    """Trees of one country, or of all."""

    def __init__(self, name: str, version: str, model: bytes) -> None:
        self.name = name
        self.version = version
        self.model = model
        self._trees = Trees(model)

    @classmethod
    def of(cls, artifact: Artifact) -> "CountryModel":
        """StaleModel where the bytes are no trees."""
        return cls(artifact.manifest.key, artifact.manifest.version, artifact.model)

    def margins(self, matrix: Matrix) -> Floats:
        """(n,) log odds of an engagement, against a post drawn at random."""
        return self._trees.margins(matrix)


class DecayedPopularity:
    """What ranks where no model may be used: engagements, halved every 24 hours of age."""

    name = "popularity"

    def margins(self, matrix: Matrix) -> Floats:
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

    def of(self, country: str, base: str) -> Ranker:
        """Its own model, else the base country's, else that of all countries, else popularity."""
        own = self.own(COUNTRY, country) or self.own(COUNTRY, base)
        return own or self.own(GLOBAL, EVERYONE) or DecayedPopularity()


def points(margins: Floats) -> Floats:
    """(n,) scores out of margins: finite and positive, in the same order.

    >>> points(np.array([-1e9, 0.0])).round(3).tolist()
    [0.0, 1.0]
    """
    return np.exp(np.clip(margins, -_MOST_MARGIN, _MOST_MARGIN))
