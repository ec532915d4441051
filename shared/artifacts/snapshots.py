"""Snapshots: arrays that one job publishes in one step and many containers read; a reader has all old or all new ones.

The head names the live version: {_id: "posts", layout: 1, version: "20260131T120000Z", parts: 1, at: …,
digests: ["5b0c…"], signature: "…"}. The parts stand beside it as sealed artifacts, {_id: "posts 20260131T120000Z 0",
account: "posts", artifact: …, signature: …}; arrays that are too large for one document are cut into several.

A head that is damaged, unsigned or dated ahead is refused, and so is a version with a damaged part: the newest version
whose parts are all good is used instead. Heads were not signed once and are refused too; their parts are signed, so
that the same version goes on being used until the next one is published.
"""

import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zipfile import BadZipFile, ZipFile, ZipInfo

import numpy as np
from numpy.typing import NDArray
from pymongo.database import Database

from shared.artifacts.manifest import Artifact, Manifest, is_signed, signature_of, version_at
from shared.clock import MAX_AHEAD
from shared.documents import Document
from shared.errors import BadConfig, Refused, StaleModel
from shared.store import schema

Arrays = Mapping[str, NDArray[Any]]

FAMILY = "snapshot"
PART_BYTES = 12 * 2**20  # of one part, before packing
MAX_PARTS = 50  # of one version
MAX_TRIED = 16  # versions beside the live one that are tried before giving up
MAX_LISTED = 1_000  # parts whose ids are read to list the versions
_PART = re.compile(r" ([0-9]{8}T[0-9]{6}Z) [0-9]{1,2}")
_LAYOUT = 1  # of a head
_SIGNED = ("_id", "layout", "version", "parts", "at", "digests")


@dataclass(frozen=True, slots=True)
class Head:
    """A version of a snapshot.

    version  named after `at`, so that versions sort by time
    parts    their number
    at       the moment that the arrays describe
    digests  SHA-256 of each part's packed bytes; empty where no signed head names them
    """

    version: str
    parts: int
    at: datetime
    digests: tuple[str, ...] = ()


