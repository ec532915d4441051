"""Train the ranker of all members, which weighs affinities, follows and the country's score.

Trigger   schedule, daily
Reads     app.contents, app.engagements, app.feeditems, app.relationships, app.accounts, app.users, app.contentinfo,
          analytics.contentfiltering, analytics.mlArtifacts_country, analytics.mlArtifacts_global,
          analytics.mlArtifacts_members, analytics.artifactVersions, analytics.frozenModels
Writes    analytics.mlArtifacts_members, analytics.artifactVersions, analytics.trainingOutcomes,
          analytics.modelPromotions
"""

from functions.feed import train_members
from functions.feed.options import Members
from shared.artifacts import Registry
from shared.config import settings
from shared.ranking.options import Coldstart
from shared.report import Report
from shared.runtime import Tick, on_schedule
from shared.store import open_store


@on_schedule
def handler(tick: Tick) -> Report:
    store, options = open_store(), settings().options
    registry = Registry(store.analytics, settings().artifact_keys)
    return train_members.run(store, registry, options.of(Coldstart), options.of(Members), now=tick.time)
