"""Verdicts of members of the console, which the member may take back for ten seconds.

For example: {seenCredential: ObjectId, …, pendingVerdict: {verdict: true, by: "kit@example.org", at: …, until: …}}, and
once `until` has passed {seenCredential: ObjectId, …, verificationStatus: true, verifiedAt: …, judgedBy:
"kit@example.org"}. Until then it is no verdict to anybody: the suspect only does not wait for one.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pymongo import UpdateOne

from functions.bots.store.suspects import PENDING, UNDECIDED
from shared.clock import EPOCH, SKEW
from shared.documents import Credential, Document, credential_forms
from shared.errors import Conflict, NotFound
from shared.store import Store, schema
from shared.store.decoding import (
    Malformed,
    as_document,
    as_moment,
    as_text,
    credential_of,
    first_sound,
    needed,
    optional,
)
from shared.store.expressions import period

UNDO_WITHIN = timedelta(seconds=10)
MAX_SETTLED = 1_000  # at a time; more come with the next

_SETTLED: list[Document] = [
    {
        "$set": {
            "verificationStatus": "$pendingVerdict.verdict",
            "verifiedAt": "$pendingVerdict.at",
            "judgedBy": "$pendingVerdict.by",
        }
    },
    {"$unset": "pendingVerdict"},
]


@dataclass(frozen=True, slots=True)
class GivenVerdict:
    """A verdict on a credential.

    verdict     with the meaning that the option `verdict_true_means` gives to true
    by          the member who gave it; None where that is not known
    is_pending  whether it can still become none
    """

    credential: Credential
    verdict: bool
    by: str | None
    at: datetime
    is_pending: bool


class PendingVerdicts:
    def __init__(self, store: Store) -> None:
        self._suspects = store.app[schema.SUSPECTS.name]
        self._features = store.analytics[schema.CREDENTIAL_FEATURES.name]

    def give(self, credential: Credential, verdict: bool, *, by: str, now: datetime) -> None:
        """Note a verdict that `settle` makes valid after ten seconds; giving the same one again changes nothing.

        Raises NotFound for a credential that is no suspect, Conflict where another verdict was given first.
        """
        pending = {"verdict": verdict, "by": by, "at": now, "until": now + UNDO_WITHIN}
        given = self._suspects.update_one(_of(credential) | UNDECIDED, {"$set": {"pendingVerdict": pending}})
        if given.matched_count:
            return
        other = self.find(credential, now=now)
        if other is None:
            raise NotFound(f"credential: {credential} does not wait for a verdict")
        if not other.is_pending or (other.verdict, other.by) != (verdict, by):
            raise Conflict(f"credential {credential}: another verdict was given first")

    def take_back(self, credential: Credential, *, by: str, now: datetime) -> None:
        """Make a verdict of this member's as if it had never been given; Conflict where that is too late, or it is not
        this member's."""
        own = _of(credential) | PENDING | {"pendingVerdict.by": by}
        own["$and"] = [{"pendingVerdict.until": {"$gt": now}}, {"verificationStatus": {"$exists": False}}]
        if not self._suspects.update_one(own, {"$unset": {"pendingVerdict": ""}}).matched_count:
            raise Conflict(f"credential {credential}: there is no verdict of yours that can be taken back")

    def settle(self, *, now: datetime) -> int:
        """Make valid the verdicts that can no longer be taken back; returns how many. Safe to repeat, and to run beside
        another: each is one update of one document, which an undo comes before or after.

        One that is to wait for longer than any of ours, by a wrong clock, is made valid at once.
        """
        passed = [{"pendingVerdict.until": {"$lte": now}}, {"pendingVerdict.until": {"$gt": now + UNDO_WITHIN + SKEW}}]
        due: Document = {**PENDING, "$or": passed, "verificationStatus": {"$exists": False}}
        rows = self._suspects.find(due, {"_id": 1}).sort("pendingVerdict.until", 1).limit(MAX_SETTLED)
        writes = [UpdateOne({"_id": row["_id"], **due}, _SETTLED) for row in rows]
        return self._suspects.bulk_write(writes, ordered=False).modified_count if writes else 0

    def newest(self, by: str, *, now: datetime) -> GivenVerdict | None:
        """The latest verdict that this member can take back now; None where there is none."""
        own: Document = PENDING | {"pendingVerdict.by": by, "verificationStatus": {"$exists": False}}
        own["$and"] = [{"pendingVerdict.until": {"$gt": now, "$lte": now + UNDO_WITHIN + SKEW}}]
        rows = self._suspects.find(own).sort("pendingVerdict.until", -1)
        return next(iter(first_sound(self._suspects, rows, _given, 1)), None)

    def find(self, credential: Credential, *, now: datetime) -> GivenVerdict | None:
        """The verdict that was given on this credential, whether it is pending, valid or a label by now; None where
        there is none."""
        given: Document = {"$or": [PENDING, {"verificationStatus": {"$type": "bool"}}]}
        judged = self._suspects.find(_of(credential) | given)
        labelled = self._features.find(_of(credential) | {"verifiedAt": period(EPOCH, now)}).sort("verifiedAt", -1)
        verdicts = first_sound(self._suspects, judged, _given, 1) or first_sound(self._features, labelled, _given, 1)
        return next(iter(verdicts), None)


def _of(credential: Credential) -> Document:
    return {"seenCredential": {"$in": credential_forms([credential])}}


def _given(row: Document) -> GivenVerdict:
    """The verdict of a suspect, or of a labelled window; Malformed where there is none."""
    pending = None if "verificationStatus" in row else as_document(row.get("pendingVerdict"))
    if pending is None:
        verdict, by, at = (row.get(name) for name in ("verificationStatus", "judgedBy", "verifiedAt"))
    else:
        verdict, by, at = (pending.get(name) for name in ("verdict", "by", "at"))
    return GivenVerdict(
        credential=credential_of(row.get("seenCredential")),
        verdict=_truth(verdict),
        by=optional(by, as_text),
        at=needed(as_moment(at)),
        is_pending=pending is not None,
    )


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Malformed
    return value
