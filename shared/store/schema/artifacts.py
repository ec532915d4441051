"""Collections of trained models, their versions, snapshots, and served pages of the home feed."""

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
# What came of each training of a model.
TRAINING_OUTCOMES = Collection(
    "analytics",
    "trainingOutcomes",
    key=("_id",),
    owner="feedkeeper",
    about=NOBODY,
    indexes=(index("family", "key", "-at"), index("at", expires_after=timedelta(days=90))),
)
# Which version of a model was made live when, and by whom.
MODEL_PROMOTIONS = Collection(
    "analytics",
    "modelPromotions",
    key=("_id",),
    owner="feedkeeper",
    about=NOBODY,
    indexes=(index("family", "key", "-at"), index("at", expires_after=timedelta(days=400))),
)
# The pages of its home feed that an account was served, until its paging ends.
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
    # Documents that the original program left have no account, and are not ours.
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
