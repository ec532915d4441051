"""The audit log: every act that changed something, in one chain of hashes.

For example: {_id: 7, at: …, by: "ana@example.org", role: "operator", act: "replay changes", outcome: "done",
personal: {account: ObjectId, reason: "…", before: "…", after: "…"}, salts: {account: "…", …},
digests: {account: "…", …}, previous: "… (hash of entry 6)", hash: "…", outcomeHash: "…"}

The hash of an entry covers its number, moment, member, role, act, the digests of its personal values, and the hash of
the entry before; `outcomeHash` covers that hash and the outcome, which comes later. A digest is of the value with a
random salt; an erasure takes away value and salt, so that nothing of the person is left, and the chain still holds.
"""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, get_args

from bson import ObjectId
from pymongo.errors import DuplicateKeyError, PyMongoError

from console.store.audit_chain import BEGUN, FIRST, digest, entry_hash, holds, outcome_hash
from console.store.sessions import Session
from shared.documents import ID_IN_TEXT, Document, object_id
from shared.errors import AppError, Unavailable
from shared.store import Store, schema
from shared.store.deadline import with_fresh_deadline
from shared.store.decoding import as_credential, as_moment, as_text, first_sound, needed
from shared.store.erased import Erased
from shared.store.failures import as_app_error
from shared.store.schema.console import SUBJECTS_OF_ACTS

MAX_CHECKED = 500  # entries at a time
ATTEMPTS = 20  # to append behind whoever appends at the same time
MAX_TEXT_LENGTH = 2_000  # characters of a reason, or of what was there before and after
CLOSE_WITHIN_S = 1.0  # after an act, however long it took

Act = Literal[
    "add member",
    "change role",
    "correct topics",
    "erase account",
    "freeze model",
    "judge a suspect",
    "look at a feed",
    "look at an account",
    "look at the model of an account",
    "promote model",
    "remove member",
    "replay changes",
    "take a verdict back",
    "unfreeze model",
]
ACTS: Final[tuple[Act, ...]] = get_args(Act)
Value = str | ObjectId

