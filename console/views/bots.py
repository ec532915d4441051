"""Suspects: credentials that read like a machine, one after the other, and the verdicts on them.

A verdict can be taken back for ten seconds; `functions/bots/store/pending_verdicts.py` keeps it until then.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlencode

from bson import ObjectId
from msgspec import Meta, Struct

from console.histograms import Histogram, histogram
from console.lines import Line, State, counted
from console.messages import messages
from console.service import Console
from console.templates import redirect, render
from console.visitor import Visitor
from functions.bots.options import Bots
from functions.bots.store.detector_examples import DetectorExamples, detector_examples
from functions.bots.store.pending_verdicts import GivenVerdict, PendingVerdicts
from functions.bots.store.suspects import Suspect, Suspects
from shared.api import STATUS, Response, Route
from shared.documents import Credential, Id
from shared.errors import Conflict, NotFound
from shared.requests import NEEDS_ID, refused
from shared.store.decoding import credential_of

PATH = "/console/suspects"
ROWS, MAX_REASONS = 10, 12
MAX_CREDENTIAL_LENGTH = 1_000  # characters

CredentialText = Annotated[str, Meta(min_length=1, max_length=MAX_CREDENTIAL_LENGTH), refused("is no credential")]
Place = Annotated[str, Meta(max_length=64), refused("is no place in the list of suspects")]


class SuspectsQuery(Struct):
    """The key of the suspect to be shown, or the first one of the list, and the place in the list behind which it
    begins. No address holds a credential."""

    suspect: Annotated[Id, refused(NEEDS_ID)] | None = None
    after: Place = ""


class VerdictForm(Struct):
    """A verdict on a credential, and the place in the list to go on behind."""

    credential: CredentialText
    verdict: Annotated[Literal["bot", "person"], refused("needs bot or person")]
    after: Place = ""


class UndoForm(Struct):
    """The credential whose verdict is taken back, and the place in the list to go on behind."""

    credential: CredentialText
    after: Place = ""


@dataclass(frozen=True, slots=True)
class Reason:
    """A feature that speaks against the suspect.

    feature    its name; empty for one that the console has no sentences for
    says       the detector's own sentence, in English
    value      of the suspect
    people     the usual range of people, from and to
    histogram  of the people and the bots that the detector learnt from; None where they are not stored any more
    """

    feature: str
    says: str
    value: float
    people: Sequence[float]
    histogram: Histogram | None


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a credential that no verdict can be given on, or taken back.

    given       the verdict on it; None where there is none
    is_bot      whether that says bot
    waits       whether it waits for a verdict
    """

    credential: Credential
    given: GivenVerdict | None
    is_bot: bool
    waits: bool


@dataclass(frozen=True, slots=True)
class SuspectsPage:
    """The page.

    suspect       the one to be judged; None where no more wait
    reasons       what speaks against it, the strongest first
    examples      the version of the detector that flagged it; None without a suspect
    following     the next ones, the highest score first
    after         the place behind which the list begins; empty for the whole list
    next_page     the place behind which the next page of it begins; empty at the end
    number        how many wait, with a plus sign where it is the most that are counted
    undo          the member's latest verdict, while it can be taken back
    undo_is_bot   whether that says bot
    meanwhile     why nothing was changed; None where that was not so
    """

    template: ClassVar[str] = "bots/suspects.html"
    path: ClassVar[str] = PATH

    suspect: Suspect | None
    reasons: Sequence[Reason]
    examples: DetectorExamples | None
    following: Sequence[Suspect]
    after: str
    next_page: str
    number: str
    undo: GivenVerdict | None
    undo_is_bot: bool
    meanwhile: Known | None


def lines(console: Console, now: datetime) -> Iterator[Line]:
    """How many wait for a verdict."""
    number, shown = counted(Suspects(console.store).number_waiting)
    state: State = "attention" if number else "good"
    yield Line(state, "today.suspects", "today.suspects.waiting", PATH, {"number": shown}, "see suspects")


def suspects(console: Console, visitor: Visitor, query: SuspectsQuery, now: datetime) -> Response:
    """The suspect that was asked for, or the first one, and those behind it."""
    PendingVerdicts(console.store).settle(now=now)
    asked = None if query.suspect is None else Suspects(console.store).credential_of(ObjectId(query.suspect))
    chosen = None if asked is None else Suspects(console.store).find(asked)
    meanwhile = None if asked is None or chosen else _known(console, asked, now)
    return _page(console, visitor, query.after, now, chosen=chosen, meanwhile=meanwhile)


