"""Collections of the console: who may use it, who is using it, and what was done or decided by it."""

from datetime import timedelta

from shared.store.schema.types import NOBODY, About, Collection, Subject, index

# What an entry of the audit log may be about, and an erasure looks for.
SUBJECTS_OF_ACTS: tuple[Subject, ...] = ("account", "post", "credential")

CONSOLE_MEMBERS = Collection("analytics", "consoleMembers", key=("_id",), owner="feedkeeper", about=NOBODY)
CONSOLE_SESSIONS = Collection(
    "analytics",
    "consoleSessions",
    key=("_id",),
    owner="feedkeeper",
    about=NOBODY,
    indexes=(index("member"), index("expiresAt", expires_after=timedelta())),
)
# Links that log in once, which only a service on one machine makes.
CONSOLE_LOGINS = Collection(
    "analytics",
    "consoleLogins",
    key=("_id",),
    owner="feedkeeper",
    about=NOBODY,
    indexes=(index("expiresAt", expires_after=timedelta()),),
)
# Keys of models whose live version no training replaces.
FROZEN_MODELS = Collection("analytics", "frozenModels", key=("_id",), owner="feedkeeper", about=NOBODY)
AUDIT_LOG = Collection(
    "analytics",
    "auditLog",
    key=("_id",),
    owner="feedkeeper",
    about=tuple(
        About(subject, f"personal.{subject}", "field", unset_too=f"salts.{subject}") for subject in SUBJECTS_OF_ACTS
    ),
    indexes=(
        index("by", "-_id"),
        index("act", "-_id"),
        index("personal.account", sparse=True),
        index("personal.post", sparse=True),
        index("personal.credential", sparse=True),
    ),
)
