"""Forget an account.

Trigger   on demand: {"accountId": ...}
Reads     app.users, app.accounts, app.contents, app.feeditems
Writes    analytics.erasures, analytics.mlArtifacts, analytics.artifactVersions, analytics.userEngagementStats,
          analytics.creatorStats, analytics.contentStats, analytics.hashtagStats, analytics.credentialfeatures,
          app.suspiciouscredentials, app.guestfeeditems, app.contentinfo
"""

from functions.privacy import erase_account
from shared.report import Report
from shared.runtime import Request, on_demand
from shared.store import open_store


@on_demand
def handler(request: Request) -> Report:
    return erase_account.run(open_store(), request.id("accountId"), now=request.time)
