"""Serve the console, web pages for operators and moderators.

Trigger   HTTP: pages under /console
Reads     analytics.consoleMembers, analytics.consoleSessions, analytics.consoleLogins, analytics.auditLog,
          analytics.jobRuns, analytics.feedperformances, analytics.parkedChanges, analytics.artifactVersions,
          analytics.mlArtifacts, analytics.mlArtifacts_country, analytics.mlArtifacts_global,
          analytics.mlArtifacts_members, analytics.mlArtifacts_topics, analytics.frauddetectionmlartifacts,
          analytics.credentialfeatures, analytics.frozenModels, app.guestfeeditems, app.contents,
          app.suspiciouscredentials
Writes    analytics.consoleMembers, analytics.consoleSessions, analytics.consoleLogins, analytics.auditLog,
          analytics.frozenModels, app.suspiciouscredentials
"""

from console.access import SessionAccess
from console.app import ROUTES
from console.service import Console
from shared.config import settings
from shared.runtime.function_calls import call, promote
from shared.runtime.http import on_http
from shared.store import open_store


@on_http(ROUTES, SessionAccess(open_store))
def handler() -> Console:
    return Console(open_store(), settings().options, promote, call)
