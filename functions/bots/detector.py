"""The model of bots' reading, and the score of a credential under it.

One-class classification by principal components: bots are the inliers. Features are put on one scale by the bots' own
median and spread; a feature that is more bot-like than the median bot's counts as the median bot's, so that nobody is
cleared for being too regular. The principal components of the bots, with one variance for all directions beyond them
(Tipping & Bishop, "Probabilistic Principal Component Analysis", 1999), give a squared Mahalanobis distance from the
bots. The one feature that speaks most against a bot is left out of it, so that faking a single feature does not help.

Inference is written in numpy instead of calling scikit-learn's `PCA.score_samples`: it needs only the (k, k) precision
matrix, so `flag_suspects`, which runs every minute, stays without the layers `science` and `learn` (SciPy and
scikit-learn). Tests compare the distance with theirs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from functions.bots.reading_features import FEATURES, LAYOUT
from shared.artifacts import Artifact
from shared.artifacts.snapshots import packed, unpacked
from shared.columns import FloatArray
from shared.errors import StaleModel
from shared.provenance import digest

FAMILY: Final = "bots"
KEY: Final = "credentials"
FINGERPRINT: Final = digest(FEATURES.fingerprint, LAYOUT)
MONOTONE_SIGN: Final = np.array(FEATURES.monotone_sign)

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
    """Distance from the bots: everything that is learnt from bots alone, of k features.

    centre     (k,) median of the bots' log(1 + feature)
    scale      (k,) their spread, above 0, which is the unit of scaled features [bot spreads]
    mean       (k,) mean of the bots' scaled features [bot spreads]
    precision  (k, k) inverse covariance of the bots' scaled features
    """

    centre: FloatArray
    scale: FloatArray
    mean: FloatArray
    precision: FloatArray

    def deviations(self, features: NDArray[Any]) -> FloatArray:
        """(n, k) deviations from the bots' mean [bot spreads], after features beyond the bots' centre on the bots'
        side have been set to the centre.

        features  (n, k)
        """
        scaled = scale_features(features, self.centre, self.scale)
        return np.asarray(one_sided(scaled) - self.mean)

    def squared_mahalanobis(self, features: NDArray[Any]) -> FloatArray:
        """(n,) squared Mahalanobis distance from the bots without the feature that adds most to it; 0 or more, low for
        a bot.

        features  (n, k)
        """
        deviations = self.deviations(features)
        projected = deviations @ self.precision
        distance = (deviations * projected).sum(axis=1)
        # The part of the distance that is gone when one coordinate is free: it takes its conditional mean.
        left_out = (projected**2 / np.diag(self.precision)).max(axis=1, initial=0.0)
        return np.asarray(np.maximum(distance - left_out, 0.0))


def scale_features(features: NDArray[Any], centre: FloatArray, scale: FloatArray) -> FloatArray:
    """(n, k) log(1 + feature) relative to `centre`, in units of `scale`.

    features       (n, k), not negative
    centre, scale  (k,)
    """
    return np.asarray((np.log1p(np.asarray(features, np.float64)) - centre) / scale)


def one_sided(scaled: FloatArray) -> FloatArray:
    """(n, k) the scaled features with 0 for values on the bots' side of the centre, for features that have such a side.

    scaled  (n, k) [bot spreads], 0 at the bots' centre
    """
    not_below, not_above = np.maximum(scaled, 0), np.minimum(scaled, 0)
    return np.asarray(np.where(MONOTONE_SIGN < 0, not_below, np.where(MONOTONE_SIGN > 0, not_above, scaled)))


@dataclass(frozen=True, slots=True)
class Detector:
    """A score for each credential, and the threshold from which on it is a suspect.

    slope, offset  (1,) of the logistic curve that gives the probability of a bot for the log of the squared distance
    threshold      (1,) score from which on a credential is a suspect, 0..1; above 1 where none is
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
        """(n,) scores 0..1, higher = more like a bot; the probability of a bot among accounts like the labelled ones.

        features  (n, k)
        """
        logs = log_distance(self.one_class_pca.squared_mahalanobis(features))
        return probability(logs, float(self.slope[0]), float(self.offset[0]))

    @property
    def limit(self) -> float:
        """The score from which on a credential is a suspect."""
        return float(self.threshold[0])

    def reasons(self, features: NDArray[Any], max_reasons: int = 3) -> list[Mapping[str, Any]]:
        """The features of one credential that lie outside people's range on the bots' side, the furthest first; empty
        where there is none.

        features  (k,)
        returns   for each reason: feature, its value, people's range (from, to) and the sentence for a reviewer
        """
        low, median, high = self.people
        width = np.maximum(np.where(self.bots > median, high - median, median - low), 1e-9)
        excess = np.where(self.bots > median, features - high, low - features) / width
        order = np.argsort(-excess, kind="stable")[:max_reasons]
        return [
            {
                "feature": FEATURES.names[column],
                "value": to_three_digits(features[column]),
                "people": [to_three_digits(low[column]), to_three_digits(high[column])],
                "says": REASON_TEXTS[FEATURES.names[column]],
            }
            for column in order.tolist()
            if excess[column] > 0
        ]

    def to_bytes(self) -> bytes:
        """The arrays of the detector as the model of an artifact."""
        pca, own = self.one_class_pca, fields(Detector)[1:]
        arrays = {field.name: getattr(pca, field.name) for field in fields(OneClassPca)}
        return packed(arrays | {field.name: getattr(self, field.name) for field in own})

    @classmethod
    def read(cls, artifact: Artifact) -> "Detector":
        """The detector of an artifact; StaleModel where its arrays are missing, of another shape or not finite."""
        arrays = unpacked(artifact.model)
        k = len(FEATURES.features)
        shapes = {"centre": (k,), "scale": (k,), "mean": (k,), "precision": (k, k), "people": (3, k), "bots": (k,)}
        shapes |= {"slope": (1,), "offset": (1,), "threshold": (1,)}
        for name, shape in shapes.items():
            if name not in arrays or arrays[name].shape != shape or not np.isfinite(arrays[name]).all():
                raise StaleModel(f"artifact {FAMILY}/{KEY}: {name} is not what it should be")
        one_class_pca = OneClassPca(*(arrays[field.name] for field in fields(OneClassPca)))
        return cls(one_class_pca, *(arrays[field.name] for field in fields(Detector)[1:]))


def probability(log_distances: FloatArray, slope: float, offset: float) -> FloatArray:
    """(n,) calibrated probability of a bot, 0..1 (Platt scaling): a logistic curve over log squared distances.

    log_distances  (n,)

    >>> probability(np.array([-3.0, 2.0, 9.0]), -1.5, 3.0).round(3).tolist()
    [0.999, 0.5, 0.0]
    """
    return np.asarray(1 / (1 + np.exp(-np.clip(slope * log_distances + offset, -50, 50))))


def log_distance(squared_mahalanobis: FloatArray) -> FloatArray:
    """(n,) log of the squared distances (n,), finite also for a distance of 0."""
    return np.asarray(np.log(squared_mahalanobis + 1e-6))


def to_three_digits(value: float) -> float:
    """The value rounded to three significant digits, as a reviewer reads it.

    >>> to_three_digits(712.345), to_three_digits(0.012345)
    (712.0, 0.0123)
    """
    return float(f"{float(value):.3g}")
