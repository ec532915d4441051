"""Options of stored versions of models."""

from typing import ClassVar

from shared.config import Count, Section


class Artifacts(Section, frozen=True, kw_only=True):
    section: ClassVar[str] = "artifacts"

    keep: Count = 4  # versions kept of each model, for a rollback
