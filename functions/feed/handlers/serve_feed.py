"""Serve members' feeds over HTTP.

Trigger   HTTP: the application's data service, and /feed/home; documentation at /swagger
Reads     analytics.mlArtifacts, analytics.mlArtifacts_members, analytics.snapshots, analytics.creatorStats,
          app.relationships, app.feeditems, app.engagements, app.guestfeeditems, app.contents, app.accounts, app.users,
          analytics.homePages
Writes    analytics.homePages
"""

from functions.feed.feed_ranker import open_feed_ranker
from functions.feed.options import Members
from functions.feed.serve_feed import ROUTES, Feed
from shared.config import settings
from shared.runtime.json_api import on_json_api
from shared.store import open_store


@on_json_api(ROUTES, title="Feedkeeper")
def handler() -> Feed:
    feed_ranker = open_feed_ranker(open_store(), settings().artifact_keys, settings().options.of(Members))
    return Feed(feed_ranker, settings().options)
