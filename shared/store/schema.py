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


Subject = Literal["account", "user", "post", "credential"]
Removal = Literal["document", "element", "field", "rebuild", "search", "none"]


@dataclass(frozen=True, slots=True)
class About:
    """Where the documents of a collection hold the id of an account, a user, a post or a credential, and what an
    erasure does there.

    subject  whose id it is
    path     the field, through arrays; its value is an ObjectId, or the 24 hex digits of one
    removal  document  the document is deleted
             element   `array` loses the element that holds the id, and an empty one its document
             field     the field is unset
             rebuild   packed arrays, all of which the next run of their job replaces
             search    packed arrays, of which a job finds those that hold the id, and has them replaced
             none      the id stays
    stays    how long after an erasure the id may stand there, as docs/operations.md says it; empty where it goes at
             once
    array    the field on the path whose elements are removed
    """

    subject: Subject
    path: str
    removal: Removal = "document"
    stays: str = ""
    array: str = ""


NOBODY: tuple[About, ...] = ()


@dataclass(frozen=True, slots=True)
class Collection:
    """One collection of the contract.

    database  which of the two
    key       the natural key that writes upsert by
    owner     who writes the documents, and deletes them when a person is gone
    about     whose ids the documents hold
    indexes   what our reads need, beyond `_id`
    """

    database: Literal["app", "analytics"]
    name: str
    key: tuple[str, ...]
    owner: Literal["application", "feedkeeper"]
    about: tuple[About, ...]
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
    about=(
        About("post", "_id"),
        About("user", "author.id"),
        About("post", "originalPost._id"),
        About("user", "originalPost.author.id"),
    ),
    indexes=(_by("visibility", "-createdAt"), _by("visibility", "-updatedAt"), _by("updatedAt"), _by("author.id")),
)
ENGAGEMENTS = Collection(
    "app",
    "engagements",
    key=("user", "targetRef", "type"),
    owner="application",
    about=(About("user", "user"), About("account", "account"), About("post", "targetRef.$id")),
    indexes=(_by("updatedAt"), _by("user"), _by("account"), _by("targetRef"), _by("targetRef.$id")),
)
USERS = Collection(
    "app",
    "users",
    key=("_id",),
    owner="application",
    about=(About("user", "_id"), About("account", "ownerAccount")),
    indexes=(_by("updatedAt"), _by("ownerAccount")),
)
ACCOUNTS = Collection(
    "app",
    "accounts",
    key=("_id",),
    owner="application",
    about=(About("account", "_id"), About("credential", "credentials.deviceUUID")),
    indexes=(_by("updatedAt"),),
)
RELATIONSHIPS = Collection(
    "app",
    "relationships",
    key=("user", "followedUser"),
    owner="application",
    about=(About("user", "user"), About("user", "followedUser")),
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
        key=("viewer", "content", "seenAt"),
        owner="application",
        about=(
            About("account", "viewer"),
            About("user", "viewer"),
            About("post", "content"),
            About("credential", names.credential),
        ),
        indexes=(
            _by("seenAt"),
            _by("viewer", "-seenAt"),
            _by(names.credential, "seenAt", "content", f"-{names.off_screen}"),
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
    about=(About("credential", "seenCredential"),),
    indexes=(_by("seenCredential", unique=True), _by("createdAt"), _by("verifiedAt", sparse=True)),
)
CREDENTIAL_FEATURES = Collection(
    "analytics",
    "credentialfeatures",
    key=("seenCredential", "firstSeenAt", "lastSeenAt"),
    owner="feedkeeper",
    about=(About("credential", "seenCredential"), About("account", "viewer"), About("user", "viewer")),
    indexes=(
        _by("seenCredential", "firstSeenAt", "lastSeenAt", unique=True),
        _by("seenCredential", "-lastSeenAt"),
        _by("current", sparse=True),
        _by("verifiedAt", sparse=True),
        _by("viewer"),
        _by("expiresAt", expires_after=timedelta(0)),
    ),
)
CONTENT_INFO = Collection(
    "app",
    "contentinfo",
    key=("contentId",),
    owner="feedkeeper",
    about=(About("post", "contentId"),),
    indexes=(_by("contentId", unique=True), _by("updatedAt"), _by("removedAt", expires_after=timedelta(days=15))),
)
GUEST_FEED = Collection(
    "app",
    "guestfeeditems",
    key=("countryCode", "content"),
    owner="feedkeeper",
    about=(
        About("post", "content"),
        About("user", "author"),
        About("post", "originalContent"),
        About("user", "originalAuthor"),
    ),
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
    about=(About("post", "_id"), About("post", "contentId"), About("user", "authorId")),
    indexes=(_by("contentId"), _by("authorId"), _by("updatedAt"), _by("createdAt")),
)
CREATOR_STATS = Collection(
    "analytics",
    "creatorStats",
    key=("_id",),
    owner="feedkeeper",
    about=(About("user", "_id"), About("user", "creatorId"), About("account", "ownerAccount")),
    indexes=(_by("creatorId"), _by("-score", "_id"), _by("geolocation.countryCode", "-score", "_id")),
)
HASHTAG_STATS = Collection(
    "analytics",
    "hashtagStats",
    key=("_id",),
    owner="feedkeeper",
    about=(
        About("user", "aggregator.contributions._id", "element", array="aggregator.contributions"),
        About("post", "aggregator.contributions.contents", "element", array="aggregator.contributions"),
    ),
    indexes=(_by("name", unique=True), _by("-score")),
)
ENGAGEMENT_STATS = Collection(
    "analytics",
    "userEngagementStats",
    key=("userId",),
    owner="feedkeeper",
    about=(About("user", "userId"),),
    indexes=(_by("userId", unique=True),),
)
TOPICS = Collection(
    "analytics",
    "topics",
    key=("path",),
    owner="feedkeeper",
    about=NOBODY,
    # Topics that another program left have no path; one slug may stand under two parents.
    indexes=(_by("path", unique=True, sparse=True), _by("slug")),
)
LABELLED_TEXTS = Collection(
    "analytics", "labelledTexts", key=("text", "topics"), owner="application", about=NOBODY, indexes=(_by("updatedAt"),)
)
CONTENT_FILTERING = Collection(
    "analytics",
    "contentfiltering",
    key=("contentId",),
    owner="application",
    about=(About("post", "contentId"),),
    indexes=(_by("contentId"),),
)
COUNTRY_ARTIFACTS = Collection(
    "analytics",
    "mlArtifacts_country",
    key=("account", "model"),
    owner="feedkeeper",
    about=NOBODY,
    indexes=(_by("account", "model", unique=True),),
)
GLOBAL_ARTIFACTS = Collection(
    "analytics",
    "mlArtifacts_global",
    key=("account", "model"),
    owner="feedkeeper",
    about=NOBODY,
    indexes=(_by("account", "model", unique=True),),
)
MEMBER_ARTIFACTS = Collection(
    "analytics",
    "mlArtifacts_members",
    key=("account", "model"),
    owner="feedkeeper",
    about=NOBODY,
    indexes=(_by("account", "model", unique=True),),
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
    indexes=(_by("account", "model", unique=True),),
)
SNAPSHOTS = Collection(
    "analytics",
    "snapshots",
    key=("_id",),
    owner="feedkeeper",
    about=(About("post", "artifact", "rebuild", "5 minutes"), About("user", "artifact", "rebuild", "5 minutes")),
    indexes=(_by("account"),),
)
# What an account was given of its home, page by page, while it pages on.
HOME_PAGES = Collection(
    "analytics",
    "homePages",
    key=("_id",),
    owner="feedkeeper",
    about=(About("account", "account"), About("post", "contents", "none", "2 days")),
    indexes=(_by("account"), _by("expiresAt", expires_after=timedelta(0))),
)
TOPIC_ARTIFACTS = Collection(
    "analytics",
    "mlArtifacts_topics",
    key=("account", "model"),
    owner="feedkeeper",
    about=NOBODY,
    indexes=(_by("account", "model", unique=True),),
)
BOT_ARTIFACTS = Collection(
    "analytics",
    "frauddetectionmlartifacts",
    key=("account", "model"),
    owner="feedkeeper",
    about=NOBODY,
    # Those that the original left have no account, and are not ours.
    indexes=(_by("account", unique=True, sparse=True), _by("model", "-trainedAt")),
)
ARTIFACT_VERSIONS = Collection(
    "analytics",
    "artifactVersions",
    key=("family", "account", "version"),
    owner="feedkeeper",
    about=(About("account", "account"),),
    indexes=(_by("family", "account", "-version", unique=True),),
)
FEED_PERFORMANCES = Collection(
    "analytics", "feedperformances", key=("_id",), owner="feedkeeper", about=NOBODY, indexes=(_by("calculatedAt"),)
)
ERASURES = Collection(
    "analytics",
    "erasures",
    key=("_id",),
    owner="feedkeeper",
    about=(
        About("account", "_id", "none", "90 days"),
        About("user", "users", "none", "90 days"),
        About("post", "posts", "none", "90 days"),
        About("credential", "credentials", "none", "90 days"),
    ),
    indexes=(_by("erasedAt", expires_after=timedelta(days=90)), _by("users"), _by("posts")),
)
# Which users and credentials an account had: what an erasure finds them by when the application has deleted them.
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
    indexes=(_by("account"), _by("user", sparse=True), _by("credential", sparse=True)),
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
    indexes=(_by("until", expires_after=timedelta(days=1)),),
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
    indexes=(_by("lastAt", expires_after=timedelta(days=30)),),
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
    ACCOUNT_LINKS,
    WATERMARKS,
    LEASES,
    PARKED_CHANGES,
    RELAY_POSITIONS,
)
OURS = tuple(one for one in COLLECTIONS if one.owner == "feedkeeper")


