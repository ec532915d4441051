"""Credentials that wait for review by a person; one document each, until its verdict has become a label.

For example: {_id: ObjectId, seenCredential: ObjectId, firstSeenAt: …, lastSeenAt: …, createdAt: …, updatedAt: …,
score: 0.97, reasons: [{feature: "viewsPerHour", value: 700, people: [3.2, 10], says: "…"}],
model: "20260130T115500Z", sampled: false}; a person's verdict adds {verificationStatus: true, verifiedAt: …}, and
judgedBy: "kit@example.org" where a member of the console gave it.

A terminal calls `judge`; the console's verdicts are in `PendingVerdicts` until they can no longer be taken back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from bson import ObjectId
from pymongo import UpdateOne

from shared.documents import Credential, Document, credential_forms, id_bytes
from shared.errors import BadEvent, Conflict, NotFound
from shared.store import Store, schema
from shared.store.decoding import (
    as_credential,
    as_list,
    as_moment,
    as_number,
    as_text,
    credential_of,
    needed,
    optional,
    sound,
)
from shared.store.expressions import NO_ARRAY, period
from shared.store.malformed import name_malformed
from shared.store.upserts import guarded_upsert

# A verdict that can still be taken back; anything else in these fields counts as none.
PENDING: Document = {
    "pendingVerdict": NO_ARRAY,
    "pendingVerdict.verdict": {"$type": "bool"} | NO_ARRAY,
    "pendingVerdict.by": {"$type": "string"} | NO_ARRAY,
    "pendingVerdict.at": {"$type": "date"} | NO_ARRAY,
    "pendingVerdict.until": {"$type": "date"} | NO_ARRAY,
}
UNDECIDED: Document = {"verificationStatus": {"$exists": False}, "$nor": [PENDING]}


@dataclass(frozen=True, slots=True)
class Suspect:
    """A credential, and why it is to be reviewed.

    first_seen_at, last_seen_at  of the window of readings that was scored
    score                        0..1, higher = more like a bot
    reasons                      the features that raised the score most, the strongest first: feature, value,
                                 people (usual range from, to), says (its text)
    model                        version of the detector
    sampled                      whether it was drawn at random below the threshold
    flagged_at                   when it was flagged first; None for a new one
    place                        what `waiting` goes on after; empty for a new one
    """

    credential: Credential
    first_seen_at: datetime
    last_seen_at: datetime
    score: float
    reasons: Sequence[Mapping[str, Any]]
    model: str
    sampled: bool = False
    flagged_at: datetime | None = None
    place: str = ""

    @property
    def key(self) -> str:
        """The id of its document, in hex digits; empty for a new one."""
        return self.place.partition("_")[2]

    @property
    def finding(self) -> Document:
        """The fields that a later run of the detector replaces, as they are stored."""
        return {
            "firstSeenAt": self.first_seen_at,
            "lastSeenAt": self.last_seen_at,
            "score": self.score,
            "reasons": [dict(reason) for reason in self.reasons],
            "model": self.model,
        }


class Suspects:
    def __init__(self, store: Store) -> None:
        self._suspects = store.app[schema.SUSPECTS.name]

    def waiting(self, limit: int = 0, *, after: str = "") -> list[Suspect]:
        """At most `limit` suspects without a verdict, all for 0, the highest score first.

        after  the place of a suspect: those before it in this order, and itself, are left out
        """
        query = _behind(after) if after else UNDECIDED
        rows = self._suspects.find(query).sort([("score", -1), ("_id", 1)]).batch_size(limit)
        return list(islice(sound(self._suspects, rows, self._suspect), limit or None))

    def find(self, credential: Credential) -> Suspect | None:
        """The suspect of that credential; None where it does not wait for a verdict."""
        rows = self._suspects.find({"seenCredential": {"$in": credential_forms([credential])}} | UNDECIDED)
        return next(sound(self._suspects, rows, self._suspect), None)

    def credential_of(self, key: ObjectId) -> Credential | None:
        """The credential of the suspect with that key, judged or not; None where there is none."""
        row = self._suspects.find_one({"_id": key}, {"seenCredential": 1}) or {}
        return as_credential(row.get("seenCredential"))

    def number_waiting(self, limit: int) -> int:
        """How many suspects have no verdict; at most `limit` are counted."""
        return self._suspects.count_documents(UNDECIDED, limit=limit)

    def judge(self, credential: Credential, verdict: bool, *, at: datetime) -> None:
        """Store a person's verdict, as the application would; giving the same one again changes nothing.

        verdict  with the meaning that the option `verdict_true_means` gives to true
        Raises NotFound for a credential that is not waiting, Conflict where another verdict was given first.
        """
        decided = {"$set": {"verificationStatus": verdict, "verifiedAt": at}}
        query: Document = {"seenCredential": {"$in": credential_forms([credential])}}
        if self._suspects.update_one(query | UNDECIDED, decided).matched_count:
            return
        other = self._suspects.find_one(query, {"verificationStatus": 1})
        if other is None:
            raise NotFound(f"credential: {credential} does not wait for a verdict")
        if other.get("verificationStatus") is not verdict:
            raise Conflict(f"credential {credential}: another verdict was given first")

    def put(self, suspects: Sequence[Suspect], *, now: datetime) -> int:
        """Upsert suspects, except those with a verdict; returns how many rows changed."""
        writes = [
            UpdateOne(
                {"seenCredential": {"$in": credential_forms([suspect.credential])}, **UNDECIDED},
                {
                    "$set": suspect.finding | {"updatedAt": now},
                    "$setOnInsert": {
                        "seenCredential": suspect.credential,
                        "createdAt": now,
                        "sampled": suspect.sampled,
                    },
                },
                upsert=True,
            )
            for suspect in suspects
        ]
        return guarded_upsert(self._suspects, writes) if writes else 0

    def labelled(self) -> set[Credential]:
        """Credentials with a verdict that is no label yet, whether or not it can still be taken back."""
        given = {"$or": [{"verificationStatus": {"$exists": True}}, PENDING]}
        rows = self._suspects.find(given, {"seenCredential": 1})
        return set(sound(self._suspects, rows, lambda row: credential_of(row.get("seenCredential"))))

    def flagged(self, since: datetime, *, sampled: bool, now: datetime) -> int:
        """How many suspects the detector flagged from that moment on, at random where `sampled`, and are still here."""
        query = {"createdAt": period(since, now), "model": {"$type": "string"}, "sampled": sampled}
        return self._suspects.count_documents(query)

    def _suspect(self, row: Document) -> Suspect:
        stored = as_list(row.get("reasons")) or []
        reasons = [reason for value in stored if (reason := _reason(value)) is not None]
        if len(reasons) < len(stored) or not isinstance(row.get("reasons"), list | None):
            name_malformed(self._suspects.name, row["_id"])
        return Suspect(
            credential=credential_of(row.get("seenCredential")),
            first_seen_at=needed(as_moment(row.get("firstSeenAt"))),
            last_seen_at=needed(as_moment(row.get("lastSeenAt"))),
            score=optional(row.get("score"), as_number) or 0.0,
            reasons=reasons,
            model=optional(row.get("model"), as_text) or "",
            sampled=row.get("sampled") is True,
            flagged_at=needed(as_moment(row.get("createdAt"))),
            place=f"{'' if row.get('score') is None else as_number(row['score'])}_{row['_id']}",
        )


def _behind(place: str) -> Document:
    """The query for the suspects behind a place in the order of `waiting`: those without a score come last.

    Each alternative names every field of the index, so that the server merges what it reads in order.
    """
    score, _, number = place.partition("_")
    digits = id_bytes(number)
    try:
        value = float(score) if score else None
    except ValueError:
        value, digits = None, None
    if digits is None:
        raise BadEvent("after: is no place in the list of suspects")
    conditions: list[Document] = [{"score": value, "_id": {"$gt": ObjectId(digits)}}]
    if value is not None:
        conditions += [{"score": {"$lt": value}}, {"score": None}]
    return {"$or": [UNDECIDED | condition for condition in conditions]}


def _reason(value: Any) -> Mapping[str, Any] | None:
    """A reason with what reviewers are shown: a number, the usual range of people, and a text; None without them."""
    if not isinstance(value, Mapping) or as_text(value.get("says")) is None:
        return None
    people = as_list(value.get("people")) or []
    number, *usual = (as_number(each) for each in (value.get("value"), *people))
    return None if number is None or len(usual) != 2 or None in usual else {**value, "value": number, "people": usual}
