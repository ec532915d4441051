"""Models as data: a manifest, bytes, and which version is live.

Lives here: signing and checking artifacts, candidate → live → retired, aliases, a training that challenges the live
model, what came of it, models that no training may replace; snapshots of arrays that are published in one step, in a
module of their own (`shared.artifacts.snapshots`), which alone needs numpy.
Does not live here: how a model is trained or used.
"""

from shared.artifacts.challenge import Challenge
from shared.artifacts.frozen_models import FrozenModel, FrozenModels
from shared.artifacts.manifest import Artifact, Manifest, version_at
from shared.artifacts.registry import Registry
from shared.artifacts.training_outcomes import Outcome, TrainingOutcome, TrainingOutcomes, outcome_of

__all__ = [
    "Artifact",
    "Challenge",
    "FrozenModel",
    "FrozenModels",
    "Manifest",
    "Outcome",
    "Registry",
    "TrainingOutcome",
    "TrainingOutcomes",
    "outcome_of",
    "version_at",
]
