"""What the views of the console work with."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from console.store.audit_log import AuditLog
from console.store.members import Members
from console.store.models import Models
from console.store.sessions import Sessions
from shared.artifacts.frozen_models import FrozenModels
from shared.config import Options
from shared.report import Detail
from shared.store import Store


@dataclass(frozen=True)
class Console:
    """The databases, through the console's own repositories, and the options."""

    store: Store
    options: Options

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
