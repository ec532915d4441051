"""Every collection, its key, its indexes and what ages out. Nothing else makes an index.

    python -m shared.store.schema plan     says what is missing
    python -m shared.store.schema apply    makes it; safe to repeat

Indexes are only ever added. On a collection of the application we add what our reads need; its own stay its own.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from pymongo import IndexModel
from pymongo.database import Database
from pymongo.errors import OperationFailure

from shared.config import Exposures, settings
from shared.errors import BadConfig

Document = dict[str, Any]
Keys = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Index:
    """Fields with 1 for ascending and -1 for descending."""

    keys: Keys
    unique: bool = False
    expires_after: timedelta | None = None
    sparse: bool = False  # without the documents that lack the field

    @property
    def name(self) -> str:
        """The name that MongoDB would choose, so that an index made by another program is recognised."""
        return "_".join(f"{field}_{direction}" for field, direction in self.keys)

    def model(self) -> IndexModel:
        """As the driver takes it."""
        options: Document = {"name": self.name}
        if self.unique:
            options["unique"] = True
        if self.expires_after is not None:
            options["expireAfterSeconds"] = int(self.expires_after.total_seconds())
        if self.sparse:
            options["sparse"] = True
        return IndexModel(list(self.keys), **options)


@dataclass(frozen=True, slots=True)
class Collection:
    """One collection of the contract.

    database  which of the two
    key       the natural key that writes upsert by
    owner     who writes the documents
    indexes   what our reads need, beyond `_id`
    """

    database: Literal["app", "analytics"]
    name: str
    key: tuple[str, ...]
    owner: Literal["application", "feedkeeper"]
    indexes: tuple[Index, ...] = ()


def _by(*fields: str, unique: bool = False, expires_after: timedelta | None = None, sparse: bool = False) -> Index:
    """`-field` descends."""
    keys = tuple((f.removeprefix("-"), -1 if f.startswith("-") else 1) for f in fields)
    return Index(keys, unique, expires_after, sparse)


CONTENTS = Collection(
    "app",
    "contents",
    key=("_id",),
    owner="application",
    indexes=(_by("visibility", "-createdAt"), _by("visibility", "-updatedAt"), _by("updatedAt"), _by("author.id")),
)
ENGAGEMENTS = Collection(
    "app",
    "engagements",
    key=("user", "targetRef", "type"),
    owner="application",
    indexes=(_by("updatedAt"), _by("user"), _by("account"), _by("targetRef")),
)
USERS = Collection("app", "users", key=("_id",), owner="application", indexes=(_by("updatedAt"), _by("ownerAccount")))
ACCOUNTS = Collection("app", "accounts", key=("_id",), owner="application", indexes=(_by("updatedAt"),))
RELATIONSHIPS = Collection(
    "app",
    "relationships",
    key=("user", "followedUser"),
    owner="application",
    indexes=(
        _by("user", "-_id"),
        _by("user", "followedUser"),
        _by("user", "blocking"),
        _by("user", "blocked"),
        _by("followedUser", "blocking"),
        _by("followedUser", "blocked"),
        _by("updatedAt"),
    ),
)


def feed_items(names: Exposures) -> Collection:
    """The exposures, where the options say that they lie."""
    return Collection(
        "app",
        names.collection,
        key=("_id",),
        owner="application",
        indexes=(
            _by("seenAt"),
            _by("viewer", "-seenAt"),
            _by(names.credential, "seenAt", names.off_screen),
            _by("updatedAt", names.credential),
        ),
    )


DEFAULT_NAMES = Exposures()
FEED_ITEMS = feed_items(DEFAULT_NAMES)
SUSPECTS = Collection(
    "app",
    "suspiciouscredentials",
    key=("seenCredential",),
    owner="feedkeeper",
    indexes=(_by("seenCredential", unique=True), _by("createdAt"), _by("verifiedAt", sparse=True)),
)
CREDENTIAL_FEATURES = Collection(
    "analytics",
    "credentialfeatures",
    key=("seenCredential", "firstSeenAt", "lastSeenAt"),
    owner="feedkeeper",
    indexes=(
        _by("seenCredential", "firstSeenAt", "lastSeenAt", unique=True),
        _by("seenCredential", "-lastSeenAt"),
        _by("current", sparse=True),
        _by("verifiedAt", sparse=True),
        _by("expiresAt", expires_after=timedelta(0)),
    ),
)
CONTENT_INFO = Collection(
    "app",
    "contentinfo",
    key=("contentId",),
    owner="feedkeeper",
    indexes=(_by("contentId", unique=True), _by("updatedAt"), _by("removedAt", expires_after=timedelta(days=15))),
)
GUEST_FEED = Collection(
    "app",
    "guestfeeditems",
    key=("countryCode", "content"),
    owner="feedkeeper",
    indexes=(
        _by("countryCode", "_id"),
        _by("countryCode", "-score"),
        _by("-countryCode", "-content"),
        _by("-score", "-createdAt"),
        _by("score", "countryCode", "content.id", "content.author.id", "content.author.castcleId"),
        _by("content"),
        _by("author"),
    ),
)
CONTENT_STATS = Collection(
    "analytics",
    "contentStats",
    key=("_id",),
    owner="feedkeeper",
    indexes=(_by("contentId"), _by("authorId"), _by("updatedAt"), _by("createdAt")),
)
CREATOR_STATS = Collection(
    "analytics",
    "creatorStats",
    key=("_id",),
    owner="feedkeeper",
    indexes=(_by("creatorId"), _by("-score", "_id"), _by("geolocation.countryCode", "-score", "_id")),
)
HASHTAG_STATS = Collection(
    "analytics",
    "hashtagStats",
    key=("_id",),
    owner="feedkeeper",
    indexes=(_by("name", unique=True), _by("-score")),
)
ENGAGEMENT_STATS = Collection(
    "analytics", "userEngagementStats", key=("userId",), owner="feedkeeper", indexes=(_by("userId", unique=True),)
)
TOPICS = Collection(
    "analytics",
    "topics",
    key=("path",),
    owner="feedkeeper",
    # Topics that another program left have no path; one slug may stand under two parents.
    indexes=(_by("path", unique=True, sparse=True), _by("slug")),
)
LABELLED_TEXTS = Collection(
    "analytics", "labelledTexts", key=("_id",), owner="application", indexes=(_by("updatedAt"),)
)
CONTENT_FILTERING = Collection(
    "analytics", "contentfiltering", key=("contentId",), owner="application", indexes=(_by("contentId"),)
)
COUNTRY_ARTIFACTS = Collection(
    "analytics",
    "mlArtifacts_country",
    key=("account", "model"),
    owner="feedkeeper",
    indexes=(_by("account", "model", unique=True),),
)
GLOBAL_ARTIFACTS = Collection(
    "analytics",
    "mlArtifacts_global",
    key=("account", "model"),
    owner="feedkeeper",
    indexes=(_by("account", "model", unique=True),),
)
MEMBER_ARTIFACTS = Collection(
    "analytics",
    "mlArtifacts_members",
    key=("account", "model"),
    owner="feedkeeper",
    indexes=(_by("account", "model", unique=True),),
)
ACCOUNT_ARTIFACTS = Collection(
    "analytics",
    "mlArtifacts",
    key=("account", "model"),
    owner="feedkeeper",
    indexes=(_by("account", "model", unique=True),),
)
# What an account was given of its home, page by page, while it pages on.
HOME_PAGES = Collection(
    "analytics",
    "homePages",
    key=("_id",),
    owner="feedkeeper",
    indexes=(_by("account"), _by("expiresAt", expires_after=timedelta(0))),
)
SNAPSHOTS = Collection("analytics", "snapshots", key=("_id",), owner="feedkeeper", indexes=(_by("account"),))
TOPIC_ARTIFACTS = Collection(
    "analytics",
    "mlArtifacts_topics",
    key=("account", "model"),
    owner="feedkeeper",
    indexes=(_by("account", "model", unique=True),),
)
BOT_ARTIFACTS = Collection(
    "analytics",
    "frauddetectionmlartifacts",
    key=("account", "model"),
    owner="feedkeeper",
    # Those that the original left have no account, and are not ours.
    indexes=(_by("account", unique=True, sparse=True), _by("model", "-trainedAt")),
)
ARTIFACT_VERSIONS = Collection(
    "analytics",
    "artifactVersions",
    key=("family", "account", "version"),
    owner="feedkeeper",
    indexes=(_by("family", "account", "-version", unique=True),),
)
FEED_PERFORMANCES = Collection(
    "analytics", "feedperformances", key=("_id",), owner="feedkeeper", indexes=(_by("calculatedAt"),)
)
ERASURES = Collection(
    "analytics",
    "erasures",
    key=("_id",),
    owner="feedkeeper",
    indexes=(_by("erasedAt", expires_after=timedelta(days=90)),),
)
WATERMARKS = Collection("analytics", "watermarks", key=("_id",), owner="feedkeeper")
LEASES = Collection(
    "analytics",
    "leases",
    key=("_id",),
    owner="feedkeeper",
    indexes=(_by("until", expires_after=timedelta(days=1)),),
)
PARKED_CHANGES = Collection(
    "analytics",
    "parkedChanges",
    key=("_id",),
    owner="feedkeeper",
    indexes=(_by("lastAt", expires_after=timedelta(days=30)),),
)
RELAY_POSITIONS = Collection("analytics", "relayPositions", key=("_id",), owner="feedkeeper")

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
    LABELLED_TEXTS,
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
    WATERMARKS,
    LEASES,
    PARKED_CHANGES,
    RELAY_POSITIONS,
)


def missing(
    app: Database[Document], analytics: Database[Document], names: Exposures = DEFAULT_NAMES
) -> Iterator[tuple[Collection, Index]]:
    """Every index of the table that the databases lack."""
    for wanted in (feed_items(names) if one is FEED_ITEMS else one for one in COLLECTIONS):
        found = (app if wanted.database == "app" else analytics)[wanted.name].index_information()
        have = {tuple(i["key"]): i for i in found.values()}
        yield from ((wanted, index) for index in wanted.indexes if not _serves(have.get(index.keys), index))


def _serves(found: Any, wanted: Index) -> bool:
    if found is None:
        return False
    expires = None if wanted.expires_after is None else wanted.expires_after.total_seconds()
    flags = bool(found.get("unique", False) or not wanted.unique) and bool(found.get("sparse")) == wanted.sparse
    return flags and found.get("expireAfterSeconds") == expires


def apply(app: Database[Document], analytics: Database[Document], names: Exposures = DEFAULT_NAMES) -> int:
    """Make what is missing and return how many indexes that was.

    Raises BadConfig naming the index where the data does not allow it (two documents with one unique key, or an index
    of that name with other options).
    """
    count = 0
    for collection, index in missing(app, analytics, names):
        try:
            (app if collection.database == "app" else analytics)[collection.name].create_indexes([index.model()])
        except OperationFailure as error:
            raise BadConfig(f"index {index.name} on {collection.name}: {error.details}") from error
        count += 1
    return count


def main(arguments: list[str], write: Callable[[str], object] = print) -> int:
    """Run `plan` or `apply` on the configured databases; 2 for anything else."""
    from shared.store.connection import open_store  # the client needs this table, so it cannot come first

    if arguments not in (["plan"], ["apply"]):
        write("usage: python -m shared.store.schema plan|apply")
        return 2
    store, names = open_store(), settings().options.exposures
    for collection, index in missing(store.app, store.analytics, names):
        write(f"{collection.database}.{collection.name}: index {index.name}{' (unique)' if index.unique else ''}")
    made = apply(store.app, store.analytics, names) if arguments == ["apply"] else 0
    write(f"{made} indexes made" if arguments == ["apply"] else "nothing was changed")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
