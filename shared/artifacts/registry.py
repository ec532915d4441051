"""Keeping, promoting, aliasing and deleting versions of models.

Every version is kept whole in `artifactVersions`. The live one is stored whole a second time, in the collection that
other programs read: one update of one document promotes a candidate, and the same update brings an older version back:

{account: "th", model: "xgboost", artifact: …, features: […], trainedAt: …, version: "…", promotedAt: …} or, for a key
without a model of its own, {account: "ad", model: "xgboost", aliasOf: "us", trainedAt: …}
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from pymongo import DESCENDING, ReplaceOne, UpdateOne
from pymongo.errors import DuplicateKeyError

from shared.artifacts.families import FAMILIES, family_of
from shared.artifacts.live_artifacts import LAST_PROMOTED, LiveArtifacts, live_key, was_live
from shared.artifacts.manifest import Artifact, version_at
from shared.artifacts.promotions import Promotion, Promotions
from shared.clock import MAX_AHEAD
from shared.documents import Document
from shared.errors import Conflict, NotFound, StaleModel
from shared.store.batches import in_batches
from shared.store.decoding import as_text
from shared.store.expressions import NO_ARRAY
from shared.store.upserts import guarded_upsert

NO_TEXT: Document = {"$not": {"$type": "string"}}  # a malformed version counts as no model


class Registry(LiveArtifacts):
    """Artifacts in MongoDB, signed with the first of `keys` and checked against all."""

    def add(self, artifact: Artifact) -> None:
        """Keep a candidate; adding the same version again changes nothing."""
        sealed = artifact.seal(self._keys)
        if not self._versions.count_documents(_version_of(sealed) | {"signature": sealed["signature"]}, limit=1):
            self._versions.replace_one(_version_of(sealed), sealed, upsert=True)

    def promote(
        self, family: str, key: str, version: str, *, instead_of: str | None, at: datetime, by: str = ""
    ) -> bool:
        """Make a kept version live by one atomic update, if `instead_of` still is the live one (None: no own model).
        Returns whether it did: False where the version was live already, and stays so.

        by  who does it; empty for a training

        Raises NotFound, with the kept versions, for a version that is not kept, StaleModel for one that fails its
        checks, Conflict when another version was made live meanwhile.
        """
        kept = {"family": family, "account": family_of(family).stored(key), "version": version}
        sealed = self._versions.find_one(kept, {"_id": 0})
        if sealed is None:
            rows = self._versions.find({**kept, "version": {"$gt": ""}}, {"version": 1}).sort("version", -1)
            versions = ", ".join(filter(None, (as_text(row["version"]) for row in rows))) or "none"
            raise NotFound(f"version: no {family}/{key} {version}; kept: {versions}")
        Artifact.unseal(sealed, self._keys)
        replaced_version = instead_of if instead_of != version else self._replaced_by_live(family, key)
        live = sealed | {"promotedAt": at, "instead_of": replaced_version}
        replaced = live_key(family, key) | {"version": NO_TEXT if instead_of is None else instead_of}
        try:
            result = self._collection(family).replace_one(replaced, live, upsert=instead_of is None)
            is_live = bool(result.matched_count or result.upserted_id)
        except DuplicateKeyError:
            is_live = False
        if not is_live and self.live_version(family, key) != version:
            raise Conflict(f"{family}/{key}: another version is live than {instead_of}")
        self._versions.update_one(_version_of(sealed), {"$set": {"promotedAt": at}})
        Promotions(self._analytics).add(Promotion(family, key, version, at, by))
        return is_live and instead_of != version

    def replace(self, artifacts: Sequence[Artifact], *, at: datetime) -> int:
        """Make all these artifacts live, each unless a later version of its key is; returns how many documents changed.

        For models that are made again rather than rolled back: no other version of theirs is kept.
        """
        writes: dict[str, list[ReplaceOne[Document]]] = {}
        for artifact in artifacts:
            family, key, version = artifact.manifest.family, artifact.manifest.key, artifact.manifest.version
            later = {"$gt": version, "$lte": version_at(at + MAX_AHEAD)}  # others would stay for ever
            older = live_key(family, key) | {"version": {"$not": later}}
            live = artifact.seal(self._keys) | {"promotedAt": at}
            writes.setdefault(family, []).append(ReplaceOne(older, live, upsert=True))
        return sum(guarded_upsert(self._collection(family), batch) for family, batch in writes.items())

    def give_up(self, family: str, key: str, parent: str, *, instead_of: str | None, at: datetime) -> None:
        """Make a key an alias of `parent`, whose model is used in place of its own, `instead_of`.

        Raises Conflict where another version was made live meanwhile.
        """
        name = live_key(family, key)
        alias = name | {"aliasOf": parent, "trainedAt": at}
        replaced = self._collection(family).replace_one(name | {"version": instead_of}, alias)
        if not replaced.matched_count and self.alias_of(family, key) != parent:
            raise Conflict(f"{family}/{key}: another version is live than {instead_of}")
        Promotions(self._analytics).add(Promotion(family, key, None, at))

    def write_alias(self, family: str, keys: Iterable[str], parent: str, *, at: datetime) -> int:
        """Make those of these keys that have no model of their own aliases of `parent`, whose model is used for them;
        returns how many documents changed."""
        alias = {
            "$replaceWith": {"$cond": [{"$eq": ["$aliasOf", parent]}, "$$ROOT", {"aliasOf": parent, "trainedAt": at}]}
        }
        names = (live_key(family, key) for key in keys)
        writes = [UpdateOne(name | {"version": NO_TEXT}, [alias, {"$set": name}], upsert=True) for name in names]
        return guarded_upsert(self._collection(family), writes) if writes else 0

    def remove(self, family: str, keys: Iterable[str], version: str) -> int:
        """Delete the live artifacts of these keys that are not of a later version; returns how many."""
        not_later = {"family": family, "version": {"$not": {"$gt": version}}}
        batches = in_batches(family_of(family).stored(key) for key in keys)
        target = self._collection(family)
        return sum(target.delete_many({"account": {"$in": batch}, **not_later}).deleted_count for batch in batches)

    def prune(self, keep: int, *, now: datetime) -> int:
        """Delete old versions; returns how many. Of every key stay the newest `keep`, the newest `keep` that may be
        used, the one that is live, and the last promoted that may be used, which readers fall back on.

        Versions that may not be used take no places of the others, and are not deleted sooner for it: the wrong key
        may be the one of this program. Personal models have no kept versions, since `replace` makes them.
        """
        removed = 0
        ours = [
            {"family": {"$eq": name} | NO_ARRAY, "account": {"$type": family.key_type} | NO_ARRAY}
            for name, family in FAMILIES.items()
        ]
        by_key = {"$group": {"_id": {"family": "$family", "account": "$account"}}}
        for group in self._versions.aggregate([{"$match": {"$or": ours}}, by_key]):
            rows = list(self._versions.find(group["_id"], {"version": 1}).sort("version", DESCENDING))
            by_version = {version: row["_id"] for row in rows if (version := as_text(row.get("version"))) is not None}
            stay = {by_version.get(version) for version in self._versions_to_keep(group["_id"], by_version, keep, now)}
            outdated = [row["_id"] for row in rows if row["_id"] not in stay]  # not what was added meanwhile
            removed += self._versions.delete_many({"_id": {"$in": outdated}}).deleted_count if outdated else 0
        return removed

    def _versions_to_keep(self, key: Document, ids: Mapping[str, Any], keep: int, now: datetime) -> Iterable[str]:
        """The versions that `prune` keeps of a key {family, account}. Models are read only where some are to go, one
        after the other, and no more than are needed to find `keep` that may be used.

        ids  of the documents, by version, the newest first
        """
        if len(ids) <= keep:
            return ids
        family, account = key["family"], str(key["account"])
        usable = list(islice((version for version, number in ids.items() if self._may_be_used(number, now)), keep))
        promoted = self._versions.find(was_live(family, account), {"version": 1}).sort(LAST_PROMOTED)
        once_live = [row["version"] for row in promoted if as_text(row.get("version")) in ids]
        fallback = next((name for name in once_live if name in usable or self._may_be_used(ids[name], now)), None)
        always = [version for version in (self.live_version(family, account), fallback) if version is not None]
        return [*islice(ids, keep), *usable, *always]

    def _may_be_used(self, number: Any, now: datetime) -> bool:
        """Whether the kept version under this `_id` passes its checks and is not dated ahead."""
        document = self._versions.find_one({"_id": number})
        try:
            return document is not None and Artifact.unseal(document, self._keys).manifest.trained_at <= now + MAX_AHEAD
        except StaleModel:
            return False

    def _replaced_by_live(self, family: str, key: str) -> str | None:
        """The version that the live one was promoted instead of; None for the first."""
        document = self._collection(family).find_one(live_key(family, key), {"instead_of": 1})
        return None if document is None else as_text(document.get("instead_of"))


def _version_of(sealed: Document) -> Document:
    return {name: sealed[name] for name in ("family", "account", "version")}
