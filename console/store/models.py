"""Models as the console shows them: what is live, and which versions are kept. Signatures are not checked here, since
the console has no keys; nothing of a model's bytes is read.

For the documents see shared/artifacts/registry.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bson import ObjectId

from shared.artifacts.families import FAMILIES, family_of
from shared.artifacts.live_artifacts import live_key
from shared.documents import Document
from shared.store import Store, schema
from shared.store.decoding import as_document, as_list, as_moment, as_text, first_sound, needed, optional, sound

PERSONAL = next(name for name, family in FAMILIES.items() if family.of_accounts)
# Families whose models trainings compare and make live, with few keys; not the models of accounts, nor arrays.
SHOWN = tuple(name for name, family in FAMILIES.items() if name != PERSONAL and family.kind != "arrays")

# Named one by one, since the bytes, and lists of ids that some families have, are large.
_IDENTITY = ("account", "version", "aliasOf", "trainedAt", "promotedAt", "fingerprint")
_CONTENT = ("windowFrom", "windowTo", "features", "metrics", "libraries", "madeFrom")
_FIELDS = dict.fromkeys((*_IDENTITY, *_CONTENT), 1)


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a model.

    promoted_at  when it was made live last; None where it never was
    window       first and last moment of the data it learnt from
    metrics      as trainings wrote them: texts and numbers, in documents of any depth
    made_from    values of its other inputs, by name
    """

    key: str
    version: str
    trained_at: datetime
    promoted_at: datetime | None
    window: tuple[datetime, datetime] | None
    features: Sequence[str] = ()
    fingerprint: str = ""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    libraries: Mapping[str, Any] = field(default_factory=dict)
    made_from: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LiveModel:
    """What is used for a key.

    version   its own live version; None for an alias
    alias_of  the key whose model is used instead; None for a model of its own
    since     when it was made live, or an alias
    """

    key: str
    version: Version | None
    alias_of: str | None
    since: datetime


class Models:
    """What is live, and which versions are kept."""

    def __init__(self, store: Store) -> None:
        self._analytics = store.analytics
        self._versions = store.analytics[schema.ARTIFACT_VERSIONS.name]

    def live(self, family: str, *, after: str, limit: int) -> list[LiveModel]:
        """At most `limit` keys of a family that come after that one, in the order of keys."""
        collection = self._analytics[family_of(family).live]
        rows = collection.find({"account": {"$gt": after}}, _FIELDS).sort("account", 1)
        return first_sound(collection, rows, _live_model, limit)

    def live_of(self, family: str, key: str) -> LiveModel | None:
        """What is used for one key; None where nothing is. NotFound for a key that is none of this family."""
        collection = self._analytics[family_of(family).live]
        return next(sound(collection, collection.find(live_key(family, key), _FIELDS), _live_model), None)

    def number_of_accounts(self) -> int:
        """About how many accounts have a model of their own."""
        return self._analytics[family_of(PERSONAL).live].estimated_document_count()

    def kept(self, family: str, key: str, *, before: str | None, limit: int) -> list[Version]:
        """At most `limit` kept versions of a key, the newest first, of those before a version if it is given."""
        query: Document = {"family": family, "account": family_of(family).stored(key)}
        if before is not None:
            query["version"] = {"$lt": before}
        rows = self._versions.find(query, _FIELDS).sort("version", -1)
        return first_sound(self._versions, rows, _version, limit)

    def version(self, family: str, key: str, version: str) -> Version | None:
        """One kept version; None where it is not kept."""
        query = {"family": family, "account": family_of(family).stored(key), "version": version}
        return next(sound(self._versions, self._versions.find(query, _FIELDS), _version), None)


def _live_model(row: Document) -> LiveModel:
    alias_of = optional(row.get("aliasOf"), as_text)
    version = None if alias_of is not None else _version(row)
    since = as_moment(row.get("promotedAt")) or as_moment(row.get("trainedAt"))
    return LiveModel(_key(row), version, alias_of, needed(since))


def _version(row: Document) -> Version:
    features = [name for value in as_list(row.get("features")) or () if (name := as_text(value)) is not None]
    start, end = as_moment(row.get("windowFrom")), as_moment(row.get("windowTo"))
    metrics, libraries, made_from = (as_document(row.get(name)) or {} for name in ("metrics", "libraries", "madeFrom"))
    return Version(
        key=_key(row),
        version=needed(as_text(row.get("version"))),
        trained_at=needed(as_moment(row.get("trainedAt"))),
        promoted_at=optional(row.get("promotedAt"), as_moment),
        window=(start, end) if start and end else None,
        features=features,
        fingerprint=as_text(row.get("fingerprint")) or "",
        metrics=metrics,
        libraries=libraries,
        made_from=made_from,
    )


def _key(row: Document) -> str:
    key = row.get("account")
    return needed(str(key) if isinstance(key, ObjectId) else as_text(key))
