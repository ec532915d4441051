"""Real events, stored as the application would have stored them.

Reads the CSV of an internal social network, plain or gzipped, with at least these columns:

    timestamp [s since 1970], eventType, contentId, personId, sessionId, userCountry (often empty)
"""

from local.deskdrop.documents import PUBLISHER, object_id
from local.deskdrop.events import COLUMNS, ENGAGEMENTS, Event, read_events
from local.deskdrop.importing import ImportReport, import_deskdrop

__all__ = [
    "COLUMNS",
    "ENGAGEMENTS",
    "PUBLISHER",
    "Event",
    "ImportReport",
    "import_deskdrop",
    "object_id",
    "read_events",
]
