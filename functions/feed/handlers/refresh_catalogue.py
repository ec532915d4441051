"""Describe every published post for the ranking of members' feeds.

Trigger   schedule, every 5 minutes
Reads     app.contents, app.engagements, app.feeditems, app.contentinfo, app.accounts, app.users,
          analytics.contentfiltering, analytics.mlArtifacts_country, analytics.mlArtifacts_global, analytics.snapshots
Writes    analytics.snapshots
"""

from functions.feed import refresh_catalogue
from functions.feed.options import Members
from shared.artifacts import Registry
from shared.artifacts.snapshots import Snapshots
from shared.config import settings
from shared.ranking.options import Coldstart
from shared.report import Report
from shared.runtime import Tick, on_schedule
from shared.store import open_store


@on_schedule
def handler(tick: Tick) -> Report:
    store, keys, options = open_store(), settings().artifact_keys, settings().options
    registry, snapshots = Registry(store.analytics, keys), Snapshots(store.analytics, keys)
    return refresh_catalogue.run(store, registry, snapshots, options.of(Coldstart), options.of(Members), now=tick.time)
