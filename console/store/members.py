"""Members of the console, by the subject that the identity provider gives them.

For example: {_id: "ana@example.org", role: "operator", language: "en", addedAt: …, addedBy: "kit@example.org"}
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo.client_session import ClientSession

from console.rights import RIGHTS, ROLES, Role
from shared.documents import Document
from shared.errors import Conflict, Forbidden, NotFound
from shared.store import Store, schema
from shared.store.decoding import Malformed, as_text, first_sound, needed, sound

LANGUAGES = ("en", "th")


@dataclass(frozen=True, slots=True)
class Member:
    """Someone who may use the console.

    subject   the identity provider's name for this person
    language  of the pages, one of LANGUAGES
    """

    subject: str
    role: Role
    language: str


class Members:
    def __init__(self, store: Store) -> None:
        self._client, self._members = store.client, store.analytics[schema.CONSOLE_MEMBERS.name]

    def find(self, subject: str) -> Member | None:
        """The member of that subject; None where there is none, or its document is malformed."""
        return next(sound(self._members, self._members.find({"_id": subject}), _member), None)

    def all(self, after: str = "", limit: int = 100) -> list[Member]:
        """At most `limit` members whose subject comes after that one, in the order of subjects."""
        return first_sound(self._members, self._members.find({"_id": {"$gt": after}}).sort("_id", 1), _member, limit)

    def add(self, member: Member, *, by: str, now: datetime) -> None:
        """Add a member; Conflict where there is one of that subject with another role, Forbidden where `by` may manage
        members no more."""
        self._while_manager(by, lambda session: self._insert(member, by, now, session))

    def enrol(self, member: Member, *, by: str, now: datetime) -> None:
        """Add a member without asking whether `by` may, as a login link does; Conflict where there is one of that
        subject with another role."""
        self._insert(member, by, now)

    def change_role(self, subject: str, role: Role, *, instead_of: Role, by: str) -> None:
        """Give a member another role, if its role is still the one that it was seen to have.

        NotFound where there is no such member, Conflict where the role is another one, be it the one to give, Forbidden
        where `by` may manage members no more.
        """

        def change(session: ClientSession) -> None:
            query = {"_id": subject, "role": instead_of}
            if not self._members.update_one(query, {"$set": {"role": role}}, session=session).matched_count:
                present = self.find(subject)
                if present is None:
                    raise NotFound(f"subject: {subject} is no member")
                raise Conflict(f"subject: {subject} has the role {present.role} by now")

        self._while_manager(by, change)

    def choose_language(self, subject: str, language: str) -> None:
        """Show a member the pages in that language from now on."""
        self._members.update_one({"_id": subject}, {"$set": {"language": language}})

    def remove(self, subject: str, *, by: str) -> None:
        """Remove a member; NotFound where there is none, Forbidden where `by` may manage members no more."""

        def remove(session: ClientSession) -> None:
            if not self._members.delete_one({"_id": subject}, session=session).deleted_count:
                raise NotFound(f"subject: {subject} is no member")

        self._while_manager(by, remove)

    def _insert(self, member: Member, by: str, now: datetime, session: ClientSession | None = None) -> None:
        fields = {"role": member.role, "language": member.language, "addedAt": now, "addedBy": by}
        query, written = {"_id": member.subject}, {"$setOnInsert": fields}
        present = self._members.find_one_and_update(query, written, upsert=True, session=session)
        if present is not None and present.get("role") != member.role:
            raise Conflict(f"subject: {member.subject} is a member already, with the role {present.get('role')}")

    def _while_manager(self, by: str, act: Callable[[ClientSession], None]) -> None:
        """Do an act in one transaction with the check that `by` may manage members: of two who remove each other one
        succeeds, so that somebody is left who may."""

        def check_and_act(session: ClientSession) -> None:
            query = {"_id": by, "role": {"$in": sorted(RIGHTS["manage members"])}}
            # A write that always changes something, so that acts on this member at the same moment collide.
            written = {"$set": {"managed": ObjectId()}}
            if not self._members.update_one(query, written, session=session).matched_count:
                raise Forbidden("subject: you may manage members no more")
            act(session)

        with self._client.start_session() as session:
            session.with_transaction(check_and_act)


def role_of(value: Any) -> Role | None:
    """The role that a stored value names; None where it names none."""
    return next((role for role in ROLES if role == value), None)


def _member(row: Document) -> Member:
    role, language = role_of(row.get("role")), row.get("language")
    if role is None:
        raise Malformed
    return Member(needed(as_text(row["_id"])), role, language if language in LANGUAGES else LANGUAGES[0])
