"""The table of all collections of both databases, and the names that options may not give to one."""

from shared.errors import BadConfig
from shared.store.options import ExposureFields
from shared.store.schema.application import (
    ACCOUNTS,
    CONTENT_FILTERING,
    CONTENTS,
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

COLLECTIONS = (
    CONTENTS,
    ENGAGEMENTS,
    USERS,
    ACCOUNTS,
    RELATIONSHIPS,
    FEED_ITEMS,
    SUSPECTS,
    CREDENTIAL_FEATURES,
    CONTENT_INFO,
    GUEST_FEED,
    CONTENT_STATS,
    CREATOR_STATS,
    HASHTAG_STATS,
    ENGAGEMENT_STATS,
    TOPICS,
    TOPIC_CORRECTIONS,
    LABELLED_TEXTS,
    LABELLED_HARMS,
    CONTENT_FILTERING,
    COUNTRY_ARTIFACTS,
    GLOBAL_ARTIFACTS,
    MEMBER_ARTIFACTS,
    ACCOUNT_ARTIFACTS,
    HOME_PAGES,
    SNAPSHOTS,
    TOPIC_ARTIFACTS,
    BOT_ARTIFACTS,
    ARTIFACT_VERSIONS,
    FEED_PERFORMANCES,
    ERASURES,
    ACCOUNT_LINKS,
    WATERMARKS,
    LEASES,
    PARKED_CHANGES,
    JOB_RUNS,
    RELAY_POSITIONS,
    CONSOLE_MEMBERS,
    CONSOLE_SESSIONS,
    CONSOLE_LOGINS,
    AUDIT_LOG,
    FROZEN_MODELS,
    MODEL_PROMOTIONS,
    TRAINING_OUTCOMES,
)
OURS = tuple(collection for collection in COLLECTIONS if collection.owner == "feedkeeper")


def require_names(names: ExposureFields) -> None:
    """Raise BadConfig where options give the exposures the name of another collection, or two fields the same name."""
    exposures = feed_items(names)
    of_app = (collection for collection in COLLECTIONS if collection.database == "app" and collection is not FEED_ITEMS)
    if names.collection in {collection.name for collection in of_app}:
        raise BadConfig(f"option exposures.collection: {names.collection!r} holds no exposures")
    if any(len(dict(index.keys)) < len(index.keys) for index in exposures.indexes):
        raise BadConfig(
            f"options exposures.credential and off_screen: {names.credential!r} and {names.off_screen!r} are not two "
            "fields beside seenAt, content and updatedAt"
        )
