"""Erasure of accounts: what is held about one, the erasure, what is left after it, and the erasures so far.

The id of an account is in forms only, in no address: addresses stay in histories and logs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal

from bson import ObjectId
from msgspec import Meta, Struct

from console.fields import CONFIRMED, Reason
from console.messages import message
from console.service import Console
from console.store.audit_log import Value
from console.templates import render
from console.visitor import Visitor
from functions.privacy.store.erasure_records import ErasureRecord, ErasureRecords
from functions.privacy.store.held_data import MAX_IDS, HeldData, HeldDocuments, HeldUser, partly_counted
from shared.api import SERVER_ERROR, STATUS, Response, Route
from shared.clock import epoch_ms, from_epoch_ms
from shared.documents import ID_IN_TEXT, is_id
from shared.errors import AppError, InvalidFields, Unanswered
from shared.requests import refused, whole_number
from shared.store import schema
from shared.store.deadline import with_fresh_deadline
from shared.store.erased import Erased

PATH = "/console/erasures"
ROWS, USERS = 50, 20  # that one page shows
RUNS_FOR = timedelta(minutes=5)  # the time-out of erase_account
LOOK_WITHIN_S = 2.0  # after the erasure, however long it took
INVALID = STATUS[InvalidFields]
CLOCKS = timedelta(seconds=5)  # by which those of two functions may differ

Typed = Annotated[str, Meta(max_length=200), refused("needs a text of at most 200 characters")]
State = Literal["complete", "pending", "stopped"]


class ErasuresQuery(Struct):
    """Which erasures: those behind a place."""

    after: Annotated[str, Meta(pattern=r"^([0-9]{1,14}\.[0-9]{1,6})?$", max_length=21), refused("is no place")] = ""


class AccountForm(Struct):
    """The id of an account."""

    account: Typed = ""


class EraseForm(AccountForm):
    """The account to erase, why, and the last digits of its id."""

    reason: Reason = ""
    confirm: Typed = ""


class ProgressForm(AccountForm):
    """The account that is being erased, and since when [ms since 1970]."""

    since: Annotated[int, whole_number(0, 10**14)] = 0


@dataclass(frozen=True, slots=True)
class ErasuresPage:
    """The page.

    refusal    why nothing was looked for; empty where that is not so
    account    what was typed
    records    the erasures so far, the newest first
    next_page  the place behind which the next page of them begins; empty at the end
    """

    template: ClassVar[str] = "privacy/erasures.html"
    path: ClassVar[str] = PATH

    refusal: str
    account: str
    records: Sequence[ErasureRecord]
    next_page: str


@dataclass(frozen=True, slots=True)
class AccountPage:
    """What is held about an account, and the form that erases it.

    is_there     whether the application has the account
    ids          of the account, its users, posts and credentials; posts and credentials are the first max_ids
    users        the first of them
    documents    what an erasure would delete or change
    not_counted  collections of which it may be more
    record       the erasure before; None where there was none
    refusal      why the account was not erased; empty where that is not so
    reason       what was typed
    """

    template: ClassVar[str] = "privacy/account.html"
    path: ClassVar[str] = PATH

    account: str
    is_there: bool
    ids: Erased
    max_ids: int
    users: Sequence[HeldUser]
    documents: Sequence[HeldDocuments]
    not_counted: Sequence[str]
    record: ErasureRecord | None
    refusal: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Removed:
    """What was removed of a collection, None where that is unknown, and what is left."""

    removed: int | None
    left: HeldDocuments


@dataclass(frozen=True, slots=True)
class ErasurePage:
    """What an erasure has done.

    state        whether all is removed; "stopped" where it is not, and no function can be at work any more
    since        when it was asked for [ms since 1970]
    documents    by collection; empty where nobody has looked yet
    not_counted  collections of which more may be left
    """

    template: ClassVar[str] = "privacy/erasure.html"
    path: ClassVar[str] = PATH

    account: str
    state: State
    since: int
    documents: Sequence[Removed]
    not_counted: Sequence[str]


def erasures(console: Console, visitor: Visitor, query: ErasuresQuery, now: datetime) -> Response:
    """The form that asks for an account, and the erasures so far."""
    return render(_erasures(console, after=query.after), visitor)


def look(console: Console, visitor: Visitor, form: AccountForm, now: datetime) -> Response:
    """What is held about an account."""
    account = _account(form)
    if account is None:
        return _no_account(console, visitor, form)
    with console.audit.act(visitor.member_session(), "look at an account", {"account": account}, now=now):
        page = _held(console, account)
    return render(page, visitor)


def erase(console: Console, visitor: Visitor, form: EraseForm, now: datetime) -> Response:
    """Erase an account, and show what was removed and what is left; the page before, with what was typed, where that is
    refused or fails."""
    account, reason = _account(form), form.reason.strip()
    if account is None:
        return _no_account(console, visitor, form)
    if key := _fault(account, reason, form.confirm.strip()):
        return render(_held(console, account, message(key, visitor.language), form.reason), visitor, status=INVALID)
    about: dict[str, Value] = {"account": account, "reason": reason}
    try:
        with console.audit.act(visitor.member_session(), "erase account", about, now=now):
            report = console.call("erase_account", {"accountId": str(account)})
    except Unanswered:
        return render(ErasurePage(str(account), "pending", epoch_ms(now), (), ()), visitor)
    except AppError as error:
        page = _held(console, account, str(error), form.reason)
        return render(page, visitor, status=STATUS.get(type(error), SERVER_ERROR))
    done = with_fresh_deadline(LOOK_WITHIN_S, _erasure, console, account, now, "complete", report)
    return render(done, visitor)


def progress(console: Console, visitor: Visitor, form: ProgressForm, now: datetime) -> Response:
    """What an erasure that takes longer has done so far; nothing is changed."""
    account, since = _account(form), from_epoch_ms(form.since)
    if account is None:
        return _no_account(console, visitor, form)
    record = ErasureRecords(console.store).find(account)
    state: State = "pending" if now < since + RUNS_FOR + CLOCKS else "stopped"
    if record and record.completed_at and record.erased_at > since - CLOCKS:
        state = "complete"
    return render(_erasure(console, account, since, state), visitor)


def _account(form: AccountForm) -> ObjectId | None:
    """The account that a form names; None where that is no id."""
    typed = form.account.strip()
    return ObjectId(typed) if is_id(typed) else None


def _no_account(console: Console, visitor: Visitor, form: AccountForm) -> Response:
    refusal = message("erasures.needs_id", visitor.language)
    return render(_erasures(console, refusal, form.account), visitor, status=INVALID)


def _fault(account: ObjectId, reason: str, confirmation: str) -> str:
    """The key of the sentence that says what is wrong with a form; empty for one that is right."""
    if confirmation.lower() != str(account)[-CONFIRMED:]:
        return "erasures.needs_confirmation"
    if not reason:
        return "erasures.needs_reason"
    return "erasures.reason_has_id" if ID_IN_TEXT.search(reason) else ""


def _erasures(console: Console, refusal: str = "", account: str = "", after: str = "") -> ErasuresPage:
    records, next_page = ErasureRecords(console.store).newest(ROWS, after=after)
    return ErasuresPage(refusal, account, records, next_page)


def _held(console: Console, account: ObjectId, refusal: str = "", reason: str = "") -> AccountPage:
    data = HeldData(console.store)
    ids = data.ids(account)
    return AccountPage(
        account=str(account),
        is_there=data.has_account(account),
        ids=ids,
        max_ids=MAX_IDS,
        users=data.users(ids.users, USERS),
        documents=data.documents(ids),
        not_counted=partly_counted(),
        record=ErasureRecords(console.store).find(account),
        refusal=refusal,
        reason=reason,
    )


def _erasure(
    console: Console, account: ObjectId, since: datetime, state: State, report: Mapping[str, Any] | None = None
) -> ErasurePage:
    """What is left of an account, beside what a report says was removed."""
    data = HeldData(console.store)
    left = data.documents(data.ids(account))
    numbers = {} if report is None else {each.name: report.get(each.name, 0) for each in schema.OURS}
    documents = [Removed(numbers.get(each.collection), each) for each in left]
    return ErasurePage(str(account), state, epoch_ms(since), documents, partly_counted())


ROUTES: tuple[Route[Console], ...] = (
    Route("GET", PATH, "Erasures so far", ErasuresQuery, erasures, "erase"),
    Route("POST", f"{PATH}/account", "What is held about an account", AccountForm, look, "erase", takes_form=True),
    Route("POST", f"{PATH}/erase", "Erase an account", EraseForm, erase, "erase", takes_form=True),
    Route("POST", f"{PATH}/progress", "What an erasure has done", ProgressForm, progress, "erase", takes_form=True),
)