class Snapshots:
    """Snapshots in MongoDB, signed with the first of `keys` and checked against all.

    part_bytes  of one part, before packing, at most
    """

    def __init__(self, analytics: Database[Document], keys: Sequence[bytes], part_bytes: int = PART_BYTES) -> None:
        self._snapshots, self._part_bytes = analytics[schema.SNAPSHOTS.name], part_bytes
        if not keys:
            raise BadConfig("ARTIFACT_KEYS is missing")
        self._keys = keys

    def publish(self, name: str, arrays: Arrays, fingerprint: str, *, at: datetime) -> int:
        """Write all parts, then make them live, unless a later version is; returns the number of bytes before packing.

        The last good version before stays until the next one, for readers that are about to read it and for those that
        refuse this one. A damaged head is replaced. Raises Refused for more than 50 parts.
        """
        content, version, size = packed(arrays), version_at(at), self._part_bytes
        pieces = [content[first : first + size] for first in range(0, len(content), size)]
        if len(pieces) > MAX_PARTS:
            raise Refused(f"snapshot {name}: {len(content)} bytes make more than {MAX_PARTS} parts")
        candidates = list(self._candidates(name, at, []))
        previous = next((head for head in candidates if head.version < version and self._is_whole(name, head)), None)
        sealed = [
            Artifact(
                Manifest(
                    FAMILY, name, version, at, (at, at), tuple(arrays), fingerprint, {"part": n, "parts": len(pieces)}
                ),
                piece,
            ).seal(self._keys)
            for n, piece in enumerate(pieces)
        ]
        for number, part in enumerate(sealed):
            self._snapshots.replace_one({"_id": _part(name, version, number)}, part, upsert=True)
        head = {"version": version, "parts": len(sealed), "at": at, "digests": [part["sha256"] for part in sealed]}
        self._make_live(name, head, not candidates or not candidates[0].digests)
        self._prune(name, [Head(version, len(sealed), at), *([previous] if previous else [])], at)
        return len(content)

    def head(self, name: str) -> Head | None:
        """The live version; None where nothing was ever published, StaleModel where its head is refused."""
        document = self._snapshots.find_one({"_id": name})
        return None if document is None else self._checked(document)

    def live(self, name: str, *, now: datetime) -> tuple[Head | None, list[str]]:
        """The live version, else the newest whose parts are all good, None without any; and why others were refused."""
        refused: list[str] = []
        candidates = self._candidates(name, now, refused)
        return next((head for head in candidates if head.digests or self._is_whole(name, head)), None), refused

    def newest(
        self, name: str, fingerprint: str, *, now: datetime, known: str = ""
    ) -> tuple[tuple[Head, dict[str, NDArray[Any]]] | None, list[str]]:
        """The live version with its arrays, of any shape, else the last good version before it with its arrays, None
        without any; and why others were refused.

        known  the version that the caller has already: None too where nothing newer than it is good
        """
        refused: list[str] = []
        for head in self._candidates(name, now, refused):
            if head.version == known or (not head.digests and head.version < known):
                return None, refused
            try:
                return (head, self.load(name, head, fingerprint)), refused
            except StaleModel as error:
                refused.append(str(error))
        return None, refused

    def load(self, name: str, head: Head, fingerprint: str) -> dict[str, NDArray[Any]]:
        """The arrays of a version, of any shape, by name; StaleModel where a part is missing, damaged, unsigned or of
        another fingerprint."""
        return unpacked(b"".join(self._pieces(name, head, fingerprint)))

    def _candidates(self, name: str, now: datetime, refused: list[str]) -> Iterator[Head]:
        """The live version, then others of which parts exist, the newest first; `refused` gets why the live one is."""
        live, latest = "", now + MAX_AHEAD
        try:
            head = self.head(name)
            if head is not None and head.at > latest:
                raise StaleModel(f"snapshot {name} {head.version}: lies in the future")
            if head is not None:
                live = head.version
                yield head
        except StaleModel as error:
            refused.append(str(error))
        past = [version for version in self._versions(name, latest) if version.version != live]
        yield from past[:MAX_TRIED]

    def _versions(self, name: str, latest: datetime) -> list[Head]:
        """Versions until that moment of which parts exist, the newest first."""
        ids = _ids_of(name) | {"$lt": f"{name} {version_at(latest)}!"}  # ids of another form do not use up the limit
        rows = self._snapshots.find({"_id": ids}, {"_id": 1}).sort("_id", -1).limit(MAX_LISTED)
        matches = (_PART.fullmatch(row["_id"].removeprefix(name)) for row in rows)
        parts = Counter(match[1] for match in matches if match)
        dated = ((version, _moment_of(version), count) for version, count in parts.items())
        return [Head(version, count, at) for version, at, count in dated if at is not None]

    def _pieces(self, name: str, head: Head, fingerprint: str | None = None) -> list[bytes]:
        """The bytes of each part, in order; StaleModel where one is missing or refused."""
        if not 0 < head.parts <= MAX_PARTS:
            raise StaleModel(f"snapshot {name} {head.version}: {head.parts} parts, more than there may be")
        pieces = []
        for number in range(head.parts):
            document = self._snapshots.find_one({"_id": _part(name, head.version, number)})
            if document is None:
                raise StaleModel(f"snapshot {name} {head.version}: a part is missing")
            part = Artifact.unseal(document, self._keys, fingerprint)
            position = {"part": number, "parts": head.parts}
            recorded = part.manifest.metrics or position  # parts as old as the unsigned heads do not record it
            if (part.manifest.family, part.manifest.key, part.manifest.version) != (FAMILY, name, head.version):
                raise StaleModel(f"snapshot {name} {head.version}: a part is another's")
            if recorded != position or (head.digests and document["sha256"] != head.digests[number]):
                raise StaleModel(f"snapshot {name} {head.version}: a part is another's")
            pieces.append(part.model)
        return pieces

    def _is_whole(self, name: str, head: Head) -> bool:
        try:
            return bool(self._pieces(name, head))
        except StaleModel:
            return False

    def _checked(self, document: Document) -> Head:
        name = f"snapshot {document['_id']}"
        if not is_signed(document, _SIGNED, self._keys):
            raise StaleModel(f"{name}: the signature of its head is not ours")
        if document["layout"] != _LAYOUT:
            raise StaleModel(f"{name}: layout {document['layout']} instead of {_LAYOUT}")
        version, parts, digests = document["version"], document["parts"], tuple(document["digests"])
        return Head(version, parts, document["at"], digests)

    def _make_live(self, name: str, head: Document, damaged: bool) -> None:
        """Point the head to these parts, unless a good head points to later ones; a damaged one is replaced."""
        signed = {"_id": name, "layout": _LAYOUT, **head}
        signed["signature"] = signature_of(signed, _SIGNED, self._keys[0])
        older = {} if damaged else {"version": {"$lte": head["version"]}}
        self._snapshots.replace_one({"_id": name} | older, signed, upsert=damaged)

    def _prune(self, name: str, kept: Sequence[Head], at: datetime) -> None:
        """Delete the parts of all versions before the newest kept one but for those kept, and of versions dated
        ahead."""
        latest = version_at(at + MAX_AHEAD)
        parts = [_part(name, head.version, number) for head in kept for number in range(head.parts)]
        other = {"_id": {**_ids_of(name), "$nin": parts}}
        ranges = [{"_id": {"$lt": f"{name} {kept[0].version}!"}}, {"_id": {"$gt": f"{name} {latest}!"}}]
        self._snapshots.delete_many(other | {"$or": ranges})


def packed(arrays: Arrays) -> bytes:
    """Plain arrays, of any shape, as an npz; the same arrays give the same bytes."""
    buffer = io.BytesIO()
    with ZipFile(buffer, "w") as archive:
        for name, array in arrays.items():
            entry = ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))  # numpy would put the time of day there
            with archive.open(entry, "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)
    return buffer.getvalue()


def unpacked(model: bytes) -> dict[str, NDArray[Any]]:
    """The arrays of an npz, of any shape, by name; StaleModel where the bytes are no npz of plain arrays.

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


def _ids_of(name: str) -> Document:
    """The ids of all parts under that name, as a range."""
    return {"$gt": f"{name} ", "$lt": f"{name}!"}


def _moment_of(version: str) -> datetime | None:
    """The moment in the name of a version; None for a name without a valid one."""
    try:
        return datetime.strptime(version, "%Y%m%dT%H%M%S%z")
    except ValueError:
        return None
