"""Making a kept version of a model live, and freezing a key, so that no training replaces its model."""

from collections.abc import Callable
from datetime import datetime

from msgspec import Struct

from console.fields import Reason
from console.messages import message
from console.model_history import named
from console.service import Console
from console.store.audit_log import Act, without_ids
from console.store.models import SHOWN
from console.templates import redirect, render
from console.views.models import MODELS, NONE, Name, Typed, page_of, path_of
from console.visitor import Visitor
from shared.api import SERVER_ERROR, STATUS, Response, Route
from shared.artifacts.frozen_models import FrozenModel
from shared.errors import AppError, InvalidFields, NotFound
from shared.requests import ShortText

INVALID = STATUS[InvalidFields]


class FreezeForm(Struct):
    """The key, and why."""

    family: ShortText
    key: ShortText
    reason: Reason = ""


class PromoteForm(FreezeForm):
    """The version to make live, and why.

    confirm  the version again
    seen     the version that was live when the page was made, or "none"
    """

    version: Name = ""
    confirm: Name = ""
    seen: Name = NONE


def promote_model(console: Console, visitor: Visitor, form: PromoteForm, now: datetime) -> Response:
    """Make a version live, if the one that the page showed as live still is; the same page with the reason and status
    409 otherwise, or with what else the function refuses it for."""
    about = {"object": named(form.family, form.key, form.version), "before": form.seen, "after": form.version}
    typed = Typed(version=form.version, reason=form.reason, seen=form.seen)
    if not form.version or form.confirm.strip() != form.version:
        return _refused(
            console, visitor, form, typed, message("models.needs_confirmation", visitor.language), STATUS[InvalidFields]
        )

    def act() -> None:
        by = visitor.member_session().member
        console.promote(form.family, form.key, form.version, instead_of=form.seen, by=by)

    return _done(console, visitor, form, typed, "promote model", about, act, "promoted", now)


def freeze_model(console: Console, visitor: Visitor, form: FreezeForm, now: datetime) -> Response:
    """Keep what is live, whatever trainings find; Conflict where the key is frozen already."""

    def act() -> None:
        by = visitor.member_session().member
        console.frozen_models.freeze(FrozenModel(form.family, form.key, without_ids(form.reason.strip(), {}), by, now))

    return _of_key(console, visitor, form, "freeze model", act, "frozen", now)


def unfreeze_model(console: Console, visitor: Visitor, form: FreezeForm, now: datetime) -> Response:
    """Let trainings replace what is live again; Conflict where the key is not frozen."""

    def act() -> None:
        console.frozen_models.unfreeze(form.family, form.key)

    return _of_key(console, visitor, form, "unfreeze model", act, "unfrozen", now)


def _of_key(
    console: Console, visitor: Visitor, form: FreezeForm, name: Act, act: Callable[[], None], done: str, now: datetime
) -> Response:
    about = {"object": f"{form.family}/{form.key}"}
    return _done(console, visitor, form, Typed(reason=form.reason), name, about, act, done, now)


def _done(
    console: Console,
    visitor: Visitor,
    form: FreezeForm,
    typed: Typed,
    name: Act,
    about: dict[str, str],
    act: Callable[[], None],
    done: str,
    now: datetime,
) -> Response:
    """Do an act that has a reason, with its entry in the audit log, and show the page of the key."""
    session = visitor.member_session()
    if form.family not in SHOWN:
        raise NotFound(f"family: no versions of {form.family} are made live or frozen here, only of {', '.join(SHOWN)}")
    page_of(console, visitor.language, form.family, form.key)  # NotFound for a key of which nothing is known
    if not form.reason.strip():
        return _refused(
            console, visitor, form, typed, message("models.needs_reason", visitor.language), STATUS[InvalidFields]
        )
    try:
        with console.audit.act(session, name, {**about, "reason": form.reason.strip()}, now=now):
            act()
    except AppError as error:
        return _refused(console, visitor, form, typed, str(error), STATUS.get(type(error), SERVER_ERROR))
    return redirect(f"{path_of(form.family, form.key)}?done={done}")


def _refused(console: Console, visitor: Visitor, form: FreezeForm, typed: Typed, refusal: str, status: int) -> Response:
    """The page as it is by now, with what was typed and the reason of the refusal."""
    shown = Typed(refusal, typed.version, typed.reason, typed.seen)
    return render(page_of(console, visitor.language, form.family, form.key, typed=shown), visitor, status=status)


ROUTES: tuple[Route[Console], ...] = (
    Route(
        "POST", MODELS + "/{family}/{key}/promote", "Make a version live", PromoteForm, promote_model, "operate",
        takes_form=True,
    ),
    Route(
        "POST", MODELS + "/{family}/{key}/freeze", "Keep the live version", FreezeForm, freeze_model, "operate",
        takes_form=True,
    ),
    Route(
        "POST", MODELS + "/{family}/{key}/unfreeze", "Let trainings replace it", FreezeForm, unfreeze_model, "operate",
        takes_form=True,
    ),
)  # fmt: skip
