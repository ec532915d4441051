"""Everything that we derived of an account, gone; and a note that it is, so that nothing is derived again.

For example: {_id: ObjectId of the account, erasedAt: …, credentials: [ObjectId]}, which ages out when no queue can hold
the account any more, and none of what its credentials read can count.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo.database import Database

from shared.config import Exposures as Names
from shared.store import schema
from shared.store.contents import in_batches

Document = dict[str, Any]
Credential = ObjectId | str


class Erasures:
    def __init__(self, app: Database[Document], analytics: Database[Document], names: Names) -> None:
        self._app, self._analytics, self._names = app, analytics, names
        self._notes = analytics[schema.ERASURES.name]

    def note(self, account: ObjectId, credentials: Sequence[Credential], *, now: datetime) -> None:
        """From now on the account counts as erased, and so do these credentials and those of an earlier note."""
        update = {"$set": {"erasedAt": now}, "$addToSet": {"credentials": {"$each": list(credentials)}}}
        self._notes.update_one({"_id": account}, update, upsert=True)

    def credentials(self) -> set[Credential]:
        """Those that are erased."""
        return set(self._notes.distinct("credentials"))

    def credentials_of(self, account: ObjectId, users: Sequence[ObjectId]) -> list[Credential]:
        """By which an account and its users have seen anything, and the devices that the account names."""
        field = self._names.credential
        seen = self._app[self._names.collection].distinct(field, {"viewer": {"$in": [account, *users]}})
        own = self._app[schema.ACCOUNTS.name].distinct("credentials.deviceUUID", {"_id": account})
        return [one for one in {*seen, *own} if isinstance(one, ObjectId | str)]

    def among(self, accounts: Iterable[ObjectId]) -> set[ObjectId]:
        """Those of these accounts that are erased."""
        return {
            row["_id"] for some in in_batches(accounts) for row in self._notes.find({"_id": {"$in": some}}, {"_id": 1})
        }

    def posts_of(self, users: Sequence[ObjectId]) -> list[ObjectId]:
        """The posts of these users, those that are withdrawn included."""
        found = self._app[schema.CONTENTS.name].find({"author.id": {"$in": list(users)}}, {"_id": 1})
        return [row["_id"] for row in found if isinstance(row["_id"], ObjectId)]

    def erase(
        self,
        account: ObjectId,
        users: Sequence[ObjectId],
        posts: Sequence[ObjectId],
        credentials: Sequence[Credential],
    ) -> dict[str, int]:
        """Delete what was derived of an account, its users, their posts and its credentials; returns how many
        documents, by collection."""
        by: Document = {"seenCredential": {"$in": list(credentials)}}
        mine: Document = {"$in": list(users)}
        removed = {
            "mlArtifacts": self._delete(self._analytics, schema.ACCOUNT_ARTIFACTS, {"account": account}),
            "artifactVersions": self._delete(self._analytics, schema.ARTIFACT_VERSIONS, {"account": account}),
            "userEngagementStats": self._delete(self._analytics, schema.ENGAGEMENT_STATS, {"userId": mine}),
            "creatorStats": self._delete(self._analytics, schema.CREATOR_STATS, {"_id": mine}),
            "contentStats": self._delete(self._analytics, schema.CONTENT_STATS, {"authorId": mine}),
            "credentialfeatures": self._delete(self._analytics, schema.CREDENTIAL_FEATURES, by),
            "suspiciouscredentials": self._delete(self._app, schema.SUSPECTS, by),
            "guestfeeditems": self._delete(
                self._app, schema.GUEST_FEED, {"$or": [{"author": mine}, {"originalAuthor": mine}]}
            ),
        }
        hashtags = self._analytics[schema.HASHTAG_STATS.name]
        contributed = {"aggregator.contributions._id": mine}
        removed["hashtagStats"] = hashtags.update_many(
            contributed, {"$pull": {"aggregator.contributions": {"_id": mine}}}
        ).modified_count
        removed["contentinfo"] = sum(
            self._delete(self._app, schema.CONTENT_INFO, {"contentId": {"$in": some}}) for some in in_batches(posts)
        )
        return {name: number for name, number in removed.items() if number}

    def _delete(self, database: Database[Document], collection: schema.Collection, query: Document) -> int:
        return database[collection.name].delete_many(query).deleted_count
