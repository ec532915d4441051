"""Serve the console, web pages for operators and moderators.

Trigger   HTTP: pages under /console
Reads     analytics.consoleMembers, consoleSessions, consoleLogins, auditLog, jobRuns, feedperformances, parkedChanges,
          leases, relayPositions, artifactVersions, mlArtifacts, mlArtifacts_country, mlArtifacts_global,
          mlArtifacts_members, mlArtifacts_topics, frauddetectionmlartifacts, credentialfeatures, frozenModels,
          trainingOutcomes, modelPromotions, erasures, topics, topicCorrections, contentStats, creatorStats,
          userEngagementStats, accountLinks, homePages, app.guestfeeditems, contents, contentinfo,
          suspiciouscredentials, users, accounts, engagements
Writes    analytics.consoleMembers, consoleSessions, consoleLogins, auditLog, frozenModels, erasures, topicCorrections,
          parkedChanges, app.suspiciouscredentials, contentinfo
"""

from console.app import ROUTES, SessionAccess
from console.service import ANSWER_WITHIN_S, Console
from shared.config import settings
from shared.runtime.dead_letters import dead_letters
from shared.runtime.function_calls import call, promote
from shared.runtime.http import on_http
from shared.store import open_store


@on_http(ROUTES, SessionAccess(open_store), within_s=ANSWER_WITHIN_S)
def handler() -> Console:
    return Console(open_store(), settings(), promote, call, dead_letters)