def require_names(names: Exposures) -> None:
    """BadConfig where options name a collection or a field for the exposures that is something else."""
    wanted = feed_items(names)
    others = (collection for collection in COLLECTIONS if collection.database == "app" and collection is not FEED_ITEMS)
    if names.collection in {collection.name for collection in others}:
        raise BadConfig(f"option exposures.collection: {names.collection!r} holds no exposures")
    if any(len(dict(index.keys)) < len(index.keys) for index in wanted.indexes):
        raise BadConfig(
            f"options exposures.credential and off_screen: {names.credential!r} and {names.off_screen!r} are not two "
            "fields beside seenAt, content and updatedAt"
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
            answer = f"code {error.code}, {(error.details or {}).get('errmsg')}"
            raise BadConfig(f"index {index.name} on {collection.name}: {answer}") from None
        count += 1
    return count


def main(arguments: list[str], write: Callable[[str], object] = print) -> int:
    """Run `plan` or `apply` on the configured databases; 2 for anything else."""
    from shared.store.connection import open_store  # the client needs this table, so it cannot come first
    from shared.store.topology import require_replica_set

    if arguments not in (["plan"], ["apply"]):
        write("usage: python -m shared.store.schema plan|apply")
        return 2
    store, names = open_store(), settings().options.exposures
    require_replica_set(store.client)
    for collection, index in missing(store.app, store.analytics, names):
        write(f"{collection.database}.{collection.name}: index {index.name}{' (unique)' if index.unique else ''}")
    made = apply(store.app, store.analytics, names) if arguments == ["apply"] else 0
    write(f"{made} indexes made" if arguments == ["apply"] else "nothing was changed")
    return 0


if __name__ == "__main__":
    from shared import command_line

    command_line.run(lambda: main(sys.argv[1:]))
