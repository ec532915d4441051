"""How a credential reads, as numbers, once for each window of its readings; and what a person said of it.

For example: {_id: ObjectId, seenCredential: ObjectId, firstSeenAt: …, lastSeenAt: …, count: 500,
postReadingTimeAbsSkew: 1.9, …, precededAt: …, viewer: ObjectId, current: true, createdAt: …, updatedAt: …,
expiresAt: …}; once it is judged, with {verificationStatus: true, verifiedAt: …, labelledAt: …, flaggedAt: …,
sampled: false} and without current and expiresAt.

`current` marks the newest window of a credential until it is judged, `precededAt` is when the exposure before the first
one began.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from bson import ObjectId
from pymongo import UpdateOne
from pymongo.database import Database

from shared.clock import EPOCH
from shared.columns import Columns, is_valid, object_ids
from shared.documents import Credential, Document, credential_forms, object_id
from shared.store import schema
from shared.store.batches import in_batches
from shared.store.column_kinds import Kind
from shared.store.column_reader import read_columns
from shared.store.decoding import as_count, as_credential, as_moment, credential_of, name_undated, needed, sound
from shared.store.decoding import optional as optionally
from shared.store.expressions import FIRST_DAY, LAST_DAY, fingerprint, id_of_its_own, period
from shared.store.upserts import upsert_all

LAYOUT: Final = "2"  # of the rows: raised with what a window is of, so that all are made anew


@dataclass(frozen=True, slots=True)
class Window:
    """Which readings features are of: of whom, from the first to the last, after which, and how many.

    viewer  the account or user that the credential was first used by; None where that is not known
    """

    credential: Credential
    first_seen_at: datetime
    last_seen_at: datetime
    preceded_at: datetime
    count: int
    viewer: ObjectId | None = None

    @property
    def key(self) -> Document:
        """The natural key of its features."""
        return {
            "seenCredential": self.credential,
            "firstSeenAt": self.first_seen_at,
            "lastSeenAt": self.last_seen_at,
        }

    @property
    def earlier(self) -> Document:
        """Finds another window of that credential that was the newest until now."""
        other = [{"firstSeenAt": {"$ne": self.first_seen_at}}, {"lastSeenAt": {"$lt": self.last_seen_at}}]
        until_now = {"lastSeenAt": {"$lte": self.last_seen_at}, "current": True}
        return {"seenCredential": {"$in": credential_forms([self.credential])}, **until_now, "$or": other}


@dataclass(frozen=True, slots=True)
class Labels:
    """How many features are judged, when that last changed, and a fingerprint of which they are and what was said."""

    count: int
    until: datetime | None
    fingerprint: int


class CredentialFeatures:
    def __init__(self, analytics: Database[Document]) -> None:
        self._features = analytics[schema.CREDENTIAL_FEATURES.name]

    def newest(self, credentials: Iterable[Credential]) -> dict[Credential, Window]:
        """The newest window of each of these that has one, judged or not; a label without features is none."""
        found: dict[Credential, Window] = {}
        for some in in_batches(credentials):
            stages: list[Document] = [
                {"$match": {"seenCredential": {"$in": credential_forms(some)}, "count": {"$exists": True}}},
                {"$match": {"lastSeenAt": _IN_CALENDAR}},
                {"$sort": {"seenCredential": 1, "lastSeenAt": -1}},
                {"$group": {"_id": "$seenCredential", "row": {"$first": _WINDOW}}},
                {"$replaceWith": "$row"},
            ]
            for window in sound(self._features, self._features.aggregate(stages), _window):
                other = found.get(window.credential)
                if other is None or other.last_seen_at < window.last_seen_at:
                    found[window.credential] = window
        return found

    def put(
        self,
        rows: Sequence[tuple[Window, Mapping[str, float]]],
        *,
        kept: timedelta,
        superseded: timedelta,
        now: datetime,
    ) -> int:
        """Upsert the features of windows; earlier ones of those credentials age out soon. Returns how many changed.

        What is judged keeps its label, and stays.
        """
        writes: list[UpdateOne] = []
        ends = {"$set": {"expiresAt": now + superseded}, "$unset": {"current": ""}}
        for window, values in rows:
            writes.append(UpdateOne(window.key, _features(window, values, now, now + kept), upsert=True))
            writes.append(UpdateOne(window.earlier, ends))  # one: the driver may send it again
        return upsert_all(self._features, writes)

    def unjudged(self, features: Sequence[str]) -> Columns:
        """The newest window of every credential that nobody has judged yet: credential (n,) keys, first and last (n,)
        [ms since 1970], and a column for each of the features, nan where it is not known."""
        fields: dict[str, tuple[Kind, Any]] = {
            "credential": ("key", "$seenCredential"),
            "first": ("moment", "$firstSeenAt"),
            "last": ("moment", "$lastSeenAt"),
        }
        query = {"current": True, "verificationStatus": {"$exists": False}}
        found = read_columns(self._features, [{"$match": query}], fields | _numbers(features))
        sound_rows = (found["credential"] != b"") & (found["first"] > 0) & (found["last"] > 0)
        return {name: column[sound_rows] for name, column in found.items()}

    def labels(self, features: Sequence[str], *, now: datetime) -> Labels:
        """Of all judged features, of which these are learnt from."""
        query = {"verifiedAt": _IN_CALENDAR}
        last = self._features.find_one(query | {"labelledAt": period(EPOCH, now)}, sort=[("labelledAt", -1)])
        said = {"row": "$_id", "status": "$verificationStatus", "at": "$verifiedAt"}
        said |= {name: f"${name}" for name in features}  # a label may come before its features
        total = {"_id": None, "count": {"$sum": 1}, "fingerprint": {"$sum": fingerprint(said)}}
        found = next(iter(self._features.aggregate([{"$match": query}, {"$group": total}])), {})
        return Labels(found.get("count", 0), last["labelledAt"] if last else None, found.get("fingerprint", 0))

    def judged(
        self, features: Sequence[str], most: int, *, now: datetime
    ) -> tuple[list[ObjectId], list[bool], Columns]:
        """Ids, verdicts as they were given, and the features of judged windows, the latest verdicts first, at most so
        many; with credential (n,) keys and at (n,) when the verdict was given [ms since 1970]."""
        name_undated(self._features, "verifiedAt")
        query = {"verifiedAt": period(EPOCH, now), "verificationStatus": {"$type": "bool"}}
        stages: list[Document] = [{"$match": query}, {"$sort": {"verifiedAt": -1, "_id": 1}}, {"$limit": max(most, 1)}]
        fields: dict[str, tuple[Kind, Any]] = {
            "id": ("id", id_of_its_own()),
            "verdict": ("code", {"$cond": ["$verificationStatus", 1, 0]}),
            "credential": ("key", "$seenCredential"),
            "at": ("moment", "$verifiedAt"),
        }
        found = read_columns(self._features, stages, fields | _numbers(features), optional=features)
        sound_rows = is_valid(found["id"]) & (found["at"] > 0)
        found = {name: column[sound_rows] for name, column in found.items()}
        return object_ids(found["id"]), [bool(one) for one in found["verdict"]], found

    def judged_since(self, moment: datetime, *, now: datetime) -> set[Credential]:
        """Credentials of which a verdict was given from that moment on."""
        found = self._features.aggregate(
            [{"$match": {"verifiedAt": period(moment, now)}}, {"$group": {"_id": "$seenCredential"}}]
        )
        return {one for row in found if (one := as_credential(row["_id"])) is not None}

    def flagged_and_judged(self, since: datetime, *, sampled: bool, now: datetime) -> int:
        """How many were flagged from that moment on and are judged by now."""
        query = {"verifiedAt": {"$type": "date"}, "flaggedAt": period(since, now), "sampled": sampled}
        return self._features.count_documents(query)


_SHOWN = ("_id", "seenCredential", "firstSeenAt", "lastSeenAt", "precededAt", "count", "viewer")
_WINDOW = {name: f"${name}" for name in _SHOWN}
_IN_CALENDAR = {"$gte": FIRST_DAY, "$lt": LAST_DAY}


def _window(row: Document) -> Window:
    first, last = (needed(as_moment(row.get(name))) for name in ("firstSeenAt", "lastSeenAt"))
    preceded_at = optionally(row.get("precededAt"), as_moment) or first
    count = needed(as_count(row.get("count")))
    return Window(
        credential_of(row.get("seenCredential")), first, last, preceded_at, count, object_id(row.get("viewer"))
    )


def _numbers(features: Sequence[str]) -> dict[str, tuple[Kind, Any]]:
    return {name: ("number", f"${name}") for name in features}


def _features(window: Window, values: Mapping[str, float], now: datetime, expires_at: datetime) -> list[Document]:
    """What makes a window's features of whatever is there: nothing, the same, or a label that waited for them."""
    is_judged = {"$eq": [{"$type": "$verifiedAt"}, "date"]}
    return [
        {
            "$set": {
                **values,
                "viewer": {"$ifNull": [window.viewer, "$viewer"]},
                "count": window.count,
                "precededAt": window.preceded_at,
                "createdAt": {"$ifNull": ["$createdAt", now]},
                "updatedAt": now,
                "current": {"$cond": [is_judged, "$$REMOVE", True]},
                "expiresAt": {"$cond": [is_judged, "$$REMOVE", expires_at]},
            }
        }
    ]
