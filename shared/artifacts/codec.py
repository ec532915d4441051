"""Compression of a model's bytes for a document, and decompression within a bound."""

import zlib

from shared.errors import StaleModel

MAX_UNPACKED_BYTES = 64 * 2**20  # of one model


def pack(model: bytes) -> bytes:
    """The model compressed; equal models give equal bytes."""
    return zlib.compress(model, 6)


def unpack(packed: bytes) -> bytes:
    """The decompressed model; StaleModel when the bytes are damaged or would grow beyond 64 MiB."""
    stream = zlib.decompressobj()
    try:
        model = stream.decompress(packed, MAX_UNPACKED_BYTES)
    except zlib.error as error:
        raise StaleModel(f"the bytes of an artifact cannot be unpacked: {error}") from None
    if stream.unconsumed_tail or not stream.eof or stream.unused_data:
        raise StaleModel("the bytes of an artifact are cut short, or larger than they may be")
    return model
