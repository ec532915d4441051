"""A newly trained model as the challenger of the live one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.artifacts.manifest import Artifact, Manifest, version_at
from shared.artifacts.registry import Registry


@dataclass(frozen=True, slots=True)
class Challenge:
    """A training whose model may replace the live one of a key.

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
    ) -> None:
        """Keep the model with a manifest of these fields, and make it live.

        Raises Conflict where another version was made live since the challenge began, Refused for a model that is too
        large.
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
        self.registry.promote(self.family, self.key, self.version, instead_of=self.instead_of, at=self.now)
