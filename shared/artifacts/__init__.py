"""Models as data: a manifest, bytes, and which version is live.

Lives here: signing and checking artifacts, candidate → live → retired, aliases, a training that challenges the live
model, models that no training may replace; snapshots of arrays that are published in one step, in a module of their
own (`shared.artifacts.snapshots`), which alone needs numpy.
Does not live here: how a model is trained or used.
"""

from shared.artifacts.challenge import Challenge
from shared.artifacts.frozen_models import FrozenModel, FrozenModels
from shared.artifacts.manifest import Artifact, Manifest, version_at
from shared.artifacts.registry import Registry

__all__ = ["Artifact", "Challenge", "FrozenModel", "FrozenModels", "Manifest", "Registry", "version_at"]
