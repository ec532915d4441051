"""Delete the versions of models that nobody will go back to.

Trigger   schedule, daily
Reads     analytics.artifactVersions, analytics.mlArtifacts_country, analytics.mlArtifacts_global,
          analytics.mlArtifacts_members, analytics.mlArtifacts_topics, analytics.frauddetectionmlartifacts
Writes    analytics.artifactVersions
"""

from functions.artifacts import prune_artifacts
from functions.artifacts.options import Artifacts
from shared.artifacts import Registry
from shared.config import settings
from shared.report import Report
from shared.runtime import Tick, on_schedule
from shared.store import open_store


@on_schedule
def handler(tick: Tick) -> Report:
    store, config = open_store(), settings()
    registry = Registry(store.analytics, config.artifact_keys)
    return prune_artifacts.run(store, registry, config.options.of(Artifacts), now=tick.time)
