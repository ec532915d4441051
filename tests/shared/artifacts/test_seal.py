"""Signing a model with its manifest, and the checks of the signed document."""

import pickle
import tracemalloc
import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from bson import BSON, CodecOptions

from shared.artifacts import Artifact, Manifest
from shared.artifacts.codec import MAX_UNPACKED_BYTES, pack, unpack
from shared.errors import Refused, StaleModel

OLD_KEY, KEY = b"the key of last year", b"the key of this year"
NOW = datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=UTC)
MODEL = bytes(range(256)) * 8

MANIFEST = Manifest(
    family="country",
    key="th",
    version="20260131T120000Z",
    trained_at=NOW.replace(microsecond=123000),
    window=(NOW.replace(microsecond=0) - timedelta(days=10), NOW.replace(microsecond=0)),
    features=("likes", "age"),
    fingerprint="0123456789ab",
    metrics={"model": 0.43, "random": 0.03, "lists": 120.0},
    libraries={"xgboost": "3.0.0"},
)


@pytest.fixture
def stored():
    """A sealed artifact as the database gives it back."""
    return through_bson(Artifact(MANIFEST, MODEL).seal([KEY]))


def through_bson(document):
    return BSON.encode(document).decode(CODEC)


CODEC: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True)


def test_what_is_sealed_comes_back_whole(stored):
    assert Artifact.unseal(stored, [KEY], MANIFEST.fingerprint) == Artifact(MANIFEST, MODEL)


def test_a_moment_finer_than_the_database_keeps_does_not_break_the_seal():
    fine = replace(MANIFEST, trained_at=NOW)

    unsealed = Artifact.unseal(through_bson(Artifact(fine, MODEL).seal([KEY])), [KEY])

    assert unsealed.manifest.trained_at == NOW.replace(microsecond=123000)


def test_the_contract_of_other_readers_is_kept(stored):
    assert stored["account"] == "th"
    assert stored["model"] == "xgboost"
    assert stored["features"] == ["likes", "age"]
    assert stored["trainedAt"] == MANIFEST.trained_at
    assert isinstance(stored["artifact"], bytes)


def test_an_older_key_still_verifies_and_the_newest_signs():
    old = Artifact(MANIFEST, MODEL).seal([OLD_KEY])

    assert Artifact.unseal(old, [KEY, OLD_KEY]).model == MODEL
    assert Artifact(MANIFEST, MODEL).seal([KEY, OLD_KEY]) == Artifact(MANIFEST, MODEL).seal([KEY])
    with pytest.raises(StaleModel, match="signature"):
        Artifact.unseal(old, [KEY])


TAMPERED = {
    "account": "us",
    "model": "kmeans",
    "features": ["age", "likes"],
    "trainedAt": MANIFEST.trained_at + timedelta(days=1),
    "family": "global",
    "version": "29990101T000000Z",
    "windowFrom": MANIFEST.window[0] - timedelta(days=1),
    "windowTo": MANIFEST.window[1] + timedelta(days=1),
    "fingerprint": "ba9876543210",
    "metrics": {"model": 0.99, "random": 0.03, "lists": 120.0},
    "libraries": {"xgboost": "0.1"},
    "layout": 2,
    "sha256": "0" * 64,
    "artifact": pack(MODEL + b"!"),
    "signature": "0" * 64,
}


def test_every_field_that_is_stored_is_tried(stored):
    assert set(TAMPERED) == set(stored)


@pytest.mark.parametrize("field", TAMPERED)
def test_a_tampered_field_is_refused(stored, field):
    assert stored[field] != TAMPERED[field]

    with pytest.raises(StaleModel):
        Artifact.unseal(stored | {field: TAMPERED[field]}, [KEY])


@pytest.mark.parametrize("field", TAMPERED)
@pytest.mark.parametrize("value", [None, 7, "é", b"", [], {}], ids=repr)
def test_a_field_of_another_type_is_refused(stored, field, value):
    with pytest.raises(StaleModel):
        Artifact.unseal(stored | {field: value}, [KEY])


