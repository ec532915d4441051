"""Every collection with its key, its indexes, whose ids it holds and what expires. Nothing else creates an index.

    python -m shared.store plan     lists the missing indexes
    python -m shared.store apply    creates them; safe to repeat

Indexes are only ever added. To the application's collections we add those that our reads need, and leave its own.
"""

from shared.store.schema.application import (
    ACCOUNTS,
    CONTENT_FILTERING,
    CONTENTS,
    DEFAULT_NAMES,
    ENGAGEMENTS,
    FEED_ITEMS,
    LABELLED_TEXTS,
    RELATIONSHIPS,
    USERS,
    feed_items,
)
from shared.store.schema.artifacts import (
    ACCOUNT_ARTIFACTS,
    ARTIFACT_VERSIONS,
    BOT_ARTIFACTS,
    COUNTRY_ARTIFACTS,
    GLOBAL_ARTIFACTS,
    HOME_PAGES,
    MEMBER_ARTIFACTS,
    MODEL_PROMOTIONS,
    SNAPSHOTS,
    TOPIC_ARTIFACTS,
    TRAINING_OUTCOMES,
)
from shared.store.schema.console import AUDIT_LOG, CONSOLE_LOGINS, CONSOLE_MEMBERS, CONSOLE_SESSIONS, FROZEN_MODELS
from shared.store.schema.derived import (
    CONTENT_INFO,
    CONTENT_STATS,
    CREATOR_STATS,
    CREDENTIAL_FEATURES,
    ENGAGEMENT_STATS,
    FEED_PERFORMANCES,
    GUEST_FEED,
    HASHTAG_STATS,
    LABELLED_HARMS,
    SUSPECTS,
    TOPIC_CORRECTIONS,
    TOPICS,
)
from shared.store.schema.operations import (
    ACCOUNT_LINKS,
    ERASURES,
    JOB_RUNS,
    LEASES,
    PARKED_CHANGES,
    RELAY_POSITIONS,
    WATERMARKS,
)
from shared.store.schema.plan import apply, missing
from shared.store.schema.tables import COLLECTIONS, OURS, require_names
from shared.store.schema.types import About, Collection, Index, Subject

__all__ = [
    "ACCOUNTS",
    "ACCOUNT_ARTIFACTS",
    "ACCOUNT_LINKS",
    "ARTIFACT_VERSIONS",
    "AUDIT_LOG",
    "BOT_ARTIFACTS",
    "COLLECTIONS",
    "CONSOLE_LOGINS",
    "CONSOLE_MEMBERS",
    "CONSOLE_SESSIONS",
    "CONTENTS",
    "CONTENT_FILTERING",
    "CONTENT_INFO",
    "CONTENT_STATS",
    "COUNTRY_ARTIFACTS",
    "CREATOR_STATS",
    "CREDENTIAL_FEATURES",
    "DEFAULT_NAMES",
    "ENGAGEMENTS",
    "ENGAGEMENT_STATS",
    "ERASURES",
    "FEED_ITEMS",
    "FEED_PERFORMANCES",
    "FROZEN_MODELS",
    "GLOBAL_ARTIFACTS",
    "GUEST_FEED",
    "HASHTAG_STATS",
    "HOME_PAGES",
    "JOB_RUNS",
    "LABELLED_HARMS",
    "LABELLED_TEXTS",
    "LEASES",
    "MEMBER_ARTIFACTS",
    "MODEL_PROMOTIONS",
    "OURS",
    "PARKED_CHANGES",
    "RELATIONSHIPS",
    "RELAY_POSITIONS",
    "SNAPSHOTS",
    "SUSPECTS",
    "TOPICS",
    "TOPIC_ARTIFACTS",
    "TOPIC_CORRECTIONS",
    "TRAINING_OUTCOMES",
    "USERS",
    "WATERMARKS",
    "About",
    "Collection",
    "Index",
    "Subject",
    "apply",
    "feed_items",
    "missing",
    "require_names",
]
