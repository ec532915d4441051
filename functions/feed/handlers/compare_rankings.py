"""Tell what two versions of a model that ranks posts show first, and to how many members that makes a difference.

Trigger   on demand: {family, key, left, right, accountId, members, earlier}
Reads     analytics.artifactVersions, analytics.mlArtifacts, analytics.mlArtifacts_members, analytics.snapshots,
          analytics.mlArtifacts_country, analytics.mlArtifacts_global, analytics.contentfiltering, app.relationships,
          app.feeditems, app.engagements, app.guestfeeditems, app.contents, app.contentinfo, app.accounts, app.users
Writes    nothing
"""

from datetime import datetime

from functions.feed import compare_rankings
from functions.feed.feed_ranker import open_feed_ranker
from functions.feed.options import Members
from functions.feed.requests import CompareRequest
from shared.config import settings
from shared.runtime.direct import Answer, in_time, on_direct_question
from shared.store import open_store


@on_direct_question(CompareRequest)
def handler(request: CompareRequest, now: datetime) -> Answer:
    feed_ranker = open_feed_ranker(open_store(), settings().artifact_keys, settings().options.of(Members))
    has_time = in_time(compare_rankings.FOR_S)
    return compare_rankings.run(feed_ranker, settings().options, request, has_time, now=now)
