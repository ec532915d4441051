"""Collections that the application writes; we read them, and add the indexes that our reads need."""

from shared.store.options import ExposureFields
from shared.store.schema.types import NOBODY, About, Collection, index

CONTENTS = Collection(
    "app",
    "contents",
    key=("_id",),
    owner="application",
    about=(
        About("post", "_id"),
        About("user", "author.id"),
        About("post", "originalPost._id"),
        About("user", "originalPost.author.id"),
    ),
    indexes=(
        index("visibility", "-createdAt"),
        index("visibility", "-updatedAt"),
        index("updatedAt"),
        index("author.id"),
    ),
)
ENGAGEMENTS = Collection(
    "app",
    "engagements",
    key=("user", "targetRef", "type"),
    owner="application",
    about=(About("user", "user"), About("account", "account"), About("post", "targetRef.$id")),
    indexes=(index("updatedAt"), index("user"), index("account"), index("targetRef"), index("targetRef.$id")),
)
USERS = Collection(
    "app",
    "users",
    key=("_id",),
    owner="application",
    about=(About("user", "_id"), About("account", "ownerAccount")),
    indexes=(index("updatedAt"), index("ownerAccount")),
)
ACCOUNTS = Collection(
    "app",
    "accounts",
    key=("_id",),
    owner="application",
    about=(About("account", "_id"), About("credential", "credentials.deviceUUID")),
    indexes=(index("updatedAt"),),
)
RELATIONSHIPS = Collection(
    "app",
    "relationships",
    key=("user", "followedUser"),
    owner="application",
    about=(About("user", "user"), About("user", "followedUser")),
    indexes=(
        index("user", "-_id"),
        index("user", "followedUser"),
        index("user", "blocking"),
        index("user", "blocked"),
        index("followedUser", "blocking"),
        index("followedUser", "blocked"),
        index("updatedAt"),
    ),
)


def feed_items(names: ExposureFields) -> Collection:
    """The collection of exposures, under the names that the options give to it and its fields."""
    return Collection(
        "app",
        names.collection,
        key=("viewer", "content", "seenAt"),
        owner="application",
        about=(
            About("account", "viewer"),
            About("user", "viewer"),
            About("post", "content"),
            About("credential", names.credential),
        ),
        indexes=(
            index("seenAt"),
            index("viewer", "-seenAt"),
            index(names.credential, "seenAt", "content", f"-{names.off_screen}"),
            index("updatedAt", names.credential),
        ),
    )


DEFAULT_NAMES = ExposureFields()
FEED_ITEMS = feed_items(DEFAULT_NAMES)
LABELLED_TEXTS = Collection(
    "analytics",
    "labelledTexts",
    key=("text", "topics"),
    owner="application",
    about=NOBODY,
    indexes=(index("updatedAt"),),
)
CONTENT_FILTERING = Collection(
    "analytics",
    "contentfiltering",
    key=("contentId",),
    owner="application",
    about=(About("post", "contentId"),),
    indexes=(index("contentId"),),
)
