"""Make a kept version of a model live: to bring an older one back, or a candidate forward.

Trigger   on demand: {family, key, version, instead_of, by}
Reads     analytics.artifactVersions, analytics.mlArtifacts_country, analytics.mlArtifacts_global,
          analytics.mlArtifacts_members, analytics.mlArtifacts_topics, analytics.frauddetectionmlartifacts
Writes    analytics.mlArtifacts_country, mlArtifacts_global, mlArtifacts_members, mlArtifacts_topics,
          frauddetectionmlartifacts, artifactVersions, modelPromotions
"""

from datetime import datetime

from functions.artifacts import promote_artifact
from functions.artifacts.promote_artifact import PromoteRequest
from shared.artifacts import Registry
from shared.config import settings
from shared.report import Report
from shared.runtime import on_direct_call
from shared.store import open_store


@on_direct_call(PromoteRequest)
def handler(request: PromoteRequest, now: datetime) -> Report:
    store, config = open_store(), settings()
    registry, named = Registry(store.analytics, config.artifact_keys), (request.family, request.key, request.version)
    return promote_artifact.run(registry, *named, instead_of=request.instead_of, by=request.by or "", now=now)
