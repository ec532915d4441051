"""The global personal ranker: one model for all accounts, which adds to the country's logit what an account's features
say about a post."""

from typing import Final

import numpy as np

from functions.feed.candidate_features import FEATURES, CandidateFeatures
from shared.artifacts import Artifact, Registry
from shared.columns import FloatArray
from shared.errors import StaleModel
from shared.ml.trees import Trees
from shared.ranking.country_ranker import WEIGHT

MEMBERS: Final = "members"  # the family of its artifacts
GLOBAL_PERSONAL_KEY: Final = "all"  # its key in the family

HALF_WEIGHT_ENGAGEMENTS: Final = 0.5  # of an account, at which its own ranker and its country's count alike  [count]


class GlobalPersonalRanker:
    """Trees over candidate features, whose logits are added to the country's.

    weight  factor on the logits of the trees, 0..1, by the evidence that they improve the order
    """

    def __init__(self, version: str, model: bytes, weight: float) -> None:
        """`model` is XGBoost's UBJSON; StaleModel where it cannot be read."""
        self.version = version
        self.model = model
        self.weight = weight
        self._trees = Trees(model)

    @classmethod
    def of(cls, artifact: Artifact) -> "GlobalPersonalRanker":
        """The ranker in an artifact; StaleModel where its bytes are no trees, or its manifest has no weight of 0..1."""
        weight = artifact.manifest.metrics.get(WEIGHT)
        if not isinstance(weight, int | float) or not 0 <= weight <= 1:
            raise StaleModel("the ranker of all members does not say what it counts for")
        return cls(artifact.manifest.version, artifact.model, float(weight))

    def logits(self, features: CandidateFeatures) -> FloatArray:
        """(n,) log odds of an engagement against a post drawn at random, up to a constant."""
        return features.country_logit + self.weight * self._trees.logits(FEATURES.matrix(features))


def shrink_to_country(own: FloatArray, features: CandidateFeatures) -> FloatArray:
    """(n,) logits of an account, shrunk towards its country's, the less the more engagements the account has.

    own  (n,) logits of the personal rankers
    """
    weight = features.engagements / np.maximum(features.engagements + HALF_WEIGHT_ENGAGEMENTS, 1e-9)
    return np.asarray(features.country_logit + weight * (own - features.country_logit))


def load_global_personal_ranker(registry: Registry) -> tuple[GlobalPersonalRanker | None, list[str]]:
    """The live ranker, None where there is none that may be used, and why versions were refused."""
    return registry.load(MEMBERS, GLOBAL_PERSONAL_KEY, FEATURES.fingerprint, GlobalPersonalRanker.of)
