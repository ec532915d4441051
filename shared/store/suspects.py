"""Credentials that a person should look at; one document each, until the verdict is taken over.

For example: {_id: ObjectId, seenCredential: ObjectId, firstSeenAt: …, lastSeenAt: …, createdAt: …, updatedAt: …,
score: 0.97, reasons: [{feature: "viewsPerHour", value: 700, people: [3.2, 10], says: "…"}],
model: "20260130T115500Z", sampled: false}; a person's verdict adds {verificationStatus: true, verifiedAt: …}.

A page for reviewers calls `waiting` and `judge`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo import UpdateOne
from pymongo.database import Database

from shared.errors import Conflict, NotFound
from shared.store import schema
from shared.store.expressions import period
from shared.store.upserts import write_unless

Document = dict[str, Any]
Credential = ObjectId | str

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
        found = self._suspects.find(UNDECIDED).sort([("score", -1), ("_id", 1)]).limit(most)
        return [_suspect(row) for row in found]

    def judge(self, credential: Credential, verdict: bool, *, at: datetime) -> None:
        """Write down a person's verdict, as the application would; giving the same one again changes nothing.

        verdict  in the sense of `verdict_true_means`
        Raises NotFound for a credential that is not waiting, Conflict where another verdict was given first.
        """
        decided = {"$set": {"verificationStatus": verdict, "verifiedAt": at}}
        if self._suspects.update_one({"seenCredential": credential, **UNDECIDED}, decided).matched_count:
            return
        other = self._suspects.find_one({"seenCredential": credential}, {"verificationStatus": 1})
        if other is None:
            raise NotFound(f"credential: {credential} does not wait for a verdict")
        if other["verificationStatus"] is not verdict:
            raise Conflict(f"credential {credential}: another verdict was given first")

    def put(self, suspects: Sequence[Suspect], *, now: datetime) -> int:
        """Upsert those that nobody has judged meanwhile; returns how many changed."""
        writes = [
            UpdateOne(
                {"seenCredential": one.credential, **UNDECIDED},
                {"$set": one.finding | {"updatedAt": now}, "$setOnInsert": {"createdAt": now, "sampled": one.sampled}},
                upsert=True,
            )
            for one in suspects
        ]
        return write_unless(self._suspects, writes) if writes else 0

    def judged(self) -> set[Credential]:
        """Credentials whose verdict has not been taken over yet."""
        return {row["seenCredential"] for row in self._suspects.find({"verificationStatus": {"$exists": True}})}

    def flagged(self, since: datetime, *, sampled: bool, now: datetime) -> int:
        """How many the detector has flagged from that moment on that still are here."""
        query = {"createdAt": period(since, now), "model": {"$type": "string"}, "sampled": sampled}
        return self._suspects.count_documents(query)


def _suspect(row: Document) -> Suspect:
    return Suspect(
        credential=row["seenCredential"],
        first_seen_at=row["firstSeenAt"],
        last_seen_at=row["lastSeenAt"],
        score=float(row.get("score", 0.0)),
        reasons=row.get("reasons", []),
        model=str(row.get("model", "")),
        sampled=bool(row.get("sampled", False)),
        flagged_at=row["createdAt"],
    )
