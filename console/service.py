"""What the views of the console work with."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from console.store.audit_log import AuditLog
from console.store.members import Members
from console.store.models import Models
from console.store.replays import Replays
from console.store.sessions import Sessions
from shared.artifacts.frozen_models import FrozenModels
from shared.artifacts.training_outcomes import TrainingOutcomes
from shared.config import Settings
from shared.report import Detail
from shared.store import Store

ANSWER_WITHIN_S = 9.0  # for operations of the database: some pages wait for another function, and all end within ten


class Promote(Protocol):
    """Makes a kept version live in the name of a member, if `instead_of` still is; raises an AppError where that is
    refused."""

    def __call__(self, family: str, key: str, version: str, *, instead_of: str, by: str) -> None:
        """Make the version live."""


class Call(Protocol):
    """Calls another function; raises the error that it raises, Unanswered where it may still be at work."""

    def __call__(self, function: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """What the function answers."""


class DeadLetters(Protocol):
    """Counts the messages that wait in dead-letter queues; raises Unavailable where a queue cannot be asked."""

    def __call__(self) -> Mapping[str, int]:
        """About how many there are, by name of the queue; empty where there is no queue."""


@dataclass(frozen=True)
class Console:
    """The databases, through the console's own repositories, the settings, what makes a version of a model live, what
    calls other functions, and what counts dead letters."""

    store: Store
    settings: Settings
    promote: Promote
    call: Call
    dead_letters: DeadLetters

    @cached_property
    def members(self) -> Members:
        return Members(self.store)

    @cached_property
    def sessions(self) -> Sessions:
        return Sessions(self.store)

    @cached_property
    def audit(self) -> AuditLog:
        return AuditLog(self.store)

    @cached_property
    def models(self) -> Models:
        return Models(self.store)

    @cached_property
    def frozen_models(self) -> FrozenModels:
        return FrozenModels(self.store.analytics)

    @cached_property
    def training_outcomes(self) -> TrainingOutcomes:
        return TrainingOutcomes(self.store.analytics)

    @cached_property
    def replays(self) -> Replays:
        return Replays(self.store)

    def details(self) -> Mapping[str, Detail]:
        """For the report of an answer: nothing."""
        return {}
