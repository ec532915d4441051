"""People's verdicts on suspects, and turning them into labels of the features of the judged windows.

A verdict is a row of `suspiciouscredentials` with `verificationStatus`, true or false, and `verifiedAt`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pymongo.client_session import ClientSession
from pymongo.errors import DuplicateKeyError

from shared.documents import Document
from shared.store import Store, schema
from shared.store.decoding import as_moment, credential_of, needed, optional, sound
from shared.store.expressions import NO_ARRAY

Outcome = Literal["labelled", "changed", "repeated", "older", "unmatched"]

GIVEN: Document = {
    "verificationStatus": {"$type": "bool"} | NO_ARRAY,
    "verifiedAt": {"$type": "date"} | NO_ARRAY,
    # These fields go into queries, where an object could be an operator.
    "seenCredential": {"$type": ["objectId", "string"]} | NO_ARRAY,
    "firstSeenAt": {"$type": "date"} | NO_ARRAY,
    "lastSeenAt": {"$type": "date"} | NO_ARRAY,
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """A person's verdict on a window of readings.

    row       id of the suspect
    key       the window: seenCredential, firstSeenAt, lastSeenAt
    status    `verificationStatus` as it was given
    given_at  when it was given
    flagged   when the detector flagged the window, and whether at random; empty where it did not
    """

    row: Any
    key: Document
    status: bool
    given_at: datetime
    flagged: Document


class Verdicts:
    """For example: {verificationStatus: true, verifiedAt: …} in a row of `suspects`, and then in one of features."""

    def __init__(self, store: Store) -> None:
        self._client = store.client
        self._suspects = store.app[schema.SUSPECTS.name]
        self._features = store.analytics[schema.CREDENTIAL_FEATURES.name]

    def given(self, rows: Sequence[Any] | None = None) -> Iterator[Verdict]:
        """The complete verdicts that are no labels yet, of these suspects or of all for None, the earliest first."""
        query = GIVEN if rows is None else {"_id": {"$in": list(rows)}, **GIVEN}
        suspects = self._suspects.find(query).sort([("verifiedAt", 1), ("_id", 1)])
        return sound(self._suspects, suspects, _verdict)

    def incomplete(self) -> list[Any]:
        """Ids of suspects with half a verdict, a malformed one, or one without its window."""
        halves = {"$or": [{name: {"$exists": True}} for name in ("verificationStatus", "verifiedAt")]}
        return [row["_id"] for row in self._suspects.find({"$and": [halves, {"$nor": [GIVEN]}]}, {"_id": 1})]

    def without_features(self) -> int:
        """How many labels have no features of their window yet."""
        query = {"verifiedAt": {"$type": "date"}, "count": {"$exists": False}}
        return self._features.count_documents(query)

    def take_over(self, verdict: Verdict, *, person: bool, now: datetime) -> Outcome:
        """Label the features of the window and delete the suspect, in one transaction: both happen, or neither.

        Of two verdicts on one window the later one counts, of two of the same moment the one for a person. A label is
        stored without features too, and gets them when they are written.

        person  the status that means that a person, and no bot, uses the credential

        labelled   the features had no label
        changed    they had another one
        repeated   they had this one
        older      they have a later one, which stays
        unmatched  there are no such features yet
        """
        with self._client.start_session() as session:
            try:
                return session.with_transaction(lambda inside: self._take_over(inside, verdict, person, now))
            except DuplicateKeyError:  # the features were inserted at the same moment
                return session.with_transaction(lambda inside: self._take_over(inside, verdict, person, now))

    def _take_over(self, session: ClientSession, verdict: Verdict, person: bool, now: datetime) -> Outcome:
        given_at = min(verdict.given_at, now)  # a clock ahead of ours must not outdate later verdicts
        row = self._features.find_one(verdict.key, session=session)
        outcome = _outcome(row, verdict.status, given_at, person, now)
        if outcome == "repeated":
            self._features.update_one(verdict.key, {"$max": {"verifiedAt": given_at}}, session=session)
        elif outcome != "older":
            label = {"verificationStatus": verdict.status, "verifiedAt": given_at, "labelledAt": now, **verdict.flagged}
            ends = {"current": "", "expiresAt": ""}
            update = {"$set": label, "$unset": ends, "$setOnInsert": {"createdAt": now}}
            self._features.update_one(verdict.key, update, upsert=True, session=session)
        same = {"_id": verdict.row, "verificationStatus": verdict.status, "verifiedAt": verdict.given_at}
        self._suspects.delete_one(same, session=session)  # one whose verdict was changed meanwhile is processed again
        return outcome


def _verdict(row: Document) -> Verdict:
    key: Document = {"seenCredential": credential_of(row.get("seenCredential"))}
    key |= {name: needed(as_moment(row.get(name))) for name in ("firstSeenAt", "lastSeenAt")}
    flagged = {}
    if isinstance(row.get("model"), str):
        flagged = {"flaggedAt": optional(row.get("createdAt"), as_moment), "sampled": row.get("sampled") is True}
    return Verdict(row["_id"], key, row["verificationStatus"], needed(as_moment(row["verifiedAt"])), flagged)


def _outcome(row: Document | None, status: bool, given_at: datetime, person: bool, now: datetime) -> Outcome:
    """What a verdict does to the row of features of its window."""
    if row is None:
        return "unmatched"
    before = as_moment(row.get("verifiedAt"))
    if before is None:
        return "labelled"
    if row.get("verificationStatus") == status:
        return "repeated"
    if not isinstance(before, datetime) or before > now:  # the stored moment is malformed
        return "changed"
    if before > given_at or (before == given_at and row.get("verificationStatus") == person):
        return "older"
    return "changed"
