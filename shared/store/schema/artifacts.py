"""Collections of trained models, their versions, snapshots, and what an account was given of its home."""

from datetime import timedelta

from shared.store.schema.types import NOBODY, About, Collection, index

COUNTRY_ARTIFACTS = Collection(
    "analytics",
    "mlArtifacts_country",
    key=("account", "model"),
    owner="feedkeeper",
    about=NOBODY,
    indexes=(index("account", "model", unique=True),),
)
GLOBAL_ARTIFACTS = Collection(
    "analytics",
    "mlArtifacts_global",
    key=("account", "model"),
    owner="feedkeeper",
    about=NOBODY,
    indexes=(index("account", "model", unique=True),),
)
MEMBER_ARTIFACTS = Collection(
    "analytics",
    "mlArtifacts_members",
    key=("account", "model"),
    owner="feedkeeper",
    about=NOBODY,
    indexes=(index("account", "model", unique=True),),
)
ACCOUNT_ARTIFACTS = Collection(
    "analytics",
    "mlArtifacts",
    key=("account", "model"),
    owner="feedkeeper",
    about=(
        About("account", "account"),
        About("post", "artifact", "search", "1 day"),
        About("user", "artifact", "search", "1 day"),
    ),
    indexes=(index("account", "model", unique=True),),
)
SNAPSHOTS = Collection(
    "analytics",
    "snapshots",
    key=("_id",),
    owner="feedkeeper",
    about=(About("post", "artifact", "rebuild", "5 minutes"), About("user", "artifact", "rebuild", "5 minutes")),
    indexes=(index("account"),),
)
# What an account was given of its home, page by page, while it pages on.
HOME_PAGES = Collection(
    "analytics",
    "homePages",
    key=("_id",),
    owner="feedkeeper",
    about=(About("account", "account"), About("post", "contents", "none", "2 days")),
    indexes=(index("account"), index("expiresAt", expires_after=timedelta(0))),
)
TOPIC_ARTIFACTS = Collection(
    "analytics",
    "mlArtifacts_topics",
    key=("account", "model"),
    owner="feedkeeper",
    about=NOBODY,
    indexes=(index("account", "model", unique=True),),
)
BOT_ARTIFACTS = Collection(
    "analytics",
    "frauddetectionmlartifacts",
    key=("account", "model"),
    owner="feedkeeper",
    about=NOBODY,
    # Those that the original left have no account, and are not ours.
    indexes=(index("account", unique=True, sparse=True), index("model", "-trainedAt")),
)
ARTIFACT_VERSIONS = Collection(
    "analytics",
    "artifactVersions",
    key=("family", "account", "version"),
    owner="feedkeeper",
    about=(About("account", "account"),),
    indexes=(index("family", "account", "-version", unique=True),),
)
