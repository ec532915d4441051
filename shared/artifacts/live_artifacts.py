"""Which versions of which models are live, and the models themselves; read only."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TypeVar

from bson import ObjectId
from pymongo import DESCENDING
from pymongo.collection import Collection
from pymongo.database import Database

from shared.artifacts.families import family_of
from shared.artifacts.manifest import Artifact, Manifest
from shared.clock import SKEW
from shared.documents import Document
from shared.errors import BadConfig, NotFound, StaleModel
from shared.store import schema
from shared.store.batches import in_batches
from shared.store.decoding import as_moment, as_text, needed, sound

Model = TypeVar("Model")

LAST_PROMOTED = [("promotedAt", DESCENDING), ("version", DESCENDING)]  # the order in which kept versions are tried


class LiveArtifacts:
    """The live artifacts and the kept versions in MongoDB, whose signatures are checked against `keys`.

    Raises BadConfig without any key.
    """

    def __init__(self, analytics: Database[Document], keys: Sequence[bytes]) -> None:
        self._analytics = analytics
        self._versions = analytics[schema.ARTIFACT_VERSIONS.name]
        if not keys:
            raise BadConfig("ARTIFACT_KEYS is missing")
        self._keys = keys

    @property
    def database(self) -> Database[Document]:
        """The database that holds the artifacts."""
        return self._analytics

    def live_version(self, family: str, key: str) -> str | None:
        """The version that is live; None when the key has no model of its own."""
        document = self._collection(family).find_one(live_key(family, key), {"version": 1})
        return None if document is None else as_text(document.get("version"))

    def live_versions(self, family: str) -> dict[str, str]:
        """The version that is live, by key, of the keys that have a model of their own."""
        collection = self._collection(family)
        rows = collection.find({"family": family}, {"account": 1, "version": 1})
        return dict(sound(collection, rows, lambda row: (_key_of(row), needed(as_text(row.get("version"))))))

    def was_promoted(self, family: str, key: str, version: str) -> bool:
        """Whether a kept version was ever live."""
        return self._versions.find_one(was_live(family, key) | {"version": version}, {"_id": 1}) is not None

    def owners(self, family: str) -> set[str]:
        """The keys that have a model of their own."""
        rows = self._collection(family).find({"version": {"$exists": True}}, {"account": 1})
        return set(sound(self._collection(family), rows, _key_of))

    def has_any(self, family: str) -> bool:
        """Whether any key has a model, its own or an alias."""
        return self._collection(family).find_one({"family": family}, {"_id": 1}) is not None

    def alias_of(self, family: str, key: str) -> str | None:
        """The key whose model is used for this one; None when the key has its own, or is not known at all."""
        document = self._collection(family).find_one(live_key(family, key), {"aliasOf": 1})
        return None if document is None else as_text(document.get("aliasOf"))

    def newest(self, family: str, key: str) -> Manifest | None:
        """The manifest of the newest version that was ever live, also where an older one has been brought back since;
        None where there is none, or it fails its checks."""
        document = self._versions.find_one(was_live(family, key), sort=[("version", DESCENDING)])
        try:
            return Artifact.unseal(document, self._keys).manifest if document else None
        except StaleModel:
            return None

    def load(
        self, family: str, key: str, fingerprint: str, read: Callable[[Artifact], Model]
    ) -> tuple[Model | None, list[str]]:
        """The live model and why any version was refused; where the live one is refused, its kept copy or the last
        good version before it.

        read  makes a model of an artifact; raises StaleModel for bytes that are no model
        None when the key has no model of its own, or none that may be used.
        """
        refused: list[str] = []
        for document in self._candidates(family, key):
            try:
                artifact = Artifact.unseal(document, self._keys, fingerprint)
                if artifact.manifest.family != family:
                    raise StaleModel(f"artifact {family}/{key}: is of the family {artifact.manifest.family}")
                return read(artifact), refused
            except StaleModel as error:
                refused.append(str(error))
        return None, refused

    def kept(self, family: str, key: str, version: str, fingerprint: str, read: Callable[[Artifact], Model]) -> Model:
        """The model of a kept version; `read` as for `load`.

        Raises NotFound for a version that is not kept, StaleModel for one that may not be used.
        """
        named = {"family": family, "account": family_of(family).stored(key), "version": version}
        document = self._versions.find_one(named)
        if document is None:
            raise NotFound(f"version: no {family}/{key} {version} is kept")
        return read(Artifact.unseal(document, self._keys, fingerprint))

    def current(self, family: str, keys: Sequence[str], fingerprint: str) -> dict[str, Artifact]:
        """The live artifacts of these keys that pass their checks, by key."""
        stored = {"$in": [family_of(family).stored(key) for key in keys]}
        artifacts: dict[str, Artifact] = {}
        for document in self._collection(family).find({"account": stored, "model": family_of(family).kind}):
            try:
                artifact = Artifact.unseal(document, self._keys, fingerprint)
            except StaleModel:
                continue
            if artifact.manifest.family == family:
                artifacts[artifact.manifest.key] = artifact
        return artifacts

    def all_live(self, family: str, fingerprint: str, read: Callable[[Artifact], Model]) -> Iterator[tuple[str, Model]]:
        """Key and model of every live artifact of the family that passes its checks; `read` as for `load`."""
        for document in self._collection(family).find({"family": family, "fingerprint": fingerprint}):
            with suppress(StaleModel):
                artifact = Artifact.unseal(document, self._keys, fingerprint)
                yield artifact.manifest.key, read(artifact)

    def windows(self, family: str, fingerprint: str, keys: Sequence[str], *, now: datetime) -> dict[str, datetime]:
        """By key, the last moment of the data that the live artifact learnt from; none of another fingerprint."""
        stored = [family_of(family).stored(key) for key in keys]
        windows: dict[str, datetime] = {}
        for batch in in_batches(stored):
            query = {"family": family, "fingerprint": fingerprint, "account": {"$in": batch}}
            query["windowTo"] = {"$not": {"$gt": now + SKEW}}
            rows = self._collection(family).find(query, {"account": 1, "windowTo": 1})
            windows |= sound(self._collection(family), rows, _window_of)
        return windows

    def outdated(self, family: str, fingerprint: str, made_from: Mapping[str, Sequence[str]]) -> set[str]:
        """The keys whose live artifact was made for other features, or from an outdated input, or may hold ids that
        were erased.

        made_from  the values that each input may have now, by the input's name
        """
        other = [{f"madeFrom.{name}": {"$nin": list(values)}} for name, values in made_from.items()]
        query = {"family": family, "$or": [{"fingerprint": {"$ne": fingerprint}}, {"outdated": True}, *other]}
        rows = self._collection(family).find(query, {"account": 1})
        return set(sound(self._collection(family), rows, _key_of))

    def made_from(self, family: str, keys: Sequence[str], name: str) -> dict[str, str]:
        """The recorded value of one input of the live artifact, by key; without artifacts that record none."""
        stored = [family_of(family).stored(key) for key in keys]
        collection, inputs = self._collection(family), dict[str, str | None]()
        for batch in in_batches(stored):
            rows = collection.find({"family": family, "account": {"$in": batch}}, {"account": 1, f"madeFrom.{name}": 1})
            inputs |= dict(sound(collection, rows, lambda row: (_key_of(row), _input_of(row, name))))
        return {key: value for key, value in inputs.items() if value is not None}

    def learnt(
        self, family: str, fingerprint: str, name: str, *, now: datetime
    ) -> dict[str, tuple[datetime, str | None]]:
        """Of every live artifact, by key: the last moment of the data that it learnt from, and the recorded value of
        one of its inputs, None where it records none; no artifact of another fingerprint."""
        collection, field = self._collection(family), f"madeFrom.{name}"
        query = {"family": family, "fingerprint": fingerprint, "windowTo": {"$not": {"$gt": now + SKEW}}}
        rows = collection.find(query, {"account": 1, "windowTo": 1, field: 1})

        def read(row: Document) -> tuple[str, tuple[datetime, str | None]]:
            key, until = _window_of(row)
            return key, (until, _input_of(row, name))

        return dict(sound(collection, rows, read))

    def _candidates(self, family: str, key: str) -> Iterator[Document]:
        """The live document, then the kept versions that were live, the last promoted first; none for an alias."""
        live = self._collection(family).find_one(live_key(family, key))
        if live is None or "aliasOf" in live:
            return
        yield live
        yield from self._versions.find(was_live(family, key)).sort(LAST_PROMOTED)

    def _collection(self, family: str) -> Collection[Document]:
        return self._analytics[family_of(family).live]


def live_key(family: str, key: str) -> Document:
    """The natural key of the live document of a model."""
    models = family_of(family)
    return {"account": models.stored(key), "model": models.kind}


def was_live(family: str, key: str) -> Document:
    """The query for the kept versions of a model that were live at some time."""
    return {"family": family, "account": family_of(family).stored(key), "promotedAt": {"$exists": True}}


def _window_of(row: Document) -> tuple[str, datetime]:
    return _key_of(row), needed(as_moment(row.get("windowTo")))


def _key_of(row: Document) -> str:
    key = row.get("account")
    return needed(str(key) if isinstance(key, ObjectId) else as_text(key))


def _input_of(row: Document, name: str) -> str | None:
    """The recorded value of one input of an artifact; None where there is none."""
    made_from = row.get("madeFrom")
    value = made_from.get(name) if isinstance(made_from, dict) else None
    return value if type(value) is str else None  # the empty text is a value: a country that is unknown
