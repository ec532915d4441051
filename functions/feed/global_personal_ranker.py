"""The ranker of all members, ready to score."""

from typing import Final

import numpy as np

from functions.feed.candidate_features import FEATURES, CandidateFeatures
from shared.artifacts import Artifact, Registry
from shared.columns import FloatArray
from shared.errors import StaleModel
from shared.ml.trees import Trees
from shared.ranking.country_ranker import WEIGHT

MEMBERS: Final = "members"
GLOBAL_PERSONAL_KEY: Final = "all"  # its key


class GlobalPersonalRanker:
    """Trees over what is known of an account before a post, that add to what the country's ranker says.

    weight  what they count for by the evidence for them, 0..1
    """

    def __init__(self, version: str, model: bytes, weight: float) -> None:
        self.version = version
        self.model = model
        self.weight = weight
        self._trees = Trees(model)

    @classmethod
    def of(cls, artifact: Artifact) -> "GlobalPersonalRanker":
        """StaleModel where the bytes are no trees, or the manifest does not say what they count for."""
        weight = artifact.manifest.metrics.get(WEIGHT)
        if not isinstance(weight, int | float) or not 0 <= weight <= 1:
            raise StaleModel("the ranker of all members does not say what it counts for")
        return cls(artifact.manifest.version, artifact.model, float(weight))

    def logits(self, met: CandidateFeatures) -> FloatArray:
        """(n,) log odds of an engagement, against a post drawn at random, but for a constant."""
        return met.country_logit + self.weight * self._trees.logits(FEATURES.matrix(met))


def shrink_to_country(own: FloatArray, met: CandidateFeatures, half_weight_acts: float) -> FloatArray:
    """(n,) what is said of an account, drawn towards what its country says, the less the more it did."""
    known = met.engagements / np.maximum(met.engagements + half_weight_acts, 1e-9)
    return np.asarray(met.country_logit + known * (own - met.country_logit))


def load_global_personal_ranker(registry: Registry) -> tuple[GlobalPersonalRanker | None, list[str]]:
    """The live ranker, None where none may be used, and why others were refused."""
    return registry.load(MEMBERS, GLOBAL_PERSONAL_KEY, FEATURES.fingerprint, GlobalPersonalRanker.of)
