"""A window of readings of one credential, as the rows of features name it."""

from dataclasses import dataclass
from datetime import datetime

from bson import ObjectId

from shared.documents import Credential, Document, credential_forms, object_id
from shared.store.decoding import as_count, as_moment, credential_of, needed, optional

FIELDS = ("_id", "seenCredential", "firstSeenAt", "lastSeenAt", "precededAt", "count", "viewer")


@dataclass(frozen=True, slots=True)
class Window:
    """A window of readings of one credential.

    first_seen_at, last_seen_at  when its first and its last exposure began
    preceded_at                  when the exposure before the first one began; `first_seen_at` where there is none
    count                        exposures in it
    viewer                       the account or user that first used the credential; None where that is unknown
    """

    credential: Credential
    first_seen_at: datetime
    last_seen_at: datetime
    preceded_at: datetime
    count: int
    viewer: ObjectId | None = None

    @property
    def key(self) -> Document:
        """The natural key of the row of its features."""
        return {
            "seenCredential": self.credential,
            "firstSeenAt": self.first_seen_at,
            "lastSeenAt": self.last_seen_at,
        }

    @property
    def earlier(self) -> Document:
        """The query for an earlier window of that credential that was the newest one until now."""
        differs = [{"firstSeenAt": {"$ne": self.first_seen_at}}, {"lastSeenAt": {"$lt": self.last_seen_at}}]
        until_now = {"lastSeenAt": {"$lte": self.last_seen_at}, "current": True}
        return {"seenCredential": {"$in": credential_forms([self.credential])}, **until_now, "$or": differs}

    @classmethod
    def read(cls, row: Document) -> "Window":
        """The window of a row, of which FIELDS are read; Malformed for a malformed one."""
        first, last = (needed(as_moment(row.get(name))) for name in ("firstSeenAt", "lastSeenAt"))
        preceded_at = optional(row.get("precededAt"), as_moment) or first
        count = needed(as_count(row.get("count")))
        return cls(
            credential_of(row.get("seenCredential")), first, last, preceded_at, count, object_id(row.get("viewer"))
        )
