"""Sessions of the console. A browser has a random token in a cookie; the database has its hash.

For example: {_id: "9f0c… (SHA-256 of the token)", member: "ana@example.org", role: "operator", startedAt: …, usedAt: …,
expiresAt: …}
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from console.rights import Role
from console.store.members import Members, role_of
from shared.documents import Document
from shared.store import Store, schema
from shared.store.decoding import as_moment

MAX_LIFETIME, MAX_IDLE = timedelta(hours=8), timedelta(minutes=30)
NOTED_EVERY = timedelta(minutes=1)  # that a session is used is written at most so often
LINK_VALID = timedelta(minutes=10)
MAX_TOKEN_LENGTH = 64  # characters


@dataclass(frozen=True, slots=True)
class Session:
    """A member of the console who is logged in.

    key     of the session in the database
    member  the subject of the identity provider
    csrf    the token without which no form of this session is taken
    """

    key: str
    member: str
    role: Role
    language: str
    csrf: str


class Sessions:
    def __init__(self, store: Store) -> None:
        self._sessions = store.analytics[schema.CONSOLE_SESSIONS.name]
        self._logins = store.analytics[schema.CONSOLE_LOGINS.name]
        self._members = Members(store)

    def start(self, member: str, role: Role, *, now: datetime) -> str:
        """Begin a session, and return its token, which is stored nowhere."""
        token = secrets.token_urlsafe(32)
        times = {"startedAt": now, "usedAt": now, "expiresAt": now + MAX_LIFETIME}
        self._sessions.insert_one({"_id": _hash(token), "member": member, "role": role, **times})
        return token

    def find(self, token: str, *, now: datetime, is_use: bool = True) -> Session | None:
        """The session of a token; None where there is none, where it has ended, or where the member is no member any
        more or has another role.

        is_use  whether somebody uses the session, which then does not end for MAX_IDLE
        """
        if not 0 < len(token) <= MAX_TOKEN_LENGTH:
            return None
        row = self._sessions.find_one({"_id": _hash(token)})
        if row is None or not _lasts(row, now):
            return None
        member = self._members.find(str(row.get("member")))
        if member is None or member.role != role_of(row.get("role")):
            return None
        used_at = as_moment(row.get("usedAt"))
        if is_use and (used_at is None or now - used_at >= NOTED_EVERY):
            self._sessions.update_one({"_id": row["_id"]}, {"$max": {"usedAt": now}})
        return Session(row["_id"], member.subject, member.role, member.language, csrf_token(token))

    def end(self, key: str) -> None:
        """End a session."""
        self._sessions.delete_one({"_id": key})

    def end_all(self, member: str) -> int:
        """End every session of a member; returns how many there were."""
        return self._sessions.delete_many({"member": member}).deleted_count

    def login_link(self, role: Role, *, now: datetime) -> str:
        """A token that logs in once, with that role, within ten minutes. Only a service on one machine makes it."""
        token = secrets.token_urlsafe(32)
        self._logins.insert_one({"_id": _hash(token), "role": role, "expiresAt": now + LINK_VALID})
        return token

    def use_login_link(self, token: str, *, now: datetime) -> Role | None:
        """The role that a token of `login_link` gives; None the second time, and once it has expired."""
        row = self._logins.find_one_and_delete({"_id": _hash(token), "expiresAt": {"$gt": now}})
        return role_of(row.get("role")) if row else None


def csrf_token(token: str) -> str:
    """The token of the forms of a session, from the session's own: who knows one does not know the other."""
    return hashlib.sha256(f"forms of {token}".encode()).hexdigest()


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _lasts(row: Document, now: datetime) -> bool:
    used_at, expires_at = (as_moment(row.get(name)) for name in ("usedAt", "expiresAt"))
    return used_at is not None and expires_at is not None and now < expires_at and now - used_at < MAX_IDLE
