"""Publish the best posts for the guests of every country.

Trigger   schedule, every 30 minutes
Reads     analytics.mlArtifacts_country, analytics.mlArtifacts_global, app.contents, app.engagements, app.contentinfo,
          app.users, app.accounts, analytics.contentfiltering, app.guestfeeditems
Writes    app.guestfeeditems, by way of a staging collection
"""

from functions.coldstart import build_guest_feed
from functions.coldstart.options import GuestFeedOptions
from shared.artifacts import Registry
from shared.config import settings
from shared.ranking.options import Coldstart
from shared.report import Report
from shared.runtime import Tick, on_schedule
from shared.store import open_store


@on_schedule
def handler(tick: Tick) -> Report:
    store, config = open_store(), settings()
    registry = Registry(store.analytics, config.artifact_keys)
    options = config.options
    return build_guest_feed.run(store, registry, options.of(GuestFeedOptions), options.of(Coldstart), now=tick.time)