def judge(console: Console, visitor: Visitor, form: VerdictForm, now: datetime) -> Response:
    """Give a verdict, and show the next suspect; where another verdict was given first, what it was."""
    session, verdicts = visitor.member_session(), PendingVerdicts(console.store)
    verdict = console.settings.options.of(Bots).verdict(bot=form.verdict == "bot")
    credential = credential_of(form.credential)
    verdicts.settle(now=now)
    try:
        personal = {"credential": credential, "after": form.verdict}
        with console.audit.act(session, "judge a suspect", personal, now=now):
            verdicts.give(credential, verdict, by=session.member, now=now)
    except (Conflict, NotFound):
        return _page(console, visitor, form.after, now, meanwhile=_known(console, credential, now))
    return _page(console, visitor, form.after, now)


def undo(console: Console, visitor: Visitor, form: UndoForm, now: datetime) -> Response:
    """Take a verdict back, and show its suspect again; where that is too late, what the verdict is."""
    session, verdicts = visitor.member_session(), PendingVerdicts(console.store)
    credential = credential_of(form.credential)
    verdicts.settle(now=now)
    try:
        with console.audit.act(session, "take a verdict back", {"credential": credential}, now=now):
            verdicts.take_back(credential, by=session.member, now=now)
    except Conflict:
        return _page(console, visitor, form.after, now, meanwhile=_known(console, credential, now))
    suspect = Suspects(console.store).find(credential)
    shown = {"suspect": suspect.key} if suspect else {}
    return redirect(f"{PATH}?{urlencode({**shown, 'after': form.after})}")


def _page(
    console: Console,
    visitor: Visitor,
    after: str,
    now: datetime,
    *,
    chosen: Suspect | None = None,
    meanwhile: Known | None = None,
) -> Response:
    """The page; a conflict where a form came too late."""
    stored, bots = Suspects(console.store), console.settings.options.of(Bots)
    waiting = stored.waiting(ROWS + 1, after=after)
    suspect = chosen or next(iter(waiting), None)
    examples = detector_examples(console.store, suspect.model, bots.verdict(bot=True)) if suspect else None
    mine = PendingVerdicts(console.store).newest(visitor.member_session().member, now=now)
    page = SuspectsPage(
        suspect=suspect,
        reasons=list(_reasons(suspect.reasons, examples)) if suspect and examples else [],
        examples=examples,
        following=[other for other in waiting[:ROWS] if suspect and other.credential != suspect.credential],
        after=after,
        next_page=waiting[ROWS - 1].place if len(waiting) > ROWS else "",
        number=counted(stored.number_waiting)[1],
        undo=mine,
        undo_is_bot=mine is not None and mine.verdict is bots.verdict(bot=True),
        meanwhile=meanwhile,
    )
    return render(page, visitor, status=STATUS[Conflict] if meanwhile else 200)


def _reasons(reasons: Sequence[Mapping[str, Any]], examples: DetectorExamples) -> Iterator[Reason]:
    """The reasons of a suspect, with the examples of their features."""
    for reason in reasons[:MAX_REASONS]:
        feature, value = str(reason.get("feature")), reason["value"]
        drawn = histogram(examples.people.get(feature, ()), examples.bots.get(feature, ()), max(value, 0.0))
        known = feature if f"feature.{feature}" in messages()["en"] else ""
        yield Reason(known, reason["says"], value, reason["people"], drawn)


def _known(console: Console, credential: Credential, now: datetime) -> Known:
    given = PendingVerdicts(console.store).find(credential, now=now)
    is_bot = given is not None and given.verdict is console.settings.options.of(Bots).verdict(bot=True)
    return Known(credential, given, is_bot, waits=Suspects(console.store).find(credential) is not None)


ROUTES: tuple[Route[Console], ...] = (
    Route("GET", PATH, "Suspects", SuspectsQuery, suspects, "see suspects"),
    Route("POST", PATH, "Judge a suspect", VerdictForm, judge, "judge suspects", takes_form=True),
    Route("POST", f"{PATH}/undo", "Take a verdict back", UndoForm, undo, "judge suspects", takes_form=True),
)
