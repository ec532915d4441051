"""A newly trained model as the challenger of the live one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.artifacts.frozen_models import FrozenModels
from shared.artifacts.manifest import Artifact, Manifest, version_at
from shared.artifacts.registry import Registry
from shared.artifacts.training_outcomes import Outcome, TrainingOutcome, TrainingOutcomes
from shared.errors import Conflict


@dataclass(frozen=True, slots=True)
class Challenge:
    """A training whose model may replace the live one of a key; while the key is frozen, its live model stays.

    now         the moment of the training; names the version, so that a repeated run writes the same one
    instead_of  the version that was live when the challenge began; None where there was none
    """

    registry: Registry
    family: str
    key: str
    now: datetime
    instead_of: str | None

    @classmethod
    def begin(cls, registry: Registry, family: str, key: str, *, now: datetime) -> "Challenge":
        """A challenge of the version that is live now."""
        return cls(registry, family, key, now, registry.live_version(family, key))

    @property
    def version(self) -> str:
        """Version of the challenger."""
        return version_at(self.now)

    @property
    def is_frozen(self) -> bool:
        """Whether a member of the console wants the live model to stay."""
        return FrozenModels(self.registry.database).is_frozen(self.family, self.key)

    def promote(
        self,
        model: bytes,
        *,
        window: tuple[datetime, datetime],
        features: tuple[str, ...],
        fingerprint: str,
        metrics: Mapping[str, Any],
        libraries: Mapping[str, str],
        also: Mapping[str, Any] | None = None,
    ) -> bool:
        """Keep the model with a manifest of these fields, and make it live unless the key is frozen; returns whether
        it is live.

        Raises Conflict where another version was made live since the challenge began, or since an earlier delivery of
        the same training made its model live; Refused for a model that is too large.
        """
        manifest = Manifest(
            family=self.family,
            key=self.key,
            version=self.version,
            trained_at=self.now,
            window=window,
            features=features,
            fingerprint=fingerprint,
            metrics=metrics,
            libraries=libraries,
            also=also or {},
        )
        self.registry.add(Artifact(manifest, model))
        if self.is_frozen:
            return False
        if self.instead_of != self.version and self.registry.was_promoted(self.family, self.key, self.version):
            raise Conflict(f"{self.family}/{self.key}: {self.version} was live already, and was replaced")
        self.registry.promote(self.family, self.key, self.version, instead_of=self.instead_of, at=self.now)
        return True

    def give_up(self, parent: str) -> bool:
        """Use the model of `parent` in place of the key's own, unless the key is frozen; returns whether it is done.

        Raises Conflict where another version was made live since the challenge began.
        """
        if self.is_frozen:
            return False
        self.registry.give_up(self.family, self.key, parent, instead_of=self.instead_of, at=self.now)
        return True

    def outcome(self, outcome: Outcome, measures: Mapping[str, float]) -> TrainingOutcome:
        """What came of it, to be stored."""
        return TrainingOutcome(self.family, self.key, self.version, self.now, outcome, self.instead_of, measures)

    def conclude(self, outcome: Outcome, measures: Mapping[str, float]) -> None:
        """Store what came of it; measures are finite numbers."""
        TrainingOutcomes(self.registry.database).add([self.outcome(outcome, measures)])
