"""Who may use the console, and with which role."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar, Literal, get_args

from msgspec import Meta, Struct

from console.rights import ROLES, Role
from console.service import Console
from console.store.members import LANGUAGES, Member
from console.templates import redirect, render
from console.visitor import Visitor
from shared.api import Response, Route
from shared.errors import Forbidden
from shared.requests import refused

ROWS = 100
MEMBERS = "/console/members"

Subject = Annotated[
    str, Meta(min_length=1, max_length=128, pattern=r"^\S(.*\S)?$"), refused("needs 1 to 128 characters")
]
RoleName = Annotated[Role, refused(f"needs one of {', '.join(ROLES)}")]


Done = Annotated[Literal["", "added", "changed", "removed"], refused("needs added, changed or removed")]


class MembersQuery(Struct):
    """Which members: those whose subject comes after one.

    done  what was done to a member just now
    """

    after: Annotated[str, Meta(max_length=128), refused("is not one that a page came with")] = ""
    done: Done = ""


class MemberForm(Struct):
    """A member to add."""

    subject: Subject
    role: RoleName


class RoleForm(Struct):
    """Another role for a member; `seen` is the one that the page showed."""

    subject: Subject
    role: RoleName
    seen: RoleName


class SubjectForm(Struct):
    """A member to remove."""

    subject: Subject


@dataclass(frozen=True, slots=True)
class MembersPage:
    """The page.

    members    by subject
    roles      that there are
    next_page  the subject after which the next page begins; empty at the end
    done       what was done to a member just now: "added", "changed", "removed", or nothing
    """

    template: ClassVar[str] = "members.html"
    path: ClassVar[str] = MEMBERS

    members: Sequence[Member]
    roles: Sequence[str]
    next_page: str
    done: str


def members(console: Console, visitor: Visitor, query: MembersQuery, now: datetime) -> Response:
    """All members."""
    listed = console.members.all(query.after, ROWS + 1)
    next_page = listed[ROWS - 1].subject if len(listed) > ROWS else ""
    return render(MembersPage(listed[:ROWS], get_args(Role), next_page, query.done), visitor)


def add(console: Console, visitor: Visitor, form: MemberForm, now: datetime) -> Response:
    """Add a member; Conflict where there is one with another role."""
    session = visitor.member_session()
    with console.audit.act(session, "add member", {"object": form.subject, "after": form.role}, now=now):
        console.members.add(Member(form.subject, form.role, LANGUAGES[0]), by=session.member, now=now)
    return redirect(f"{MEMBERS}?done=added")


def change_role(console: Console, visitor: Visitor, form: RoleForm, now: datetime) -> Response:
    """Give a member another role, which ends its sessions; Conflict where the role is not the one seen any more."""
    session = visitor.member_session()
    _not_oneself(session.member, form.subject)
    about = {"object": form.subject, "before": form.seen, "after": form.role}
    with console.audit.act(session, "change role", about, now=now):
        console.members.change_role(form.subject, form.role, instead_of=form.seen, by=session.member)
        console.sessions.end_all(form.subject)
    return redirect(f"{MEMBERS}?done=changed")


def remove(console: Console, visitor: Visitor, form: SubjectForm, now: datetime) -> Response:
    """Remove a member, which ends its sessions."""
    session = visitor.member_session()
    _not_oneself(session.member, form.subject)
    member = console.members.find(form.subject)
    about = {"object": form.subject} | ({"before": member.role} if member else {})
    with console.audit.act(session, "remove member", about, now=now):
        console.members.remove(form.subject, by=session.member)
        console.sessions.end_all(form.subject)
    return redirect(f"{MEMBERS}?done=removed")


def _not_oneself(member: str, subject: str) -> None:
    if member == subject:
        raise Forbidden("subject: nobody changes the own role; ask another admin")


ROUTES: tuple[Route[Console], ...] = (
    Route("GET", MEMBERS, "Members", MembersQuery, members, "manage members"),
    Route("POST", f"{MEMBERS}/add", "Add a member", MemberForm, add, "manage members", takes_form=True),
    Route("POST", f"{MEMBERS}/role", "Change a role", RoleForm, change_role, "manage members", takes_form=True),
    Route("POST", f"{MEMBERS}/remove", "Remove a member", SubjectForm, remove, "manage members", takes_form=True),
)
