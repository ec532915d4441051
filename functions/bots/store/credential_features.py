"""Features of how a credential reads, one row for each window of its readings, and the label of a labelled window.

For example: {_id: ObjectId, seenCredential: ObjectId, firstSeenAt: …, lastSeenAt: …, count: 500,
postReadingTimeAbsSkew: 1.9, …, precededAt: …, viewer: ObjectId, current: true, madeFrom: {features: "5b0c…",
layout: "3"}, createdAt: …, updatedAt: …, expiresAt: …}; once it is labelled, with {verificationStatus: true,
verifiedAt: …, labelledAt: …, flaggedAt: …, sampled: false} and without current and expiresAt.

Features that were made from something else, or do not say from what, are neither scored nor learnt from. Windows with
fewer readings than the options demand now are not scored; their labels are kept and learnt from.

`current` marks the newest window of a credential until it is labelled; `precededAt` is when the exposure before the
first one of the window began.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from pymongo import UpdateOne

from functions.bots.options import Bots
from functions.bots.reading_features import FEATURES, LAYOUT
from functions.bots.store.reading_window import FIELDS, Window
from shared.clock import EPOCH
from shared.columns import Columns, is_valid, object_ids
from shared.documents import Credential, Document, credential_forms
from shared.provenance import MadeFrom
from shared.store import Store, schema
from shared.store.batches import in_batches
from shared.store.collection_version import CollectionVersion
from shared.store.column_kinds import Kind
from shared.store.column_reader import read_columns
from shared.store.decoding import as_credential, name_undated, sound
from shared.store.expressions import FIRST_DAY, LAST_DAY, NO_ARRAY, id_of_its_own, period
from shared.store.upserts import upsert_all


def made_from() -> MadeFrom:
    """What features are made from now, beside the exposures."""
    return {"features": FEATURES.fingerprint, "layout": LAYOUT}


class CredentialFeatures:
    def __init__(self, store: Store) -> None:
        self._features = store.analytics[schema.CREDENTIAL_FEATURES.name]

    def newest(self, credentials: Iterable[Credential]) -> dict[Credential, Window]:
        """The newest window of each of these credentials, labelled or not; none where there are no features that are
        made from what they would be made from now."""
        newest: dict[Credential, Window] = {}
        for batch in in_batches(credentials):
            stages: list[Document] = [
                {"$match": {"seenCredential": {"$in": credential_forms(batch)}, "count": {"$exists": True}}},
                {"$match": {"lastSeenAt": _IN_CALENDAR, "madeFrom": made_from()}},
                {"$sort": {"seenCredential": 1, "lastSeenAt": -1}},
                {"$group": {"_id": "$seenCredential", "row": {"$first": _WINDOW}}},
                {"$replaceWith": "$row"},
            ]
            for window in sound(self._features, self._features.aggregate(stages), Window.read):
                other = newest.get(window.credential)
                if other is None or other.last_seen_at < window.last_seen_at:
                    newest[window.credential] = window
        return newest

    def outdated_labels(self) -> Iterator[Window]:
        """Labelled windows whose features were made from something else, or do not say from what."""
        query = {"verifiedAt": _IN_CALENDAR, "count": {"$exists": True}, "madeFrom": {"$ne": made_from()}}
        return sound(self._features, self._features.find(query, FIELDS), Window.read)

    def put(
        self,
        rows: Sequence[tuple[Window, Mapping[str, float]]],
        *,
        kept: timedelta,
        superseded: timedelta,
        now: datetime,
    ) -> int:
        """Upsert the features of windows; returns how many rows changed. A labelled row keeps its label, and stays.

        kept        how long the row of a window without a label stays
        superseded  how long it stays once there is a newer window of its credential
        """
        writes: list[UpdateOne] = []
        ends = {"$set": {"expiresAt": now + superseded}, "$unset": {"current": ""}}
        for window, values in rows:
            writes.append(UpdateOne(window.key, _features(window, values, now, now + kept), upsert=True))
            writes.append(UpdateOne(window.earlier, ends))  # not UpdateMany: the driver retries only updates of one
        return upsert_all(self._features, writes)

    def unjudged(self, features: Sequence[str], options: Bots) -> Columns:
        """The newest window of every credential, where it has no label and as many readings as the options demand now:
        credential (n,) keys, first and last (n,) [ms since 1970], and (n,) values of each of the features, nan where
        they are unknown."""
        fields: dict[str, tuple[Kind, Any]] = {
            "credential": ("key", "$seenCredential"),
            "first": ("moment", "$firstSeenAt"),
            "last": ("moment", "$lastSeenAt"),
        }
        query: Document = {"current": True, "verificationStatus": {"$exists": False}, "madeFrom": made_from()}
        query["count"] = {"$gte": min(options.min_readings, options.limit)}  # a full window has `limit`
        rows = read_columns(self._features, [{"$match": query}], fields | _numbers(features))
        is_sound = (rows["credential"] != b"") & (rows["first"] > 0) & (rows["last"] > 0)
        return {name: column[is_sound] for name, column in rows.items()}

    def labels(self, features: Sequence[str], *, now: datetime) -> CollectionVersion:
        """The state of the labelled windows; the fingerprint covers their labels and these features."""
        values = {"row": "$_id", "status": "$verificationStatus", "at": "$verifiedAt"}
        values |= {name: f"${name}" for name in features}
        query = {"verifiedAt": _IN_CALENDAR, "madeFrom": made_from()}
        return CollectionVersion.read(self._features, query, "labelledAt", values, now=now)

    def labelled(
        self, features: Sequence[str], limit: int, *, now: datetime
    ) -> tuple[list[ObjectId], list[bool], Columns]:
        """At most `limit` labelled windows, the latest verdicts first: their ids, their verdicts as they were given,
        and columns credential (n,) keys, at (n,) of the verdict [ms since 1970], and (n,) of each of the features."""
        name_undated(self._features, "verifiedAt")
        query = {"verifiedAt": period(EPOCH, now) | NO_ARRAY, "verificationStatus": {"$type": "bool"} | NO_ARRAY}
        stages: list[Document] = [{"$match": {**query, "madeFrom": made_from()}}]
        stages += [{"$sort": {"verifiedAt": -1, "_id": 1}}, {"$limit": max(limit, 1)}]
        fields: dict[str, tuple[Kind, Any]] = {
            "id": ("id", id_of_its_own()),
            "verdict": ("code", {"$cond": ["$verificationStatus", 1, 0]}),
            "credential": ("key", "$seenCredential"),
            "at": ("moment", "$verifiedAt"),
        }
        rows = read_columns(self._features, stages, fields | _numbers(features), optional=features)
        is_sound = is_valid(rows["id"]) & (rows["at"] > 0)
        rows = {name: column[is_sound] for name, column in rows.items()}
        return object_ids(rows["id"]), [bool(verdict) for verdict in rows["verdict"]], rows

    def labelled_since(self, moment: datetime, *, now: datetime) -> set[Credential]:
        """Credentials with a verdict that was given from that moment on."""
        groups = self._features.aggregate(
            [{"$match": {"verifiedAt": period(moment, now)}}, {"$group": {"_id": "$seenCredential"}}]
        )
        return {credential for group in groups if (credential := as_credential(group["_id"])) is not None}

    def flagged_and_labelled(self, since: datetime, *, sampled: bool, now: datetime) -> int:
        """How many windows were flagged from that moment on, at random where `sampled`, and are labelled by now."""
        query = {"verifiedAt": {"$type": "date"}, "flaggedAt": period(since, now), "sampled": sampled}
        return self._features.count_documents(query)


_WINDOW = {name: f"${name}" for name in FIELDS}
_IN_CALENDAR = {"$gte": FIRST_DAY, "$lt": LAST_DAY}


def _numbers(features: Sequence[str]) -> dict[str, tuple[Kind, Any]]:
    """The columns of these features; a negative value is malformed, as a text is."""
    is_negative = {name: {"$and": [{"$isNumber": f"${name}"}, {"$lt": [f"${name}", 0]}]} for name in features}
    return {name: ("number", {"$cond": [is_negative[name], "negative", f"${name}"]}) for name in features}


def _features(window: Window, values: Mapping[str, float], now: datetime, expires_at: datetime) -> list[Document]:
    """The update that writes a window's features into an upserted row, one with features, or one with a label alone."""
    is_labelled = {"$eq": [{"$type": "$verifiedAt"}, "date"]}
    return [
        {
            "$set": {
                **values,
                "madeFrom": {"$literal": made_from()},
                "viewer": {"$ifNull": [window.viewer, "$viewer"]},
                "count": window.count,
                "precededAt": window.preceded_at,
                "createdAt": {"$ifNull": ["$createdAt", now]},
                "updatedAt": now,
                "current": {"$cond": [is_labelled, "$$REMOVE", True]},
                "expiresAt": {"$cond": [is_labelled, "$$REMOVE", expires_at]},
            }
        }
    ]
