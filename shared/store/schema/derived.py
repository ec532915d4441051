"""Collections that functions derive from posts and engagements: guest feed, annotations, statistics, bots."""

from datetime import timedelta

from shared.store.schema.types import NOBODY, About, Collection, Subject, index

_CONTRIBUTIONS: tuple[tuple[Subject, str], ...] = (
    ("user", "aggregator.contributions._id"),
    ("post", "aggregator.contributions.contents"),
)
CONTENT_INFO = Collection(
    "app",
    "contentinfo",
    key=("contentId",),
    owner="feedkeeper",
    about=(About("post", "contentId"),),
    indexes=(
        index("contentId", unique=True),
        index("updatedAt"),
        index("topics", "-contentId"),
        index("removedAt", expires_after=timedelta(days=15)),
    ),
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
        index("countryCode", "_id"),
        index("countryCode", "-score"),
        index("-countryCode", "-content"),
        index("-score", "-createdAt"),
        index("score", "countryCode", "content.id", "content.author.id", "content.author.castcleId"),
        index("content"),
        index("author"),
    ),
)
CONTENT_STATS = Collection(
    "analytics",
    "contentStats",
    key=("_id",),
    owner="feedkeeper",
    about=(About("post", "_id"), About("post", "contentId"), About("user", "authorId")),
    indexes=(index("contentId"), index("authorId"), index("updatedAt"), index("createdAt")),
)
CREATOR_STATS = Collection(
    "analytics",
    "creatorStats",
    key=("_id",),
    owner="feedkeeper",
    about=(About("user", "_id"), About("user", "creatorId"), About("account", "ownerAccount")),
    indexes=(index("creatorId"), index("-score", "_id"), index("geolocation.countryCode", "-score", "_id")),
)
HASHTAG_STATS = Collection(
    "analytics",
    "hashtagStats",
    key=("_id",),
    owner="feedkeeper",
    about=(
        *(
            About(subject, path, "element", array="aggregator.contributions", unset_too="contentFingerprint")
            for subject, path in _CONTRIBUTIONS
        ),
    ),
    indexes=(index("name", unique=True), index("-score")),
)
ENGAGEMENT_STATS = Collection(
    "analytics",
    "userEngagementStats",
    key=("userId",),
    owner="feedkeeper",
    about=(About("user", "userId"),),
    indexes=(index("userId", unique=True),),
)
TOPICS = Collection(
    "analytics",
    "topics",
    key=("path",),
    owner="feedkeeper",
    about=NOBODY,
    # Topics that another program left have no path; one slug may have two parents.
    indexes=(index("path", unique=True, sparse=True), index("slug")),
)
# Topics that people have chosen for posts; the texts stay in the posts.
TOPIC_CORRECTIONS = Collection(
    "analytics",
    "topicCorrections",
    key=("contentId",),
    owner="feedkeeper",
    about=(About("post", "contentId"),),
    indexes=(index("contentId", unique=True), index("updatedAt")),
)
LABELLED_HARMS = Collection(
    "analytics",
    "labelledHarms",
    key=("text", "source"),
    owner="feedkeeper",
    about=NOBODY,
    indexes=(index("updatedAt"),),
)
SUSPECTS = Collection(
    "app",
    "suspiciouscredentials",
    key=("seenCredential",),
    owner="feedkeeper",
    about=(About("credential", "seenCredential"),),
    indexes=(
        index("seenCredential", unique=True),
        index("createdAt"),
        index("verifiedAt", sparse=True),
        index("verificationStatus", "-score", "_id"),
        index("pendingVerdict.until", sparse=True),
    ),
)
CREDENTIAL_FEATURES = Collection(
    "analytics",
    "credentialfeatures",
    key=("seenCredential", "firstSeenAt", "lastSeenAt"),
    owner="feedkeeper",
    about=(About("credential", "seenCredential"), About("account", "viewer"), About("user", "viewer")),
    indexes=(
        index("seenCredential", "firstSeenAt", "lastSeenAt", unique=True),
        index("seenCredential", "-lastSeenAt"),
        index("current", sparse=True),
        index("verifiedAt", sparse=True),
        index("viewer"),
        index("expiresAt", expires_after=timedelta(0)),
    ),
)
FEED_PERFORMANCES = Collection(
    "analytics", "feedperformances", key=("_id",), owner="feedkeeper", about=NOBODY, indexes=(index("calculatedAt"),)
)
