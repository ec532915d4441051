"""Queue the accounts that have something new since their model was trained.

Trigger   schedule, daily
Reads     app.engagements, app.relationships, app.users, app.accounts, app.feeditems, app.contentinfo, app.contents,
          analytics.contentfiltering, analytics.mlArtifacts, analytics.mlArtifacts_members,
          analytics.mlArtifacts_country, analytics.mlArtifacts_global
Writes    analytics.mlArtifacts, analytics.artifactVersions, and the queue of train_personal
"""

from functions.feed import plan_personal_training
from functions.feed.options import Members
from shared.artifacts import Registry
from shared.config import settings
from shared.ranking.options import Coldstart
from shared.report import Report
from shared.runtime import Tick, on_schedule, send_to_training
from shared.store import open_store


@on_schedule
def handler(tick: Tick) -> Report:
    store, members, coldstart = open_store(), settings().options.of(Members), settings().options.of(Coldstart)
    registry = Registry(store.analytics, settings().artifact_keys)
    return plan_personal_training.run(store, registry, send_to_training, members, coldstart, now=tick.time)
