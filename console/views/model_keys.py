"""Models: what is live for every key, and how it did."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from console.countries import matches
from console.figures import Figure, figures
from console.service import Console
from console.store.models import SHOWN, LiveModel
from console.templates import render
from console.views.models import ALIASES, MODELS, Name, name_of
from console.visitor import Visitor
from shared.api import Response, Route
from shared.countries import COUNTRIES
from shared.errors import NotFound
from shared.requests import refused

KEYS, FROZEN = 300, 1_000  # that one page looks at


class ModelsQuery(Struct):
    """One family from a key on, or a country to find; neither for the first keys of all families."""

    family: Name = ""
    after: Name = ""
    find: Annotated[str, Meta(max_length=64), refused("needs a text of at most 64 characters")] = ""


@dataclass(frozen=True, slots=True)
class Key:
    """A key, what is used for it, and how that did.

    name    of its country; empty for any other key
    uses    family, key and name of the country whose model is used, behind all aliases of the page; None for its own
    figure  the main one; None where there is none
    """

    live: LiveModel
    uses: tuple[str, str, str] | None
    name: str
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
    typed     to find a country; empty for all
    """

    template: ClassVar[str] = "models.html"
    path: ClassVar[str] = MODELS

    families: Sequence[FamilyKeys]
    accounts: int
    typed: str


def models(console: Console, visitor: Visitor, query: ModelsQuery, now: datetime) -> Response:
    """Every family and its keys."""
    if query.family and query.family not in SHOWN:
        raise NotFound(f"family: no {query.family}, only {', '.join(SHOWN)}")
    frozen = {(model.family, model.key) for model in console.frozen_models.all(FROZEN)}
    names = [query.family] if query.family else SHOWN
    if query.find:
        names = ["country"]
    families = [_keys(console, name, query, frozen, visitor.language) for name in names]
    return render(ModelsPage(families, console.models.number_of_accounts(), query.find), visitor)


def _keys(console: Console, family: str, query: ModelsQuery, frozen: set[tuple[str, str]], language: str) -> FamilyKeys:
    live = console.models.live(family, after=query.after if query.family else "", limit=KEYS + 1)
    aliases = {row.key: row.alias_of for row in live if row.alias_of is not None}
    if query.find:
        live = [row for row in live if row.key in COUNTRIES and matches(row.key, query.find)]
    rows = [
        Key(
            row,
            _used(family, row, aliases, language),
            name_of(family, row.key, language),
            next(iter(figures(family, row.version.metrics if row.version else {})), None),
            (family, row.key) in frozen,
        )
        for row in live[:KEYS]
    ]
    own, others = ([row for row in rows if (row.live.version is None) == is_alias] for is_alias in (False, True))
    return FamilyKeys(family, own, others, live[KEYS - 1].key if len(live) > KEYS else None)


def _used(family: str, row: LiveModel, aliases: Mapping[str, str], language: str) -> tuple[str, str, str] | None:
    key = row.alias_of
    for _ in range(ALIASES):
        key = aliases.get(key, key) if key is not None else None
    if key is None:
        return None
    family = "global" if key == "all" else family
    return family, key, name_of(family, key, language)


ROUTES: tuple[Route[Console], ...] = (Route("GET", MODELS, "Models", ModelsQuery, models, "see"),)
