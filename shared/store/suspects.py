"""Credentials that a person should look at; one document each, until the verdict is taken over.

For example: {_id: ObjectId, seenCredential: ObjectId, firstSeenAt: …, lastSeenAt: …, createdAt: …, updatedAt: …,
score: 0.97, reasons: [{feature: "viewsPerHour", value: 700, people: [3.2, 10], says: "…"}],
model: "20260130T115500Z", sampled: false}; a person's verdict adds {verificationStatus: true, verifiedAt: …}.

A page for reviewers calls `waiting` and `judge`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from pymongo import UpdateOne
from pymongo.database import Database

from shared.documents import Credential, Document, credential_forms
from shared.errors import Conflict, NotFound
from shared.store import schema
from shared.store.decoding import as_list, as_moment, as_number, as_text, credential_of, needed, optional, sound
from shared.store.expressions import period
from shared.store.malformed import name_malformed
from shared.store.upserts import guarded_upsert

UNDECIDED: Document = {"verificationStatus": {"$exists": False}}


@dataclass(frozen=True, slots=True)
class Suspect:
    """A credential, and why it is to be looked at.

    first_seen_at, last_seen_at  of the readings that were looked at
    score                        how much like a bot, 0..1, higher is more
    reasons                      what drove the score, the strongest first: feature, value, people (from, to), says
    model                        version of the detector
    sampled                      whether it was drawn by lot, below the threshold
    flagged_at                   when it came here first; None for one that is new
    """

    credential: Credential
    first_seen_at: datetime
    last_seen_at: datetime
    score: float
    reasons: Sequence[Mapping[str, Any]]
    model: str
    sampled: bool = False
    flagged_at: datetime | None = None

    @property
    def finding(self) -> Document:
        """What the detector says, as it is stored."""
        return {
            "firstSeenAt": self.first_seen_at,
            "lastSeenAt": self.last_seen_at,
            "score": self.score,
            "reasons": [dict(reason) for reason in self.reasons],
            "model": self.model,
        }


class Suspects:
    def __init__(self, app: Database[Document]) -> None:
        self._suspects = app[schema.SUSPECTS.name]

    def waiting(self, most: int = 0) -> list[Suspect]:
        """Those that nobody has judged yet, the most suspicious first; all of them, or at most so many."""
        found = self._suspects.find(UNDECIDED).sort([("score", -1), ("_id", 1)])
        return list(islice(sound(self._suspects, found, self._suspect), most or None))

    def judge(self, credential: Credential, verdict: bool, *, at: datetime) -> None:
        """Write down a person's verdict, as the application would; giving the same one again changes nothing.

        verdict  in the sense of `verdict_true_means`
        Raises NotFound for a credential that is not waiting, Conflict where another verdict was given first.
        """
        decided = {"$set": {"verificationStatus": verdict, "verifiedAt": at}}
        who: Document = {"seenCredential": {"$in": credential_forms([credential])}}
        if self._suspects.update_one(who | UNDECIDED, decided).matched_count:
            return
        other = self._suspects.find_one(who, {"verificationStatus": 1})
        if other is None:
            raise NotFound(f"credential: {credential} does not wait for a verdict")
        if other["verificationStatus"] is not verdict:
            raise Conflict(f"credential {credential}: another verdict was given first")

    def put(self, suspects: Sequence[Suspect], *, now: datetime) -> int:
        """Upsert those that nobody has judged meanwhile; returns how many changed."""
        writes = [
            UpdateOne(
                {"seenCredential": {"$in": credential_forms([one.credential])}, **UNDECIDED},
                {
                    "$set": one.finding | {"updatedAt": now},
                    "$setOnInsert": {"seenCredential": one.credential, "createdAt": now, "sampled": one.sampled},
                },
                upsert=True,
            )
            for one in suspects
        ]
        return guarded_upsert(self._suspects, writes) if writes else 0

    def judged(self) -> set[Credential]:
        """Credentials whose verdict has not been taken over yet."""
        found = self._suspects.find({"verificationStatus": {"$exists": True}}, {"seenCredential": 1})
        return set(sound(self._suspects, found, lambda row: credential_of(row.get("seenCredential"))))

    def flagged(self, since: datetime, *, sampled: bool, now: datetime) -> int:
        """How many the detector has flagged from that moment on that still are here."""
        query = {"createdAt": period(since, now), "model": {"$type": "string"}, "sampled": sampled}
        return self._suspects.count_documents(query)

    def _suspect(self, row: Document) -> Suspect:
        stored = as_list(row.get("reasons")) or []
        reasons = [one for one in stored if _is_reason(one)]
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
        )


def _is_reason(value: Any) -> bool:
    """Whether it says what a reviewer is shown: a feature's value beside those of people."""
    if not isinstance(value, Mapping):
        return False
    people = as_list(value.get("people")) or []
    numbers = [as_number(one) for one in (value.get("value"), *people)]
    return as_text(value.get("says")) is not None and len(people) == 2 and None not in numbers
