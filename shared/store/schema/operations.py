"""Collections that control the runs of functions: erasures, watermarks, leases, parked changes; and their record."""

from datetime import timedelta

from shared.store.schema.types import NOBODY, About, Collection, index

ERASURES = Collection(
    "analytics",
    "erasures",
    key=("_id",),
    owner="feedkeeper",
    about=(
        About("account", "_id", "none", "90 days"),
        About("user", "users", "none", "90 days"),
        About("post", "posts", "none", "90 days"),
        About("post", "gone", "none", "90 days"),
        About("credential", "credentials", "none", "90 days"),
    ),
    indexes=(
        index("erasedAt", expires_after=timedelta(days=90)),
        index("-erasedAt", "-_id"),
        index("users"),
        index("posts"),
        index("gone"),
        index("credentials"),
    ),
)
# The users and credentials of each account, by which an erasure finds them when the application has deleted them.
ACCOUNT_LINKS = Collection(
    "analytics",
    "accountLinks",
    key=("_id",),
    owner="feedkeeper",
    about=(
        About("account", "account"),
        About("user", "account"),
        About("user", "user"),
        About("credential", "credential"),
    ),
    indexes=(index("account"), index("user", sparse=True), index("credential", sparse=True)),
)
WATERMARKS = Collection(
    "analytics",
    "watermarks",
    key=("_id",),
    owner="feedkeeper",
    about=(About("post", "cursor", "field"), About("user", "cursor", "field")),
)
LEASES = Collection(
    "analytics",
    "leases",
    key=("_id",),
    owner="feedkeeper",
    about=NOBODY,
    indexes=(index("until", expires_after=timedelta(days=1)),),
)
PARKED_CHANGES = Collection(
    "analytics",
    "parkedChanges",
    key=("_id",),
    owner="feedkeeper",
    about=(
        About("post", "event", "none", "30 days"),
        About("user", "event", "none", "30 days"),
        About("account", "event", "none", "30 days"),
    ),
    indexes=(
        index("lastAt", expires_after=timedelta(days=30)),
        index("replayedAt", "firstAt"),
        index("function", "reason", "replayedAt", "firstAt", "_id"),
        index("replayRequested.at", "function", "reason"),
    ),
)
# `_id` begins with the moment; no document holds ids (`shared/store/job_runs.py`).
JOB_RUNS = Collection(
    "analytics",
    "jobRuns",
    key=("_id",),
    owner="feedkeeper",
    about=NOBODY,
    indexes=(
        index("startedAt", expires_after=timedelta(days=30)),
        index("function", "-_id"),
        index("outcome", "-_id"),
        index("function", "outcome", "-_id"),
    ),
)
RELAY_POSITIONS = Collection(
    "analytics",
    "relayPositions",
    key=("_id",),
    owner="feedkeeper",
    about=(
        About("post", "token", "none", "until the next change"),
        About("user", "token", "none", "until the next change"),
        About("account", "token", "none", "until the next change"),
    ),
)
