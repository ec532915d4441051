"""Models: what is live for every key, which versions are kept, and how they did."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar
from urllib.parse import quote

from msgspec import Meta, Struct

from console.charts import Chart
from console.figures import TRAINED_BY, Figure, figures
from console.model_history import KeptVersion, chart, histories
from console.service import Console
from console.store.models import PERSONAL, SHOWN, LiveModel
from console.templates import redirect, render
from console.training_reasons import Reasoned, reasoned
from console.visitor import Visitor
from shared.api import Response, Route
from shared.artifacts.frozen_models import FrozenModel
from shared.errors import NotFound
from shared.requests import ShortText, refused
from shared.store.job_runs import JobRun

KEYS, VERSIONS, FROZEN, TRAININGS = 300, 50, 1_000, 10  # that one page looks at
MODELS = "/console/models"
NONE = "none"  # in place of a version, where no model is live

Name = Annotated[str, Meta(max_length=128), refused("needs a text of at most 128 characters")]


class ModelsQuery(Struct):
    """One family from a key on, or an account whose model is looked up; neither for the first keys of all families."""

    family: Name = ""
    after: Name = ""
    account: Name = ""


class ModelQuery(Struct):
    """The key of a family; versions before one, and what has just been done."""

    family: ShortText
    key: ShortText
    before: ShortText | None = None
    done: Name = ""


@dataclass(frozen=True, slots=True)
class Key:
    """A key, what is used for it, and how that did.

    figure  the main one; None where there is none
    """

    live: LiveModel
    figure: Figure | None
    is_frozen: bool


@dataclass(frozen=True, slots=True)
class FamilyKeys:
    """Keys of a family: those with models of their own, and aliases.

    next_page  the key after which the next page begins; None at the end
    """

    name: str
    own: Sequence[Key]
    aliases: Sequence[Key]
    next_page: str | None


@dataclass(frozen=True, slots=True)
class ModelsPage:
    """The page of all keys.

    accounts  about how many accounts have a model of their own
    """

    template: ClassVar[str] = "models.html"
    path: ClassVar[str] = MODELS

    families: Sequence[FamilyKeys]
    accounts: int


@dataclass(frozen=True, slots=True)
class Typed:
    """What was typed into a form that was refused, and why it was.

    seen  the version that was live when its page was made
    """

    refusal: str = ""
    version: str = ""
    reason: str = ""
    seen: str = ""


@dataclass(frozen=True, slots=True)
class ModelPage:
    """The page of one key.

    live      what is used for it; None where nothing is
    seen      its own version that is live, or "none"
    versions  that are kept, the newest first
    chart     the main figure by version; None for less than two values
    outcomes  of its last trainings, the newest first
    trainings the last runs of the function that trains it, the newest first
    frozen    why trainings do not replace it; None where they do
    is_moved  whether versions of it can be made live by a member, and frozen
    next_page the version before which the next page begins; None at the end
    done      what has just been done: "promoted", "frozen", "unfrozen", or anything else
    """

    template: ClassVar[str] = "model.html"
    path: ClassVar[str] = MODELS

    family: str
    key: str
    live: LiveModel | None
    seen: str
    versions: Sequence[KeptVersion]
    chart: Chart | None
    outcomes: Sequence[Reasoned]
    trainings: Sequence[JobRun]
    frozen: FrozenModel | None
    is_moved: bool
    next_page: str | None
    done: str
    typed: Typed


def models(console: Console, visitor: Visitor, query: ModelsQuery, now: datetime) -> Response:
    """Every family and its keys, or the way to the model of an account."""
    if query.account:
        return redirect(path_of(PERSONAL, query.account.strip()))
    if query.family and query.family not in SHOWN:
        raise NotFound(f"family: no {query.family}, only {', '.join(SHOWN)}")
    frozen = {(model.family, model.key) for model in console.frozen_models.all(FROZEN)}
    names = [query.family] if query.family else SHOWN
    families = [_keys(console, name, query.after if query.family else "", frozen) for name in names]
    return render(ModelsPage(families, console.models.number_of_accounts()), visitor)


def _keys(console: Console, family: str, after: str, frozen: set[tuple[str, str]]) -> FamilyKeys:
    live = console.models.live(family, after=after, limit=KEYS + 1)
    rows = [
        Key(
            row,
            next(iter(figures(family, row.version.metrics if row.version else {})), None),
            (family, row.key) in frozen,
        )
        for row in live[:KEYS]
    ]
    own, aliases = ([row for row in rows if (row.live.version is None) == is_alias] for is_alias in (False, True))
    return FamilyKeys(family, own, aliases, live[KEYS - 1].key if len(live) > KEYS else None)


def model(console: Console, visitor: Visitor, query: ModelQuery, now: datetime) -> Response:
    """All kept versions of a key."""
    return render(page_of(console, query.family, query.key, before=query.before, done=query.done), visitor)


def page_of(
    console: Console, family: str, key: str, *, before: str | None = None, done: str = "", typed: Typed | None = None
) -> ModelPage:
    """The page of a key; NotFound where nothing is known of it."""
    if family not in (*SHOWN, PERSONAL):
        raise NotFound(f"family: no {family}, only {', '.join((*SHOWN, PERSONAL))}")
    live = console.models.live_of(family, key)
    kept = console.models.kept(family, key, before=before, limit=VERSIONS + 1)
    if live is None and not kept and before is None:
        raise NotFound(f"key: no model of {family}/{key} is live or kept")
    if family == PERSONAL and live and live.version:
        kept = [live.version]  # of which no other versions are kept
    versions = list(histories(console.audit, family, live, kept[:VERSIONS]))
    return ModelPage(
        family=family,
        key=key,
        live=live,
        seen=live.version.version if live and live.version else NONE,
        versions=versions,
        chart=chart(versions),
        outcomes=[reasoned(outcome) for outcome in console.training_outcomes.newest(family, key, TRAININGS)],
        trainings=console.store.job_runs.newest(TRAININGS, function=TRAINED_BY[family]),
        frozen=console.frozen_models.find(family, key),
        is_moved=family != PERSONAL,
        next_page=kept[VERSIONS - 1].version if len(kept) > VERSIONS else None,
        done=done,
        typed=typed or Typed(),
    )


def path_of(family: str, key: str) -> str:
    """The path of the page of a key."""
    return f"{MODELS}/{quote(family, safe='')}/{quote(key, safe='')}"


ROUTES: tuple[Route[Console], ...] = (
    Route("GET", MODELS, "Models", ModelsQuery, models, "see"),
    Route("GET", MODELS + "/{family}/{key}", "The versions of a model", ModelQuery, model, "see"),
)