_NUMBER: Document = {"$type": ["int", "long"]}
_IS_ENTRY: Document = {"_id": _NUMBER}  # any other document is none of the chain
_CAN_BE_FOLLOWED: Document = {"_id": _NUMBER | {"$lt": 2**53}}


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One act.

    number    from 1 on, without gaps
    by, role  who did it
    act       what was done, one of ACTS, or an act of another release
    personal  about what, why, and what was there before and after, as far as it has not been erased: `account`, `post`,
              `credential`, `object`, `reason`, `before`, `after`
    hash      of the entry and, by its hash, of all before it
    outcome   "done", the error that stopped it, or "begun" where its process ended in the middle
    """

    number: int
    at: datetime
    by: str
    role: str
    act: str
    personal: Mapping[str, Value] = field(default_factory=dict)
    outcome: str = BEGUN
    hash: str = ""


class AuditLog:
    def __init__(self, store: Store) -> None:
        self._store, self._entries = store, store.analytics[schema.AUDIT_LOG.name]

    @contextmanager
    def act(self, session: Session, act: Act, personal: Mapping[str, Value], *, now: datetime) -> Iterator[None]:
        """Do an act inside the `with`: its entry is written before, and how it ended afterwards. An act whose entry
        cannot be written is not done."""
        number = self.append(session.member, session.role, act, personal, now=now)
        try:
            yield
        except (AppError, PyMongoError) as failure:
            error = as_app_error(failure) or failure
            self._close(number, without_ids(f"{type(error).__name__}: {error}", personal))
            raise
        self._close(number, "done")

    def append(self, by: str, role: str, act: str, personal: Mapping[str, Value], *, now: datetime) -> int:
        """Write an entry at the end of the chain; returns its number. What is erased already is not kept of it."""
        values = {name: value if name in SUBJECTS_OF_ACTS else _bounded(value) for name, value in personal.items()}
        salts = {name: secrets.token_hex(16) for name in values}
        digests = {name: digest(value, salts[name]) for name, value in values.items()}
        for _ in range(ATTEMPTS):
            last: Document = {"_id": 0, "hash": FIRST}
            last = next(iter(self._entries.find(_CAN_BE_FOLLOWED, {"hash": 1}).sort("_id", -1).limit(1)), last)
            previous = as_text(last.get("hash")) or FIRST  # behind a damaged one the chain is broken, and acts go on
            entry: Document = {"_id": last["_id"] + 1, "at": now, "by": by, "role": role, "act": act}
            entry |= {"personal": values, "salts": salts, "digests": digests, "previous": previous}
            try:
                self._entries.insert_one(entry | {"hash": entry_hash(entry), "outcome": BEGUN})
            except DuplicateKeyError:  # somebody was faster
                continue
            self._forget_erased(values)
            return int(entry["_id"])
        raise Unavailable("the audit log cannot be written: too many act at the same time")

    def newest(
        self, before: int | None, limit: int, *, by: str | None = None, act: str | None = None
    ) -> list[AuditEntry]:
        """At most `limit` entries with numbers below `before`, the newest first, of a member and of an act if named."""
        query: Document = {name: value for name, value in (("by", by), ("act", act)) if value is not None}
        query |= _before(before)
        return first_sound(self._entries, self._entries.find(query).sort("_id", -1), _entry, limit)

    def first_broken(self, before: int | None = None, limit: int = MAX_CHECKED) -> int | None:
        """The number of the first entry, of the newest `limit` with numbers below `before`, that is not as it was
        written, or that does not follow on the one before; None where they all hold."""
        rows = list(self._entries.find(_before(before)).sort("_id", -1).limit(limit))[::-1]
        number, previous = (1, FIRST) if len(rows) < limit or not rows else (rows[0]["_id"], rows[0].get("previous"))
        for row in rows:
            if row["_id"] != number or row.get("previous") != previous or not holds(row):
                return int(number)
            number, previous = number + 1, row.get("hash")
        return None

    def _close(self, number: int, outcome: str) -> None:
        """Write how an act ended; where that fails, it stays "begun", since the act itself has ended as it has."""
        with suppress(PyMongoError):
            with_fresh_deadline(CLOSE_WITHIN_S, self._write_outcome, number, outcome)

    def _write_outcome(self, number: int, outcome: str) -> None:
        row = self._entries.find_one({"_id": number}, {"hash": 1}) or {}
        fields = {"outcome": outcome, "outcomeHash": outcome_hash(row.get("hash"), outcome)}
        self._entries.update_one({"_id": number}, {"$set": fields})

    def _forget_erased(self, personal: Mapping[str, Value]) -> None:
        """Delete from the log those of these values that are erased: a later erasure finds them in it, an earlier one
        cannot."""
        tombstones = self._store.tombstones
        account, post = (object_id(personal.get(name)) for name in ("account", "post"))
        credential = as_credential(personal.get("credential"))
        erased = Erased(
            accounts=frozenset(tombstones.among([account]) if account else ()),
            posts=frozenset(tombstones.posts_among([post]) if post else ()),
            credentials=frozenset(tombstones.credentials_among([credential]) if credential else ()),
        )
        self._store.erasures.remove(erased, [schema.AUDIT_LOG])


def _before(number: int | None) -> Document:
    """The query for entries with numbers below that one, or for all."""
    return _IS_ENTRY if number is None else {"_id": _NUMBER | {"$lt": number}}


def without_ids(text: str, personal: Mapping[str, Value]) -> str:
    """The text without ids, and without the subjects of an act: an erasure does not look for them there.

    >>> without_ids("NotFound: there is no account 65f0a1b2c3d4e5f60718293a, nor a-device", {"credential": "a-device"})
    'NotFound: there is no account …, nor …'
    """
    for name in SUBJECTS_OF_ACTS:
        if name in personal:
            text = text.replace(str(personal[name]), "…")
    return ID_IN_TEXT.sub("…", text)[:MAX_TEXT_LENGTH]


def _bounded(value: Value) -> Value:
    return without_ids(value, {}) if isinstance(value, str) else value


def _entry(row: Document) -> AuditEntry:
    personal = row.get("personal")
    values = personal if isinstance(personal, dict) else {}
    return AuditEntry(
        number=int(row["_id"]),
        at=needed(as_moment(row.get("at"))),
        by=needed(as_text(row.get("by"))),
        role=needed(as_text(row.get("role"))),
        act=needed(as_text(row.get("act"))),
        personal={name: value for name, value in values.items() if isinstance(value, str | ObjectId)},
        outcome=as_text(row.get("outcome")) or BEGUN,
        hash=as_text(row.get("hash")) or "",
    )
