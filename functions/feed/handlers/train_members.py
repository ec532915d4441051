"""Train the ranker of all members: how much taste, follows and country count.

Trigger   schedule, daily
Reads     app.contents, app.engagements, app.feeditems, app.relationships, app.accounts, app.users, app.contentinfo,
          analytics.contentfiltering, analytics.mlArtifacts_country
Writes    analytics.mlArtifacts_members, analytics.artifactVersions
"""

from functions.feed import train_members
from shared.artifacts import Registry
from shared.config import settings
from shared.report import Report
from shared.runtime import Tick, on_schedule
from shared.store import open_store


@on_schedule
def handler(tick: Tick) -> Report:
    store, chosen = open_store(), settings()
    registry, options = Registry(store.analytics, chosen.artifact_keys), chosen.options
    return train_members.run(store, registry, options.coldstart, options.members, now=tick.time)