@pytest.mark.parametrize("field", TAMPERED)
def test_a_missing_field_is_refused(stored, field):
    del stored[field]

    with pytest.raises(StaleModel):
        Artifact.unseal(stored, [KEY])


def test_a_number_does_not_pass_for_the_date_it_stands_for(stored):
    milliseconds = int(stored["trainedAt"].timestamp() * 1000)

    with pytest.raises(StaleModel, match="signature"):
        Artifact.unseal(stored | {"trainedAt": milliseconds}, [KEY])


def test_the_document_of_another_key_does_not_pass_under_a_new_name(stored):
    other = through_bson(Artifact(replace(MANIFEST, key="us"), MODEL).seal([KEY]))

    with pytest.raises(StaleModel, match="signature"):
        Artifact.unseal(other | {"account": "th"}, [KEY])


def test_bytes_with_a_fitting_digest_need_the_key_as_well(stored):
    forged = Artifact(MANIFEST, MODEL + b"!").seal([b"a key that is guessed"])

    with pytest.raises(StaleModel, match="signature"):
        Artifact.unseal(stored | {name: forged[name] for name in ("artifact", "sha256")}, [KEY])


def test_a_model_for_other_features_is_refused(stored):
    with pytest.raises(StaleModel, match="other features"):
        Artifact.unseal(stored, [KEY], "ba9876543210")


def test_an_older_layout_is_refused_although_we_signed_it(monkeypatch):
    monkeypatch.setattr("shared.artifacts.manifest.LAYOUT", 0)
    old = Artifact(MANIFEST, MODEL).seal([KEY])
    monkeypatch.undo()

    with pytest.raises(StaleModel, match="layout 0 instead of 1"):
        Artifact.unseal(old, [KEY])


def test_bytes_cut_short_are_refused(stored):
    with pytest.raises(StaleModel, match="not those that were stored"):
        Artifact.unseal(stored | {"artifact": stored["artifact"][:-1]}, [KEY])


@pytest.mark.parametrize("damage", [pack(MODEL)[:-1], pack(MODEL) + b"x", b"", b"no zlib"], ids=repr)
def test_bytes_that_do_not_unpack_are_refused(damage):
    with pytest.raises(StaleModel, match="artifact"):
        unpack(damage)


def test_a_bomb_is_refused_before_it_fills_the_memory():
    compressor = zlib.compressobj(9)
    bomb = b"".join(compressor.compress(bytes(2**20)) for _ in range(128)) + compressor.flush()
    tracemalloc.start()

    with pytest.raises(StaleModel, match="larger than they may be"):
        unpack(bomb)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 * MAX_UNPACKED_BYTES


def test_a_model_that_no_document_holds_is_refused_with_its_size():
    noise = Random(0).randbytes(15 * 2**20 + 4096)

    with pytest.raises(Refused, match=r"country/th.*too large"):
        Artifact(MANIFEST, noise).seal([KEY])


def test_a_model_that_would_not_unpack_again_is_refused_at_once():
    with pytest.raises(Refused, match="too large"):
        Artifact(MANIFEST, bytes(MAX_UNPACKED_BYTES + 1)).seal([KEY])


class Trap:
    """Sets `sprung` when it is unpickled."""

    sprung = False

    def __reduce__(self):
        return setattr, (Trap, "sprung", True)


def test_a_pickle_is_never_unpickled(stored):
    original = {"account": "th", "model": "xgboost", "artifact": pickle.dumps(Trap()), "trainedAt": NOW}

    for document in (original, stored | {"artifact": pickle.dumps(Trap())}):
        with pytest.raises(StaleModel):
            Artifact.unseal(document, [KEY])

    assert not Trap.sprung


def test_equal_models_give_equal_bytes():
    assert pack(MODEL) == pack(bytes(MODEL))
    assert unpack(pack(MODEL)) == MODEL
    assert unpack(pack(b"")) == b""
