"""Serve the console, web pages for operators and moderators.

Trigger   HTTP: pages under /console
Reads     analytics.consoleMembers, consoleSessions, consoleLogins, auditLog, jobRuns, feedperformances, parkedChanges,
          leases, relayPositions, artifactVersions, mlArtifacts, mlArtifacts_country, mlArtifacts_global,
          mlArtifacts_members, mlArtifacts_topics, frauddetectionmlartifacts, credentialfeatures, frozenModels,
          app.guestfeeditems, contents, suspiciouscredentials
Writes    analytics.consoleMembers, consoleSessions, consoleLogins, auditLog, frozenModels, parkedChanges,
          app.suspiciouscredentials
"""

from console.access import SessionAccess
from console.app import ROUTES
from console.service import Console
from shared.config import settings
from shared.runtime.dead_letters import dead_letters
from shared.runtime.http import on_http
from shared.runtime.promotion import promote
from shared.store import open_store


@on_http(ROUTES, SessionAccess(open_store))
def handler() -> Console:
    return Console(open_store(), settings().options, promote, dead_letters)
