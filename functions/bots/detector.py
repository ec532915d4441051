"""What bots look like, and how much somebody looks like them.

One-class classification by principal components: bots are the inliers. Features are put on one scale by the bots' own
median and spread; what is more bot-like than the usual bot counts as the usual bot, so that nobody is cleared for being
too regular. Principal components of the bots, with one variance for all directions beyond them (Tipping & Bishop,
"Probabilistic Principal Component Analysis", 1999), give a distance from them. Of each account the one feature that
speaks most against a bot is forgiven, so that it does not help to fake a single one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from functions.bots.reading_features import FEATURES
from shared.artifacts import Artifact
from shared.artifacts.snapshots import packed, unpacked
from shared.columns import FloatArray
from shared.errors import StaleModel

FAMILY: Final = "bots"
KEY: Final = "credentials"
FINGERPRINT: Final = FEATURES.fingerprint
RISES: Final = np.array(FEATURES.monotone_sign)

# What a reviewer reads where a feature speaks for a bot.
REASON_TEXTS: Final = {
    "postReadingTimeAbsSkew": "reading times are as often above as below the usual one",
    "postReadingTimeAbsKurt": "hardly any reading time is far from the usual one",
    "postReadingTimeNormStd": "reads every post for about the same time",
    "postReadingTimeDifferenceNormStd": "moves on to the next post at an even pace",
    "postReadingTimeLogStd": "neither skims nor lingers",
    "postReadingTimeTail": "never stays long with a post",
    "repeatedReadingRatio": "many reading times are the same to the millisecond",
    "gapLogStd": "the times between posts are all of one kind",
    "gapBurstiness": "knows no bursts and no rests",
    "pauseRatio": "hardly ever pauses for half an hour",
    "viewsPerHour": "reads more posts an hour than people do",
    "hourSpread": "is active at hours unlike people's",
}


@dataclass(frozen=True, slots=True)
class OneClassPca:
    """How far from bots: all that is learnt from bots alone; k features.

    centre     (k,) of the bots' features, as logarithms of 1 + x
    scale      (k,) their spread, above 0
    mean       (k,) of their scaled features
    precision  (k, k) inverse covariance of those
    """

    centre: FloatArray
    scale: FloatArray
    mean: FloatArray
    precision: FloatArray

    def deviations(self, features: NDArray[Any]) -> FloatArray:
        """(n, k) from the usual bot, in spreads of the bots; 0 for what is more bot-like than that."""
        scaled = scaled_by(features, self.centre, self.scale)
        return np.asarray(one_sided(scaled) - self.mean)

    def squared_mahalanobis(self, features: NDArray[Any]) -> FloatArray:
        """(n,) squared, from the bots, without the feature that is the least like a bot's; 0 or more, low is a bot."""
        off = self.deviations(features)
        pulls = off @ self.precision
        whole = (off * pulls).sum(axis=1)
        # What remains of a Mahalanobis distance where one coordinate may be anything.
        forgiven = (pulls**2 / np.diag(self.precision)).max(axis=1, initial=0.0)
        return np.asarray(np.maximum(whole - forgiven, 0.0))


def scaled_by(features: NDArray[Any], centre: FloatArray, scale: FloatArray) -> FloatArray:
    """(n, k) logarithms of 1 + x, from their centre, in spreads."""
    return np.asarray((np.log1p(np.asarray(features, np.float64)) - centre) / scale)


def one_sided(scaled: FloatArray) -> FloatArray:
    """(n, k) with 0 for what lies on the bots' side of their centre, of features that have such a side."""
    return np.asarray(np.where(RISES < 0, np.maximum(scaled, 0), np.where(RISES > 0, np.minimum(scaled, 0), scaled)))


@dataclass(frozen=True, slots=True)
class Detector:
    """A score, and from which one on somebody is a suspect.

    slope, offset  (1,) of the score: the chance of a bot is that of a logistic curve over the logarithm of the distance
    threshold      (1,) score from which on somebody is a suspect, 0..1; above 1 where nobody is
    people         (3, k) the 0.1, 0.5 and 0.9 quantiles of people's features
    bots           (k,) the median of the bots' features
    """

    one_class_pca: OneClassPca
    slope: FloatArray
    offset: FloatArray
    threshold: FloatArray
    people: FloatArray
    bots: FloatArray

    def scores(self, features: NDArray[Any]) -> FloatArray:
        """(n,) how much like a bot, 0..1, higher is more: among accounts like those that were judged, the chance."""
        logs = log_distance(self.one_class_pca.squared_mahalanobis(features))
        return probability(logs, float(self.slope[0]), float(self.offset[0]))

    @property
    def limit(self) -> float:
        """The score from which on somebody is a suspect."""
        return float(self.threshold[0])

    def reasons(self, features: NDArray[Any], most: int = 3) -> list[Mapping[str, Any]]:
        """What sets (k,) features apart from people's, the clearest first: feature, value, people (from, to), and what
        it says. Empty for somebody whose features could all be a person's."""
        low, median, high = self.people
        width = np.maximum(np.where(self.bots > median, high - median, median - low), 1e-9)
        apart = np.where(self.bots > median, features - high, low - features) / width
        order = np.argsort(-apart, kind="stable")[:most]
        return [
            {
                "feature": FEATURES.names[one],
                "value": shown(features[one]),
                "people": [shown(low[one]), shown(high[one])],
                "says": REASON_TEXTS[FEATURES.names[one]],
            }
            for one in order.tolist()
            if apart[one] > 0
        ]

    def to_bytes(self) -> bytes:
        """As it is kept."""
        return packed(_arrays(self))

    @classmethod
    def read(cls, artifact: Artifact) -> "Detector":
        """Out of an artifact; StaleModel where its arrays are not those of a detector."""
        arrays = unpacked(artifact.model)
        k = len(FEATURES.features)
        shapes = {"centre": (k,), "scale": (k,), "mean": (k,), "precision": (k, k), "people": (3, k), "bots": (k,)}
        shapes |= {"slope": (1,), "offset": (1,), "threshold": (1,)}
        for name, shape in shapes.items():
            if name not in arrays or arrays[name].shape != shape or not np.isfinite(arrays[name]).all():
                raise StaleModel(f"artifact {FAMILY}/{KEY}: {name} is not what it should be")
        one_class_pca = OneClassPca(*(arrays[one.name] for one in fields(OneClassPca)))
        return cls(one_class_pca, *(arrays[one.name] for one in fields(Detector)[1:]))


def probability(log_distances: FloatArray, slope: float, offset: float) -> FloatArray:
    """(n,) of a bot, 0..1, by a logistic curve over the logarithm of the squared distance.

    >>> probability(np.array([-3.0, 2.0, 9.0]), -1.5, 3.0).round(3).tolist()
    [0.999, 0.5, 0.0]
    """
    return np.asarray(1 / (1 + np.exp(-np.clip(slope * log_distances + offset, -50, 50))))


def log_distance(squared_mahalanobis: FloatArray) -> FloatArray:
    """(n,) finite also for a distance of 0."""
    return np.asarray(np.log(squared_mahalanobis + 1e-6))


def shown(value: float) -> float:
    """With three digits.

    >>> shown(712.345), shown(0.012345)
    (712.0, 0.0123)
    """
    return float(f"{float(value):.3g}")


def _arrays(detector: Detector) -> dict[str, NDArray[Any]]:
    parts: Sequence[Any] = (detector.one_class_pca, detector)
    return {one.name: getattr(part, one.name) for part in parts for one in fields(part) if one.name != "likeness"}
