"""The ranker of all members, ready to score."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from functions.feed.encounters import FEATURES, Encounters
from shared.artifacts import Artifact, Registry
from shared.ml.trees import Trees

MEMBERS: Final = "members"
EVERY_MEMBER: Final = "all"  # its key

Floats = NDArray[np.float64]


class MembersRanker:
    """Trees over what is known of an account before a post."""

    def __init__(self, version: str, model: bytes) -> None:
        self.version = version
        self._trees = Trees(model)

    @classmethod
    def of(cls, artifact: Artifact) -> "MembersRanker":
        """StaleModel where the bytes are no trees."""
        return cls(artifact.manifest.version, artifact.model)

    def margins(self, met: Encounters) -> Floats:
        """(n,) log odds of an engagement, against a post drawn at random."""
        return self._trees.margins(FEATURES.matrix(met))


def load_members(registry: Registry) -> tuple[MembersRanker | None, list[str]]:
    """The live ranker, None where none may be used, and why others were refused."""
    return registry.load(MEMBERS, EVERY_MEMBER, FEATURES.fingerprint, MembersRanker.of)
