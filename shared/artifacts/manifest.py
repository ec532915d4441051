"""The manifest of a model, and the signed document that holds it together with the model's bytes."""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from shared.artifacts.codec import MAX_UNPACKED_BYTES, pack, unpack
from shared.artifacts.families import FAMILIES, family_of
from shared.clock import epoch_ms
from shared.documents import Document
from shared.errors import Refused, StaleModel
from shared.provenance import MadeFrom

Keys = Sequence[bytes]

MAX_BYTES = 15 * 2**20  # of a packed model; leaves a margin for the other fields below MongoDB's 16 MiB
LAYOUT = 1  # of the documents


@dataclass(frozen=True, slots=True)
class Manifest:
    """Where a model comes from and what it needs.

    family       which kind of model, e.g. "country"
    key          which one of them, e.g. "th"
    version      text that sorts by time
    trained_at   the moment of the run that made it
    window       first and last moment of the data it learnt from
    features     names of its features, in order
    fingerprint  of the feature set; a model is only used with the same one
    metrics      its metrics on a later window, beside those of the baselines
    libraries    versions of the libraries that made it
    made_from    values of its other inputs, by name: when one of these has changed, the model has to be made again
    also         further fields that the contract has for its family, by field
    """

    family: str
    key: str
    version: str
    trained_at: datetime
    window: tuple[datetime, datetime]
    features: tuple[str, ...]
    fingerprint: str
    metrics: Mapping[str, Any] = field(default_factory=dict)
    libraries: Mapping[str, str] = field(default_factory=dict)
    made_from: MadeFrom = field(default_factory=dict)
    also: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Artifact:
    """A manifest with the bytes of its model.

    model  in the form that its family keeps: XGBoost's own UBJSON, or an npz of plain arrays
    """

    manifest: Manifest
    model: bytes

    def seal(self, keys: Keys) -> Document:
        """The document to store, signed with the first key.

        Raises Refused when the model is too large for one document, NotFound for an unknown family.
        """
        packed, family = pack(self.model), family_of(self.manifest.family)
        if len(packed) > MAX_BYTES or len(self.model) > MAX_UNPACKED_BYTES:
            size = f"{len(self.model)} bytes, {len(packed)} packed"
            raise Refused(f"artifact {self.manifest.family}/{self.manifest.key}: {size}, is too large")
        document: Document = {
            "account": family.stored(self.manifest.key),
            "model": family.kind,
            "artifact": packed,
            "features": list(self.manifest.features),
            "trainedAt": self.manifest.trained_at,
            "family": self.manifest.family,
            "version": self.manifest.version,
            "windowFrom": self.manifest.window[0],
            "windowTo": self.manifest.window[1],
            "fingerprint": self.manifest.fingerprint,
            "metrics": dict(self.manifest.metrics),
            "libraries": dict(self.manifest.libraries),
            "layout": LAYOUT,
            "sha256": _digest(packed),
        } | {name: self.manifest.also[name] for name in family.also}
        if self.manifest.made_from:
            document["madeFrom"] = dict(self.manifest.made_from)
        return document | {"signature": signature_of(document, _signed_fields(document), keys[0])}

    @classmethod
    def unseal(cls, document: Document, keys: Keys, fingerprint: str | None = None) -> "Artifact":
        """The artifact of a stored document, whose bytes, signature, layout and, unless it is None, fingerprint are
        checked first.

        Raises StaleModel naming the check that failed; nothing of a refused document is ever parsed.
        """
        name = f"artifact {document.get('family')}/{document.get('account')} {document.get('version')}"
        packed = document.get("artifact")
        if not isinstance(packed, bytes):
            raise StaleModel(f"{name}: has no bytes")
        if document.get("sha256") != _digest(packed):
            raise StaleModel(f"{name}: the bytes are not those that were stored")
        if not is_signed(document, _signed_fields(document), keys):
            raise StaleModel(f"{name}: the signature is not ours")
        if document.get("layout") != LAYOUT:
            raise StaleModel(f"{name}: layout {document.get('layout')} instead of {LAYOUT}")
        if fingerprint is not None and document.get("fingerprint") != fingerprint:
            raise StaleModel(f"{name}: was trained for other features")
        return cls(_manifest(document), unpack(packed))


def version_at(moment: datetime) -> str:
    """The version of a model or a snapshot that was made at this moment, in UTC; versions sort by time as texts.

    >>> from datetime import UTC
    >>> version_at(datetime(2026, 1, 31, 12, tzinfo=UTC))
    '20260131T120000Z'
    """
    return f"{moment:%Y%m%dT%H%M%SZ}"


def _manifest(document: Document) -> Manifest:
    return Manifest(
        family=document["family"],
        key=str(document["account"]),
        version=document["version"],
        trained_at=document["trainedAt"],
        window=(document["windowFrom"], document["windowTo"]),
        features=tuple(document["features"]),
        fingerprint=document["fingerprint"],
        metrics=document["metrics"],
        libraries=document["libraries"],
        made_from=document.get("madeFrom", {}),
        also={name: document[name] for name in FAMILIES[document["family"]].also},
    )


def _digest(packed: bytes) -> str:
    return hashlib.sha256(packed).hexdigest()


_SIGNED = (
    "account",
    "model",
    "features",
    "trainedAt",
    "family",
    "version",
    "windowFrom",
    "windowTo",
    "fingerprint",
    "metrics",
    "libraries",
    "layout",
    "sha256",
)


def _signed_fields(document: Document) -> tuple[str, ...]:
    """Names of all fields that a reader relies on, the digest of the bytes included."""
    family = FAMILIES.get(str(document.get("family")))
    made_from = ("madeFrom",) if "madeFrom" in document else ()  # earlier versions signed without it
    return (*_SIGNED, *(family.also if family else ()), *made_from)


def signature_of(document: Document, names: Sequence[str], key: bytes) -> str:
    """HMAC-SHA256 over these fields of a document, in hex digits."""
    signed = {name: document.get(name) for name in names}
    text = json.dumps(signed, sort_keys=True, separators=(",", ":"), default=_plain)
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def is_signed(document: Document, names: Sequence[str], keys: Keys) -> bool:
    """Whether the document's signature over these fields was made with one of the keys."""
    signature = str(document.get("signature")).encode()
    return any(hmac.compare_digest(signature, signature_of(document, names, key).encode()) for key in keys)


def _plain(value: Any) -> Any:
    """A value that JSON has no type for: a date as {"$date": ms since 1970}, as MongoDB keeps it; else its text."""
    if isinstance(value, datetime):
        return {"$date": epoch_ms(value)}
    return str(value)
