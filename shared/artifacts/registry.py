"""Which version of which model is live.

Every version is kept whole in `artifactVersions`. The live one stands, whole again, in the collection that other
programs read, so that one update of one document makes a candidate live, and the same update brings an older one back:

{account: "th", model: "xgboost", artifact: …, features: […], trainedAt: …, version: "…", promotedAt: …} or, for a key
without a model of its own, {account: "ad", model: "xgboost", aliasOf: "us", trainedAt: …}
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import islice
from typing import TypeVar

from bson import ObjectId
from pymongo import DESCENDING, ReplaceOne, UpdateOne
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from shared.artifacts.families import FAMILIES, family_of
from shared.artifacts.manifest import Artifact, Manifest
from shared.clock import MAX_AHEAD, SKEW
from shared.documents import Document
from shared.errors import BadConfig, Conflict, NotFound, StaleModel
from shared.store import schema
from shared.store.batches import in_batches
from shared.store.decoding import as_moment, as_text, needed, sound
from shared.store.expressions import NO_ARRAY
from shared.store.upserts import guarded_upsert

Model = TypeVar("Model")


class Registry:
    """Artifacts in MongoDB, signed with the first of `keys` and checked against all."""

    def __init__(self, analytics: Database[Document], keys: Sequence[bytes]) -> None:
        self._analytics = analytics
        self._versions = analytics[schema.ARTIFACT_VERSIONS.name]
        if not keys:
            raise BadConfig("ARTIFACT_KEYS is missing")
        self._keys = keys

    def add(self, artifact: Artifact) -> None:
        """Keep a candidate; adding the same version again changes nothing."""
        sealed = artifact.seal(self._keys)
        if not self._versions.count_documents(_version_of(sealed) | {"signature": sealed["signature"]}, limit=1):
            self._versions.replace_one(_version_of(sealed), sealed, upsert=True)

    def live_version(self, family: str, key: str) -> str | None:
        """The version that is live; None when the key has no model of its own."""
        found = self._collection(family).find_one(_name(family, key), {"version": 1})
        return None if found is None else as_text(found.get("version"))

    def owners(self, family: str) -> set[str]:
        """The keys that have a model of their own."""
        rows = self._collection(family).find({"version": {"$exists": True}}, {"account": 1})
        return set(sound(self._collection(family), rows, _key_of))

    def has_any(self, family: str) -> bool:
        """Whether any key has a model, its own or one that stands in."""
        return self._collection(family).find_one({"family": family}, {"_id": 1}) is not None

    def alias_of(self, family: str, key: str) -> str | None:
        """The key whose model stands in; None when the key has its own, or is not known at all."""
        found = self._collection(family).find_one(_name(family, key), {"aliasOf": 1})
        return None if found is None else as_text(found.get("aliasOf"))

    def newest(self, family: str, key: str) -> Manifest | None:
        """Of the newest version that was ever live, also where an older one has been brought back since; None without
        one that passes its checks."""
        found = self._versions.find_one(_was_live(family, key), sort=[("version", DESCENDING)])
        try:
            return Artifact.unseal(found, self._keys).manifest if found else None
        except StaleModel:
            return None

    def load(
        self, family: str, key: str, fingerprint: str, read: Callable[[Artifact], Model]
    ) -> tuple[Model | None, list[str]]:
        """The live model, where that is refused its kept copy or the last good one before it, and why each was refused.

        read  makes a model of an artifact; StaleModel where its bytes are none
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

    def current(self, family: str, keys: Sequence[str], fingerprint: str) -> dict[str, Artifact]:
        """The live artifacts of these keys that pass their checks, by key."""
        stored = {"$in": [family_of(family).stored(key) for key in keys]}
        found: dict[str, Artifact] = {}
        for document in self._collection(family).find({"account": stored, "model": family_of(family).kind}):
            try:
                artifact = Artifact.unseal(document, self._keys, fingerprint)
            except StaleModel:
                continue
            if artifact.manifest.family == family:
                found[artifact.manifest.key] = artifact
        return found

    def all_live(self, family: str, fingerprint: str, read: Callable[[Artifact], Model]) -> Iterator[tuple[str, Model]]:
        """Key and model of every live artifact of the family that passes its checks; `read` as for `load`."""
        for document in self._collection(family).find({"family": family, "fingerprint": fingerprint}):
            with suppress(StaleModel):
                artifact = Artifact.unseal(document, self._keys, fingerprint)
                yield artifact.manifest.key, read(artifact)

    def remove(self, family: str, keys: Iterable[str], version: str) -> int:
        """Delete the live artifacts of these keys that are not of a later version; returns how many."""
        not_later = {"family": family, "version": {"$not": {"$gt": version}}}
        stored = in_batches(family_of(family).stored(key) for key in keys)
        target = self._collection(family)
        return sum(target.delete_many({"account": {"$in": some}, **not_later}).deleted_count for some in stored)

    def windows(self, family: str, fingerprint: str, keys: Sequence[str], *, now: datetime) -> dict[str, datetime]:
        """Until when the live artifacts of these keys have learnt, by key; none of another fingerprint."""
        stored = [family_of(family).stored(key) for key in keys]
        found: dict[str, datetime] = {}
        for some in in_batches(stored):
            query = {"family": family, "fingerprint": fingerprint, "account": {"$in": some}}
            query["windowTo"] = {"$not": {"$gt": now + SKEW}}
            rows = self._collection(family).find(query, {"account": 1, "windowTo": 1})
            found |= sound(self._collection(family), rows, _window_of)
        return found

    def outdated(self, family: str, fingerprint: str, made_from: Mapping[str, Sequence[str]]) -> set[str]:
        """The keys whose live artifact was made for other features, or from an input that is none of these now, or may
        hold what was erased.

        made_from  what each input may be, by name
        """
        other = [{f"madeFrom.{name}": {"$nin": list(values)}} for name, values in made_from.items()]
        query = {"family": family, "$or": [{"fingerprint": {"$ne": fingerprint}}, {"outdated": True}, *other]}
        rows = self._collection(family).find(query, {"account": 1})
        return set(sound(self._collection(family), rows, _key_of))

    def made_from(self, family: str, keys: Sequence[str], name: str) -> dict[str, str]:
        """What each live artifact of these keys says of one of its inputs, by key; without those that say nothing."""
        stored = [family_of(family).stored(key) for key in keys]
        collection, found = self._collection(family), dict[str, str | None]()
        for some in in_batches(stored):
            rows = collection.find({"family": family, "account": {"$in": some}}, {"account": 1, f"madeFrom.{name}": 1})
            found |= dict(sound(collection, rows, lambda row: (_key_of(row), _input_of(row, name))))
        return {key: said for key, said in found.items() if said is not None}

    def learnt(
        self, family: str, fingerprint: str, name: str, *, now: datetime
    ) -> dict[str, tuple[datetime, str | None]]:
        """Of every live artifact, by key, until when it has learnt and what it says of one of its inputs, None where it
        says nothing; none of another fingerprint."""
        collection, field = self._collection(family), f"madeFrom.{name}"
        query = {"family": family, "fingerprint": fingerprint, "windowTo": {"$not": {"$gt": now + SKEW}}}
        rows = collection.find(query, {"account": 1, "windowTo": 1, field: 1})

        def read(row: Document) -> tuple[str, tuple[datetime, str | None]]:
            key, until = _window_of(row)
            return key, (until, _input_of(row, name))

        return dict(sound(collection, rows, read))

    def promote(self, family: str, key: str, version: str, *, instead_of: str | None, at: datetime) -> None:
        """Make a kept version live by one atomic update, if `instead_of` still is what is live (None: no own model).

        Raises NotFound, with those that there are, for a version that is not kept, StaleModel for one that fails its
        checks, Conflict when another version was made live meanwhile.
        """
        kept = {"family": family, "account": family_of(family).stored(key), "version": version}
        sealed = self._versions.find_one(kept, {"_id": 0})
        if sealed is None:
            there = self._versions.find({**kept, "version": {"$gt": ""}}, {"version": 1}).sort("version", -1)
            known = ", ".join(filter(None, (as_text(one["version"]) for one in there))) or "none"
            raise NotFound(f"version: no {family}/{key} {version}; kept: {known}")
        Artifact.unseal(sealed, self._keys)
        live = sealed | {"promotedAt": at, "instead_of": instead_of}
        none: Document = {"$not": {"$type": "string"}}  # what is no version names no model either
        replaced = _name(family, key) | {"version": none if instead_of is None else instead_of}
        try:
            result = self._collection(family).replace_one(replaced, live, upsert=instead_of is None)
            done = bool(result.matched_count or result.upserted_id)
        except DuplicateKeyError:
            done = False
        if not done and self.live_version(family, key) != version:
            raise Conflict(f"{family}/{key}: another version is live than {instead_of}")
        self._versions.update_one(_version_of(sealed), {"$set": {"promotedAt": at}})

    def replace(self, artifacts: Sequence[Artifact], *, at: datetime) -> int:
        """Make many live at once, each unless one of a later version is; returns how many documents changed.

        For models that are made again rather than rolled back: no other version of theirs is kept.
        """
        writes: dict[str, list[ReplaceOne[Document]]] = {}
        for one in artifacts:
            family, key, version = one.manifest.family, one.manifest.key, one.manifest.version
            later = {"$gt": version, "$lte": f"{at + MAX_AHEAD:%Y%m%dT%H%M%SZ}"}  # beyond it, it would stay for ever
            older = _name(family, key) | {"version": {"$not": later}}
            live = one.seal(self._keys) | {"promotedAt": at}
            writes.setdefault(family, []).append(ReplaceOne(older, live, upsert=True))
        return sum(guarded_upsert(self._collection(family), some) for family, some in writes.items())

    def write_alias(self, family: str, keys: Iterable[str], parent: str, *, at: datetime) -> int:
        """Let `parent` answer for these keys, in place of a model of their own; returns how many documents changed."""
        own = {
            "$replaceWith": {"$cond": [{"$eq": ["$aliasOf", parent]}, "$$ROOT", {"aliasOf": parent, "trainedAt": at}]}
        }
        writes = [UpdateOne(_name(family, key), [own, {"$set": _name(family, key)}], upsert=True) for key in keys]
        if not writes:
            return 0
        result = self._collection(family).bulk_write(writes, ordered=False)
        return int(result.modified_count + result.upserted_count)

    def prune(self, keep: int) -> int:
        """Delete all but the newest `keep` versions of every key and the one that is live; returns how many."""
        removed = 0
        ours = [
            {"family": {"$eq": name} | NO_ARRAY, "account": {"$type": one.key_type} | NO_ARRAY}
            for name, one in FAMILIES.items()
        ]
        by_key = {"$group": {"_id": {"family": "$family", "account": "$account"}}}
        for group in self._versions.aggregate([{"$match": {"$or": ours}}, by_key]):
            key = group["_id"]
            newest = self._versions.find(key | {"version": {"$type": "string"} | NO_ARRAY}, {"version": 1})
            kept = [row["version"] for row in islice(newest.sort("version", DESCENDING), keep)]
            kept.append(self.live_version(key["family"], str(key["account"])))
            removed += self._versions.delete_many(key | {"version": {"$nin": kept}}).deleted_count
        return removed

    def _candidates(self, family: str, key: str) -> Iterator[Document]:
        live = self._collection(family).find_one(_name(family, key))
        if live is None or "aliasOf" in live:
            return
        yield live
        kept = self._versions.find(_was_live(family, key))
        yield from kept.sort([("promotedAt", DESCENDING), ("version", DESCENDING)])

    def _collection(self, family: str) -> Collection[Document]:
        return self._analytics[family_of(family).live]


def _window_of(row: Document) -> tuple[str, datetime]:
    return _key_of(row), needed(as_moment(row.get("windowTo")))


def _key_of(row: Document) -> str:
    key = row.get("account")
    return needed(str(key) if isinstance(key, ObjectId) else as_text(key))


def _input_of(row: Document, name: str) -> str | None:
    """What an artifact says of one of its inputs; None where it says nothing."""
    made_from = row.get("madeFrom")
    said = made_from.get(name) if isinstance(made_from, dict) else None
    return said if type(said) is str else None  # a country that nobody knows is an empty one


def _name(family: str, key: str) -> Document:
    found = family_of(family)
    return {"account": found.stored(key), "model": found.kind}


def _was_live(family: str, key: str) -> Document:
    return {"family": family, "account": family_of(family).stored(key), "promotedAt": {"$exists": True}}


def _version_of(sealed: Document) -> Document:
    return {name: sealed[name] for name in ("family", "account", "version")}
