"""Arrays that one job publishes whole and many containers read, in one step: a reader has the old or the new ones.

{_id: "posts", version: "20260131T120000Z", parts: 1, at: …} says which are live; the parts stand beside it as sealed
artifacts, {_id: "posts 20260131T120000Z 0", account: "posts", artifact: …, signature: …}. What is too large for one
document is cut.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zipfile import BadZipFile, ZipFile, ZipInfo

import numpy as np
from numpy.typing import NDArray
from pymongo.database import Database

from shared.artifacts.manifest import Artifact, Manifest
from shared.errors import BadConfig, StaleModel
from shared.store import schema

Document = dict[str, Any]
Arrays = Mapping[str, NDArray[Any]]

FAMILY = "snapshot"
PART_BYTES = 12 * 2**20


@dataclass(frozen=True, slots=True)
class Head:
    """Which version is live, in how many parts, and the moment that it describes."""

    version: str
    parts: int
    at: datetime


class Snapshots:
    """Snapshots in MongoDB, signed with the first of `keys` and checked against all."""

    def __init__(self, analytics: Database[Document], keys: Sequence[bytes]) -> None:
        self._snapshots = analytics[schema.SNAPSHOTS.name]
        if not keys:
            raise BadConfig("ARTIFACT_KEYS is missing")
        self._keys = keys

    def publish(self, name: str, arrays: Arrays, fingerprint: str, *, at: datetime) -> int:
        """Write all parts, then make them live, unless those of a later moment are; returns the bytes before packing.

        The version before stays until the next one, for readers that are about to read it.
        """
        whole, version = packed(arrays), f"{at:%Y%m%dT%H%M%SZ}"
        manifest = Manifest(FAMILY, name, version, at, (at, at), tuple(arrays), fingerprint)
        parts = [Artifact(manifest, whole[first : first + PART_BYTES]) for first in range(0, len(whole), PART_BYTES)]
        for number, part in enumerate(parts):
            self._snapshots.replace_one({"_id": _part(name, version, number)}, part.seal(self._keys), upsert=True)
        self._snapshots.update_one({"_id": name}, {"$setOnInsert": {"version": ""}}, upsert=True)
        before = self.head(name)
        live = {"version": version, "parts": len(parts), "at": at}
        self._snapshots.update_one({"_id": name, "version": {"$lte": version}}, {"$set": live})
        oldest = min(version, before.version) if before else version
        self._snapshots.delete_many({"family": FAMILY, "account": name, "version": {"$lt": oldest}})
        return len(whole)

    def head(self, name: str) -> Head | None:
        """What is live; None where nothing was ever published."""
        found = self._snapshots.find_one({"_id": name})
        return Head(found["version"], found["parts"], found["at"]) if found and found["version"] else None

    def load(self, name: str, head: Head, fingerprint: str) -> dict[str, NDArray[Any]]:
        """The arrays again; StaleModel where a part is missing, damaged, unsigned or of another fingerprint."""
        ids = [_part(name, head.version, number) for number in range(head.parts)]
        found = {row["_id"]: row for row in self._snapshots.find({"_id": {"$in": ids}})}
        if len(found) < len(ids):
            raise StaleModel(f"snapshot {name} {head.version}: a part is missing")
        parts = [Artifact.unseal(found[one], self._keys, fingerprint) for one in ids]
        if any((part.manifest.key, part.manifest.version) != (name, head.version) for part in parts):
            raise StaleModel(f"snapshot {name} {head.version}: a part is another's")
        return unpacked(b"".join(part.model for part in parts))


def packed(arrays: Arrays) -> bytes:
    """Plain arrays as an npz; the same arrays give the same bytes."""
    buffer = io.BytesIO()
    with ZipFile(buffer, "w") as archive:
        for name, array in arrays.items():
            entry = ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))  # numpy would put the time of day there
            with archive.open(entry, "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)
    return buffer.getvalue()


def unpacked(model: bytes) -> dict[str, NDArray[Any]]:
    """The arrays again; StaleModel where the bytes are no npz of plain arrays.

    >>> unpacked(packed({"a": np.array([1, 2])}))
    {'a': array([1, 2])}
    """
    try:
        with np.load(io.BytesIO(model), allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (ValueError, OSError, KeyError, EOFError, BadZipFile) as error:
        raise StaleModel(f"the arrays of an artifact cannot be read: {type(error).__name__}") from None


def _part(name: str, version: str, number: int) -> str:
    return f"{name} {version} {number}"
