"""Text embeddings as they are stored: 512 numbers in half precision."""

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

EMBEDDING_SIZE: Final = 512
_STORED: Final = np.dtype("<f2")
STORED_BYTES: Final = EMBEDDING_SIZE * _STORED.itemsize


def packed(vectors: NDArray[np.float32]) -> list[bytes]:
    """Each row of (n, 512) vectors as 1,024 bytes: little-endian float16, exact to three digits.

    >>> [len(row) for row in packed(np.eye(2, EMBEDDING_SIZE, dtype=np.float32))]
    [1024, 1024]
    """
    return [row.tobytes() for row in vectors.astype(_STORED)]


def unpacked(rows: Iterable[bytes]) -> NDArray[np.float32]:
    """(n, 512) vectors out of their bytes; ValueError where a row has not 1,024 bytes.

    >>> unpacked(packed(np.eye(2, EMBEDDING_SIZE, dtype=np.float32))).sum()
    np.float32(2.0)
    """
    blobs = list(rows)
    if any(len(blob) != STORED_BYTES for blob in blobs):
        raise ValueError(f"a stored vector has {STORED_BYTES} bytes")
    return np.frombuffer(b"".join(blobs), _STORED).reshape(-1, EMBEDDING_SIZE).astype(np.float32)
