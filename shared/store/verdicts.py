"""People's verdicts on suspects, and how they become labels of the features that were judged.

A verdict is a row of `suspiciouscredentials` with `verificationStatus`, true or false, and `verifiedAt`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pymongo import MongoClient
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from shared.documents import Document
from shared.store import schema
from shared.store.decoding import as_moment, credential_of, needed, optional, sound

Outcome = Literal["labelled", "changed", "repeated", "older", "unmatched"]

GIVEN: Document = {
    "verificationStatus": {"$type": "bool"},
    "verifiedAt": {"$type": "date"},
    # The window goes into queries: an object there could be an operator.
    "seenCredential": {"$type": ["objectId", "string"]},
    "firstSeenAt": {"$type": "date"},
    "lastSeenAt": {"$type": "date"},
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a person said of a window of readings.

    row       id of the suspect
    key       the window: seenCredential, firstSeenAt, lastSeenAt
    status    as it was given
    given_at  when
    flagged   when the detector flagged it, and whether by lot; empty where it did not
    """

    row: Any
    key: Document
    status: bool
    given_at: datetime
    flagged: Document


class Verdicts:
    """For example: {verificationStatus: true, verifiedAt: …} in a row of `suspects`, and then in one of features."""

    def __init__(self, client: MongoClient[Document], app: Database[Document], analytics: Database[Document]) -> None:
        self._client = client
        self._suspects = app[schema.SUSPECTS.name]
        self._features = analytics[schema.CREDENTIAL_FEATURES.name]

    def given(self, rows: Sequence[Any] | None = None) -> Iterator[Verdict]:
        """Those that wait to be taken over, of these rows or of all, the earliest first."""
        query = GIVEN if rows is None else {"_id": {"$in": list(rows)}, **GIVEN}
        found = self._suspects.find(query).sort([("verifiedAt", 1), ("_id", 1)])
        return sound(self._suspects, found, _verdict)

    def incomplete(self) -> list[Any]:
        """Rows that say one half of a verdict, something that is none, or nothing of the window it is on."""
        halves = {"$or": [{name: {"$exists": True}} for name in ("verificationStatus", "verifiedAt")]}
        return [row["_id"] for row in self._suspects.find({"$and": [halves, {"$nor": [GIVEN]}]}, {"_id": 1})]

    def without_features(self) -> int:
        """How many labels wait for the features of their window."""
        query = {"verifiedAt": {"$type": "date"}, "count": {"$exists": False}}
        return self._features.count_documents(query)

    def take_over(self, one: Verdict, *, person: bool, now: datetime) -> Outcome:
        """Label the features of the window, and remove the row, in one transaction: both happen, or neither.

        Of two verdicts on one window the later one counts, of two of the same moment the one that says `person`.
        A label without features is kept, and gets them when they come.

        labelled   the features had no label
        changed    they had another one
        repeated   they had this one
        older      they have a later one, which stays
        unmatched  there are no such features yet
        """
        with self._client.start_session() as session:
            try:
                return session.with_transaction(lambda inside: self._take_over(inside, one, person, now))
            except DuplicateKeyError:  # the features came at the same moment
                return session.with_transaction(lambda inside: self._take_over(inside, one, person, now))

    def _take_over(self, session: ClientSession, one: Verdict, person: bool, now: datetime) -> Outcome:
        given_at = min(one.given_at, now)  # a clock ahead of ours must not hold back later verdicts
        row = self._features.find_one(one.key, session=session)
        outcome = _outcome(row, one.status, given_at, person, now)
        if outcome == "repeated":
            self._features.update_one(one.key, {"$max": {"verifiedAt": given_at}}, session=session)
        elif outcome != "older":
            label = {"verificationStatus": one.status, "verifiedAt": given_at, "labelledAt": now, **one.flagged}
            ends = {"current": "", "expiresAt": ""}
            update = {"$set": label, "$unset": ends, "$setOnInsert": {"createdAt": now}}
            self._features.update_one(one.key, update, upsert=True, session=session)
        same = {"_id": one.row, "verificationStatus": one.status, "verifiedAt": one.given_at}
        self._suspects.delete_one(same, session=session)  # a verdict that was changed meanwhile comes again
        return outcome


def _verdict(row: Document) -> Verdict:
    key: Document = {"seenCredential": credential_of(row.get("seenCredential"))}
    key |= {name: needed(as_moment(row.get(name))) for name in ("firstSeenAt", "lastSeenAt")}
    flagged = {}
    if isinstance(row.get("model"), str):
        flagged = {"flaggedAt": optional(row.get("createdAt"), as_moment), "sampled": row.get("sampled") is True}
    return Verdict(row["_id"], key, row["verificationStatus"], needed(as_moment(row["verifiedAt"])), flagged)


def _outcome(row: Document | None, status: bool, given_at: datetime, person: bool, now: datetime) -> Outcome:
    if row is None:
        return "unmatched"
    before = as_moment(row.get("verifiedAt"))
    if before is None:
        return "labelled"
    if row.get("verificationStatus") == status:
        return "repeated"
    if not isinstance(before, datetime) or before > now:  # no moment that a verdict can have been given at
        return "changed"
    if before > given_at or (before == given_at and row.get("verificationStatus") == person):
        return "older"
    return "changed"
