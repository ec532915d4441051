"""Models as data: a manifest, bytes, and which version is live.

Lives here: signing and checking artifacts, candidate → live → retired, aliases; snapshots of arrays
that are published in one step.
Does not live here: how a model is trained or used.
"""

from shared.artifacts.manifest import Artifact, Manifest
from shared.artifacts.registry import Registry
from shared.artifacts.snapshots import Snapshots

__all__ = ["Artifact", "Manifest", "Registry", "Snapshots"]
