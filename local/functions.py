"""The functions as they run on Lambda: through their handlers, with the events that their triggers send."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from cronsim import CronSim

from layers.service import load_service
from shared.errors import NotFound

ROOT = Path(__file__).parent.parent

Handler = Callable[[Any, Any], dict[str, Any]]

# What a new network needs first: each of these functions reads what those before it wrote.
ORDER = (
    "refresh_content_stats",
    "refresh_creator_stats",
    "refresh_hashtag_stats",
    "train_topics",
    "reclassify_contents",
    "refresh_engagement_stats",
    "train_coldstart",
    "build_guest_feed",
    "refresh_catalogue",
    "train_members",
    "plan_personal_training",
    "measure_feed",
    "extract_reading_features",
    "sweep_verdicts",
    "train_bot_detector",
    "flag_suspects",
    "prune_artifacts",
    "complete_erasures",
)


@dataclass(frozen=True, slots=True)
class Function:
    """One function of serverless.yml.

    stem    name of its files
    domain  name of its folder
    cron    schedule of five fields, UTC; None where a change, a queue or a call fires it
    folder  that holds the folder of its domain; empty for the console, which is in none
    """

    stem: str
    domain: str
    cron: str | None
    folder: str = "functions"

    @property
    def key(self) -> str:
        """Its name in serverless.yml.

        >>> Function("rank_contents", "feed", None).key
        'rankContents'
        """
        first, *others = self.stem.split("_")
        return first + "".join(word.capitalize() for word in others)

    @property
    def location(self) -> str:
        """The path of the folder of its domain.

        >>> Function("rank_contents", "feed", None).location
        'functions/feed'
        """
        return f"{self.folder}/{self.domain}".removeprefix("/")

    @property
    def module(self) -> str:
        """The module of its handler.

        >>> Function("rank_contents", "feed", None).module
        'functions.feed.handlers.rank_contents'
        """
        package = self.location.replace("/", ".")
        return f"{package}.handlers.{self.stem}"

    @property
    def handler(self) -> Handler:
        """The real handler, imported at the first use."""
        handler: Handler = import_module(self.module).handler
        return handler

    def invoke(self, *, at: datetime, payload: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Call the real handler with its sample event or another payload; a scheduled one is due at that moment."""
        event = payload or json.loads((ROOT / "events" / self.domain / f"{self.stem}.json").read_text())
        if self.cron:
            event = {**event, "time": at.isoformat()}
        return self.handler(event, None)

    def due(self, after: datetime) -> datetime | None:
        """The next moment at which the schedule fires; None for a function without a schedule."""
        return next(CronSim(self.cron, after)) if self.cron else None


def all_functions() -> dict[str, Function]:
    """Every function of serverless.yml by stem."""
    return {function.stem: function for function in map(_function, declared().values())}


def pipeline() -> tuple[str, ...]:
    """The scheduled functions, by stem, in the order that a new network needs; those that the order does not name come
    last."""
    scheduled = [stem for stem, function in all_functions().items() if function.cron]
    return tuple(sorted(scheduled, key=lambda stem: ORDER.index(stem) if stem in ORDER else len(ORDER)))


def declared() -> dict[str, Any]:
    """The functions of serverless.yml by key, each as its domain declares it."""
    functions: dict[str, Any] = load_service()["functions"]
    return functions


def function(stem: str) -> Function:
    """The function of that stem; NotFound lists those that exist."""
    functions = all_functions()
    if stem not in functions:
        raise NotFound(f"no function {stem}; there are {', '.join(sorted(functions))}")
    return functions[stem]


def _function(declaration: Mapping[str, Any]) -> Function:
    *folders, domain, _, stem = declaration["handler"].removesuffix(".handler").split("/")
    return Function(stem, domain, next(_crons(declaration.get("events", ())), None), "/".join(folders))


def _crons(events: Any) -> Iterator[str]:
    """The cron schedules of a function's events, AWS's six fields as five.

    There is no year, `?` means any day, and `a/b` every b from a on.

    >>> list(_crons([{"schedule": "cron(23/30 * * * ? *)"}]))
    ['23-59/30 * * * *']
    """
    for event in events:
        if rate := event.get("schedule"):
            minute, *others, _year = rate.removeprefix("cron(").removesuffix(")").replace("?", "*").split()
            yield " ".join([re.sub(r"^(\d+)/(\d+)$", r"\1-59/\2", minute), *others])
