"""A model: which versions of it are kept, when each was live, how they did, and what came of its trainings."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar
from urllib.parse import quote

from msgspec import Meta, Struct

from console.charts import Chart
from console.countries import country_name
from console.figures import TRAINED_BY
from console.model_history import KeptVersion, chart, histories
from console.service import Console
from console.store.models import PERSONAL, SHOWN, LiveModel
from console.templates import render
from console.training_reasons import Reasoned, reasoned
from console.visitor import Visitor
from shared.api import Response, Route
from shared.artifacts.frozen_models import FrozenModel
from shared.artifacts.promotions import Promotions
from shared.countries import COUNTRIES
from shared.errors import NotFound
from shared.requests import ShortText, refused
from shared.store.job_runs import JobRun

VERSIONS, TRAININGS = 50, 10  # that one page looks at
PROMOTIONS = 1_000  # the newest changes of what is live for a key
ALIASES = 3  # that follow one another at most
MODELS = "/console/models"
NONE = "none"  # in place of a version, where no model is live

Name = Annotated[str, Meta(max_length=128), refused("needs a text of at most 128 characters")]


class ModelQuery(Struct):
    """The key of a family; versions before one, and what has just been done."""

    family: ShortText
    key: ShortText
    before: ShortText | None = None
    done: Name = ""


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

    name      of its country; empty for any other key
    live      what is used for it; None where nothing is
    in_use    the family, key and model that it stands for, where it has no model of its own; None where there is none
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
    name: str
    live: LiveModel | None
    in_use: tuple[str, LiveModel] | None
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


def name_of(family: str, key: str, language: str) -> str:
    """The name of a key that is a country; empty for any other."""
    return country_name(key, language) if family == "country" and key in COUNTRIES else ""


def model(console: Console, visitor: Visitor, query: ModelQuery, now: datetime) -> Response:
    """All kept versions of a key."""
    if query.family == PERSONAL:
        raise NotFound("family: models of accounts are looked up by a form, so that no address holds an id")
    page = page_of(console, visitor.language, query.family, query.key, before=query.before, done=query.done)
    return render(page, visitor)


def page_of(
    console: Console,
    language: str,
    family: str,
    key: str,
    *,
    before: str | None = None,
    done: str = "",
    typed: Typed | None = None,
) -> ModelPage:
    """The page of a key; NotFound where nothing is known of it."""
    if family not in (*SHOWN, PERSONAL):
        raise NotFound(f"family: no {family}, only {', '.join((*SHOWN, PERSONAL))}")
    live = console.models.live_of(family, key)
    kept = console.models.kept(family, key, before=before, limit=VERSIONS + 1)
    outcomes = console.training_outcomes.newest(family, key, TRAININGS)
    if live is None and not kept and not outcomes and before is None:
        raise NotFound(f"key: no model of {family}/{key} is live or kept")
    if family == PERSONAL and live and live.version:
        kept = [live.version]  # of which no other versions are kept
    promotions = Promotions(console.store.analytics).newest(family, key, PROMOTIONS)
    versions = list(histories(family, live, kept[:VERSIONS], promotions))
    return ModelPage(
        family=family,
        key=key,
        name=name_of(family, key, language),
        live=live,
        in_use=_in_use(console, family, live),
        seen=live.version.version if live and live.version else NONE,
        versions=versions,
        chart=chart(versions),
        outcomes=[reasoned(outcome) for outcome in outcomes],
        trainings=console.store.job_runs.newest(TRAININGS, function=TRAINED_BY[family]),
        frozen=console.frozen_models.find(family, key),
        is_moved=family != PERSONAL,
        next_page=kept[VERSIONS - 1].version if len(kept) > VERSIONS else None,
        done=done,
        typed=typed or Typed(),
    )


def _in_use(console: Console, family: str, live: LiveModel | None) -> tuple[str, LiveModel] | None:
    """The family and the model that an alias leads to: that of the base country, else that of all countries."""
    for _ in range(ALIASES):
        if live is None or live.alias_of is None:
            break
        family = "global" if live.alias_of == "all" else family
        live = console.models.live_of(family, live.alias_of)
    return (family, live) if live and live.version else None


def path_of(family: str, key: str) -> str:
    """The path of the page of a key."""
    return f"{MODELS}/{quote(family, safe='')}/{quote(key, safe='')}"


ROUTES: tuple[Route[Console], ...] = (
    Route("GET", MODELS + "/{family}/{key}", "The versions of a model", ModelQuery, model, "see"),
)
