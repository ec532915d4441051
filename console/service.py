"""What the views of the console work with."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from console.store.audit_log import AuditLog
from console.store.members import Members
from console.store.models import Models
from console.store.sessions import Sessions
from shared.artifacts.frozen_models import FrozenModels
from shared.config import Options
from shared.report import Detail
from shared.store import Store


class Promote(Protocol):
    """Makes a kept version live, if `instead_of` still is; raises an AppError where that is refused."""

    def __call__(self, family: str, key: str, version: str, *, instead_of: str) -> None:
        """Make the version live."""


class Call(Protocol):
    """Calls a function by its stem; returns what it answers, or raises the AppError that it raises."""

    def __call__(self, function: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Call it with a request."""


@dataclass(frozen=True)
class Console:
    """The databases, through the console's own repositories, the options, what makes a version of a model live, and
    what calls other functions."""

    store: Store
    options: Options
    promote: Promote
    call: Call

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

    def details(self) -> Mapping[str, Detail]:
        """For the report of an answer: nothing."""
        return {}
