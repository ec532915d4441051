"""The audit log: who did what, when and why, and whether the chain of entries holds."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from console.rights import may
from console.service import Console
from console.store.audit_log import MAX_CHECKED, AuditEntry
from console.templates import SECURITY, render
from console.visitor import Visitor
from shared.api import Response, Route
from shared.requests import refused, whole_number

ROWS, MAX_EXPORTED = 50, 10_000
COLUMNS = ("account", "post", "credential", "object", "reason", "before", "after")  # of personal values


class AuditQuery(Struct):
    """Which entries: those before a number, and of an act."""

    before: Annotated[int, whole_number(1, 2**53)] | None = None
    act: Annotated[str, Meta(max_length=64), refused("needs a text of at most 64 characters")] = ""


@dataclass(frozen=True, slots=True)
class Audit:
    """The page.

    entries     the newest first
    broken      the number of the first entry that does not hold; None where all do that were checked
    checked     how many were, of this page and older
    act         the act that was asked for, or empty
    next_page   the number before which the next page begins; None at the end
    """

    template: ClassVar[str] = "audit.html"
    path: ClassVar[str] = "/console/audit"

    entries: Sequence[AuditEntry]
    broken: int | None
    checked: int
    act: str
    next_page: int | None


def audit(console: Console, visitor: Visitor, query: AuditQuery, now: datetime) -> Response:
    """A page of entries, and the result of checking the chain from there on back."""
    entries = console.audit.newest(query.before, ROWS + 1, by=_by(visitor), act=query.act or None)
    next_page = entries[ROWS - 1].number if len(entries) > ROWS else None
    broken = console.audit.first_broken(query.before)
    return render(Audit(entries[:ROWS], broken, MAX_CHECKED, query.act, next_page), visitor)


def export(console: Console, visitor: Visitor, query: AuditQuery, now: datetime) -> Response:
    """The newest entries as CSV."""
    entries = console.audit.newest(query.before, MAX_EXPORTED, by=_by(visitor), act=query.act or None)
    written = io.StringIO()
    rows = csv.writer(written)
    rows.writerow(["number", "at", "by", "role", "act", "outcome", *COLUMNS, "hash"])
    for entry in entries:
        personal = [_harmless(str(entry.personal.get(name, ""))) for name in COLUMNS]
        fields = [entry.number, entry.at.isoformat(), _harmless(entry.by), entry.role, entry.act, entry.outcome]
        rows.writerow([*fields, *personal, entry.hash])
    disposition = {"Content-Disposition": 'attachment; filename="audit.csv"', "Cache-Control": "no-store"}
    return Response(written.getvalue(), media_type="text/csv; charset=utf-8", headers=SECURITY | disposition)


def _by(visitor: Visitor) -> str | None:
    """Whose entries the visitor may see; None for all."""
    session = visitor.session
    return None if session is None or may(session.role, "read all audit") else session.member


def _harmless(text: str) -> str:
    """The text; with an apostrophe in front of one that a spreadsheet would take for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


ROUTES: tuple[Route[Console], ...] = (
    Route("GET", "/console/audit", "The audit log", AuditQuery, audit, "read audit"),
    Route("GET", "/console/audit/export.csv", "The audit log as CSV", AuditQuery, export, "read audit"),
)
