"""Verdicts on suspects, given by a person at the terminal, or in the demo by the network's own truth."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from local.waiting import is_late
from local.workspace import truth_of
from shared.config import settings
from shared.errors import Unavailable
from shared.store import Store, schema
from shared.store.suspects import Suspect

WITHIN_S = 20.0
LOOK_EVERY_S = 0.01

Decide = Callable[[Suspect], bool | None]  # whether it is a bot; None leaves it for later


@dataclass(frozen=True, slots=True)
class Review:
    """Suspects, and which of them were said to be bots and people.

    seconds  until all verdicts had become labels
    """

    suspects: Sequence[Suspect]
    bots: Sequence[Suspect]
    people: Sequence[Suspect]
    seconds: float


def review(store: Store, suspects: Sequence[Suspect], decide: Decide, check: Callable[[], None]) -> Review:
    """Ask for a verdict on each, write it down as a reviewers' page would, and wait until all are labels.

    check  called while waiting; what it raises ends the wait
    Raises Unavailable where the verdicts are not taken over in time.
    """
    said: dict[bool, list[Suspect]] = {True: [], False: []}
    for one in suspects:
        is_bot = decide(one)
        if is_bot is not None:
            verdict = settings().options.bots.verdict(bot=is_bot)
            store.suspects.judge(one.credential, verdict, at=datetime.now(UTC))
            said[is_bot].append(one)
    began = time.monotonic()
    judged = [one.credential for group in said.values() for one in group]
    given = {"seenCredential": {"$in": judged}, "verificationStatus": {"$exists": True}}
    while store.app[schema.SUSPECTS.name].count_documents(given):
        check()
        if is_late(began, WITHIN_S):
            raise Unavailable("the verdicts are kept, but not taken over yet; sweep_verdicts does that")
        time.sleep(LOOK_EVERY_S)
    return Review(suspects, said[True], said[False], time.monotonic() - began)


def by_truth(store: Store) -> Decide:
    """What the demo network knows of its own bots."""
    truth = truth_of(store).truth_credentials
    bots = {row["seenCredential"] for row in truth.find({"isBot": True}, {"seenCredential": 1})}
    return lambda one: one.credential in bots


def detectors(store: Store) -> list[Mapping[str, Any]]:
    """What is kept of every detector that was ever live, the newest first."""
    query = {"family": "bots", "promotedAt": {"$exists": True}}
    return list(store.analytics[schema.ARTIFACT_VERSIONS.name].find(query, {"artifact": 0}).sort("version", -1))
