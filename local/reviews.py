"""Verdicts on suspects, given by a person at the terminal, or in the demo by the world's truth."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer
from rich.text import Text

from local.show import reasons_of
from local.terminal import console
from local.waiting import is_late
from local.workspace import truth_of
from shared.config import settings
from shared.errors import Unavailable
from shared.store import Store, schema

if TYPE_CHECKING:
    from functions.bots.store.suspects import Suspect

WITHIN_S = 20.0
POLL_EVERY_S = 0.01

Decide = Callable[["Suspect"], bool | None]  # whether it is a bot; None skips it


@dataclass(frozen=True, slots=True)
class Review:
    """Suspects, and which of them were judged to be bots and people.

    seconds  until all verdicts had become labels [s]
    """

    suspects: Sequence["Suspect"]
    bots: Sequence["Suspect"]
    people: Sequence["Suspect"]
    seconds: float


def review(store: Store, suspects: Sequence["Suspect"], decide: Decide, check: Callable[[], None]) -> Review:
    """Ask for a verdict on each suspect, store it as a page for reviewers would, and wait until all are labels.

    check  called while waiting; an error that it raises ends the wait
    Raises Unavailable where the verdicts are not taken over in time.
    """
    from functions.bots.options import Bots
    from functions.bots.store.suspects import Suspects

    waiting = Suspects(store)
    by_verdict: dict[bool, list[Suspect]] = {True: [], False: []}
    for suspect in suspects:
        is_bot = decide(suspect)
        if is_bot is not None:
            verdict = settings().options.of(Bots).verdict(bot=is_bot)
            waiting.judge(suspect.credential, verdict, at=datetime.now(UTC))
            by_verdict[is_bot].append(suspect)
    began = time.monotonic()
    judged = [suspect.credential for group in by_verdict.values() for suspect in group]
    pending = {"seenCredential": {"$in": judged}, "verificationStatus": {"$exists": True}}
    while store.app[schema.SUSPECTS.name].count_documents(pending):
        check()
        if is_late(began, WITHIN_S):
            raise Unavailable("the verdicts are kept, but not taken over yet; sweep_verdicts does that")
        time.sleep(POLL_EVERY_S)
    return Review(suspects, by_verdict[True], by_verdict[False], time.monotonic() - began)


def at_terminal() -> Decide:
    """Decide by asking a person at the terminal, until the person quits: then the remaining suspects are skipped."""
    has_quit = False

    def ask(suspect: "Suspect") -> bool | None:
        nonlocal has_quit
        if has_quit:
            return None
        since = f"{suspect.first_seen_at:%d %b %H:%M} to {suspect.last_seen_at:%d %b %H:%M}"
        score = f"  score {suspect.score:.3f}  readings of {since}"
        console.print(Text.assemble((str(suspect.credential), "bold"), score))
        for line in reasons_of(suspect):
            console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)
        answer = ""
        while answer not in ("b", "p", "s", "q"):
            answer = typer.prompt("  [b]ot, [p]erson, [s]kip or [q]uit").strip().lower()
        has_quit = answer == "q"
        return {"b": True, "p": False}.get(answer)

    return ask


def by_truth(store: Store) -> Decide:
    """Decide by what the demo network knows of its own bots."""
    truth = truth_of(store).truth_credentials
    bots = {row["seenCredential"] for row in truth.find({"isBot": True}, {"seenCredential": 1})}
    return lambda suspect: suspect.credential in bots


def detectors(store: Store) -> list[Mapping[str, Any]]:
    """Manifests and metrics of every detector that was ever live, the newest first."""
    query = {"family": "bots", "promotedAt": {"$exists": True}}
    return list(store.analytics[schema.ARTIFACT_VERSIONS.name].find(query, {"artifact": 0}).sort("version", -1))
