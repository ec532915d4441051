"""Two versions of a model side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from msgspec import Struct

from console.figures import listed
from console.model_history import named
from console.service import Console
from console.store.models import SHOWN, Version
from console.templates import render
from console.views.models import MODELS
from console.visitor import Visitor
from shared.api import Response, Route
from shared.errors import NotFound
from shared.requests import ShortText


class CompareQuery(Struct):
    """Two kept versions of a key."""

    family: ShortText
    key: ShortText
    left: ShortText
    right: ShortText


@dataclass(frozen=True, slots=True)
class ComparePage:
    """The page of two versions.

    metrics   name and values of every metric, None where one of them has none
    features  name of every feature, and which of the two have it
    """

    template: ClassVar[str] = "model_compare.html"
    path: ClassVar[str] = MODELS

    family: str
    key: str
    left: Version
    right: Version
    metrics: Sequence[tuple[str, str | None, str | None]]
    features: Sequence[tuple[str, bool, bool]]


def compare(console: Console, visitor: Visitor, query: CompareQuery, now: datetime) -> Response:
    """Two kept versions side by side; NotFound where one of them is not kept."""
    if query.family not in SHOWN:
        raise NotFound(f"family: no versions of {query.family} are kept, only of {', '.join(SHOWN)}")
    left, right = (_kept(console, query, version) for version in (query.left, query.right))
    ours, theirs = dict(listed(left.metrics)), dict(listed(right.metrics))
    metrics = [(name, ours.get(name), theirs.get(name)) for name in ours | theirs]
    features = [
        (name, name in left.features, name in right.features)
        for name in dict.fromkeys((*left.features, *right.features))
    ]
    return render(ComparePage(query.family, query.key, left, right, metrics, features), visitor)


def _kept(console: Console, query: CompareQuery, version: str) -> Version:
    kept = console.models.version(query.family, query.key, version)
    if kept is None:
        raise NotFound(f"version: no {named(query.family, query.key, version)} is kept")
    return kept


ROUTES: tuple[Route[Console], ...] = (
    Route("GET", MODELS + "/{family}/{key}/compare", "Two versions of a model", CompareQuery, compare, "see"),
)
